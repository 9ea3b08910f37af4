// What the kernels share.
template <typename T>
struct alignas(16) Piece {
  T x[8];
};

template <typename T>
struct alignas(4 * sizeof(T)) Quad {
  T x[4];
};

__device__ inline float sigmoid(float x) { return 1 / (1 + __expf(-x)); }

__device__ inline float weight(float score, float top) {
  return score == -INFINITY ? 0.0f : __expf(score - top);
}
