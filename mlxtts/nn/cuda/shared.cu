// What the kernels share.
template <typename T>
struct alignas(16) Piece {
  T x[8];
};

__device__ inline float weight(float score, float top) {
  return score == -INFINITY ? 0.0f : __expf(score - top);
}
