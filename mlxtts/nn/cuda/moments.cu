// Of 32 channels in a stretch of a row's own steps, which the block's threads hold: the mean, and
// the squares around it. ADD: of the sum of what is given, which is written too.
const int time = signal_shape[1], channels = signal_shape[2], tiles = (channels + 31) / 32;
const int row = blockIdx.y, stretch = blockIdx.x / tiles, stretches = (time + L * N - 1) / (L * N);
const int channel = blockIdx.x % tiles * 32 + threadIdx.x % 32, lane = threadIdx.x / 32;
const int start = stretch * L * N, count = min(lengths[row] - start, L * N);
if (count <= 0) return;
const size_t first = (size_t(row) * time + start) * channels + channel;
float held[N], total = 0, squares = 0;
#pragma unroll
for (int n = 0; n < N; n++) {
  const int step = n * L + lane;
  const size_t at = first + size_t(step) * channels;
  held[n] = 0;
  if (step >= count || channel >= channels) continue;
  held[n] = signal[at];
  if (ADD) sum[at] = held[n] += added[at] + bias[channel];
  total += held[n];
}
const float mean = across<L>(total) / count;
#pragma unroll
for (int n = 0; n < N; n++)
  if (n * L + lane < count) squares += (held[n] - mean) * (held[n] - mean);
squares = across<L>(squares);
if (lane == 0 && channel < channels) {
  float* to = parts + (size_t(row) * stretches + stretch) * 2 * channels + channel;
  to[0] = mean;
  to[channels] = squares;
}
