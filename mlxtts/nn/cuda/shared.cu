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

// What the threads with one place in their warps, L of a block, have in all.
template <int L>
__device__ inline float across(float x) {
  __shared__ float parts[L][32];
  __syncthreads();
  parts[threadIdx.x / 32][threadIdx.x % 32] = x;
  __syncthreads();
  float total = 0;
  for (int n = 0; n < L; n++) total += parts[n][threadIdx.x % 32];
  return total;
}
