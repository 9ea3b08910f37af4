// What the kernels share.
template <typename T>
struct alignas(sizeof(T) == 1 ? 8 : 16) Piece {
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

// Of all threads of a block, what 1 in 8 bits stands for, where they hold numbers up to `mine`.
__device__ inline float scale_of(float mine, float* all, int count) {
  all[threadIdx.x] = mine;
  __syncthreads();
  float most = 0;
  for (int n = 0; n < count; n++) most = fmaxf(most, all[n]);
  return most > 0 ? most / 127 : 1.0f;
}
