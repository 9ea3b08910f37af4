// Seven taps on all channels of a signal's snake, and the hyperbolic tangent of that; and the
// signal's end.
// A block has the outputs of STEPS - 6 steps; a team of 8 threads shares the channels of a step, and
// a thread has the same of U steps.
constexpr int U = 4, STEPS = 32 * U;
const int time = given_shape[1], channels = given_shape[2], row = blockIdx.y;
const int first = blockIdx.x * (STEPS - 6), team = threadIdx.x / 8, lane = threadIdx.x % 8;
const Joined<T> joined(kept, given, 6, time, channels, row, places, numbers);
float sum[U][7];
for (int u = 0; u < U; u++)
  for (int k = 0; k < 7; k++) sum[u][k] = 0;
for (int c = lane; c < channels; c += 8) {
  const Snake snake(static_cast<float>(alpha[c]));
  float w[7], value[U];
  for (int k = 0; k < 7; k++) w[k] = static_cast<float>(weight[c * 7 + k]);
  for (int u = 0; u < U; u++) value[u] = joined.at(first + team + 32 * u, c);
  for (int u = 0; u < U; u++) {
    const int ending = first + team + 32 * u - time;
    if (ending >= 0 && ending < 6) after[(size_t(row) * 6 + ending) * channels + c] = T(value[u]);
    value[u] = snake(value[u]);
    for (int k = 0; k < 7; k++) sum[u][k] += w[k] * value[u];
  }
}
__shared__ float sums[7][STEPS];
for (int u = 0; u < U; u++)
  for (int k = 0; k < 7; k++) {
    for (int far = 4; far; far /= 2) sum[u][k] += __shfl_xor_sync(0xffffffff, sum[u][k], far);
    if (lane == 0) sums[k][team + 32 * u] = sum[u][k];
  }
__syncthreads();
const int n = threadIdx.x;
if (n >= STEPS - 6 || first + n >= time) return;
float out = static_cast<float>(bias[0]);
for (int k = 0; k < 7; k++) out += sums[k][n + k];
made[size_t(row) * time + first + n] = T(tanhf(out));
