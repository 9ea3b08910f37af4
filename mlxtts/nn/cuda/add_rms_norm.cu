// A row's sum, and that normalised by its root mean square; a block for each row.
const int row = blockIdx.x;
const size_t begin = size_t(row) * N;
__shared__ float squares[32];
float square = 0;
for (int n = threadIdx.x; n < N; n += THREADS) {
  const T both = static_cast<T>(static_cast<float>(x[begin + n]) + static_cast<float>(y[begin + n]));
  sum[begin + n] = both;
  square += static_cast<float>(both) * static_cast<float>(both);
}
for (int far = 16; far; far /= 2) square += __shfl_xor_sync(0xffffffff, square, far);
if (threadIdx.x % 32 == 0) squares[threadIdx.x / 32] = square;
__syncthreads();
float whole = 0;
for (int w = 0; w < THREADS / 32; w++) whole += squares[w];
const float scale = rsqrtf(whole / N + eps[0]);
for (int n = threadIdx.x; n < N; n += THREADS)
  normal[begin + n] =
      static_cast<T>(static_cast<float>(sum[begin + n]) * scale * static_cast<float>(weight[n]));
