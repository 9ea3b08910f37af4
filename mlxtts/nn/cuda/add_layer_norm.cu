// The norm of the sum of two rows of W numbers and a bias; a warp each.
constexpr int N = (W + 31) / 32;
const int row = blockIdx.x * R + threadIdx.x / 32, lane = threadIdx.x % 32;
if (row >= signal_shape[0]) return;
const size_t at = size_t(row) * W;
float held[N], mean = 0, squares = 0;
#pragma unroll
for (int n = 0; n < N; n++) {
  const int k = n * 32 + lane;
  held[n] = k < W ? signal[at + k] + added[at + k] + bias[k] : 0;
  mean += held[n];
}
for (int far = 16; far; far /= 2) mean += __shfl_xor_sync(~0u, mean, far);
mean /= W;
#pragma unroll
for (int n = 0; n < N; n++)
  if (n * 32 + lane < W) squares += (held[n] - mean) * (held[n] - mean);
for (int far = 16; far; far /= 2) squares += __shfl_xor_sync(~0u, squares, far);
const float gain = rsqrtf(squares / W + epsilon[0]);
#pragma unroll
for (int n = 0; n < N; n++) {
  const int k = n * 32 + lane;
  if (k < W) normed[at + k] = (held[n] - mean) * gain * scale[k] + shift[k];
}
