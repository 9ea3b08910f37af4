// 32 channels of a stretch of one row, normalised over all of the row's own steps, then scaled,
// shifted and bent. ALONE: the stretch is all there is, and its moments are found here.
const int rows = signal_shape[0], time = signal_shape[1], channels = signal_shape[2];
const int tiles = (channels + 31) / 32, stretches = (time + L * N - 1) / (L * N);
const int row = blockIdx.y, start = blockIdx.x / tiles * L * N, length = lengths[row];
const int place = blockIdx.x % tiles * 32 + threadIdx.x % 32, lane = threadIdx.x / 32;
const int channel = min(place, channels - 1);
const size_t first = (size_t(row) * time + start) * channels + channel;
float held[ALONE ? N : 1], mean = 0, squares = 0;
if (ALONE) {
#pragma unroll
  for (int n = 0; n < N; n++) {
    const int step = n * L + lane;
    held[n] = step < length ? signal[first + size_t(step) * channels] : 0;
    mean += held[n];
  }
  mean = across<L>(mean) / length;
#pragma unroll
  for (int n = 0; n < N; n++)
    if (n * L + lane < length) squares += (held[n] - mean) * (held[n] - mean);
} else {
  const float* part = parts + size_t(row) * stretches * 2 * channels + channel;
  for (int s = lane; s * L * N < length; s += L)
    mean += part[size_t(s) * 2 * channels] * min(length - s * L * N, L * N);
  mean = across<L>(mean) / length;
  for (int s = lane; s * L * N < length; s += L) {
    const float* moments = part + size_t(s) * 2 * channels;
    const float off = moments[0] - mean;
    squares += moments[channels] + off * off * min(length - s * L * N, L * N);
  }
}
squares = across<L>(squares);
const float gain = (1 + wanted[channel * rows + row]) * rsqrtf(squares / length + 1e-5f);
const float shift = wanted[(channels + channel) * rows + row];
const float alpha = SNAKE ? bend[channel] : bend[0];
#pragma unroll(ALONE ? N : 8)
for (int n = 0; n < N; n++) {
  const int step = start + n * L + lane;
  const size_t at = first + size_t(n * L + lane) * channels;
  if (step >= time || place >= channels) continue;
  const float x = ALONE ? held[ALONE ? n : 0] : step < length ? signal[at] : 0;
  float y = (x - mean) * gain + shift;
  if (SNAKE) {
    const float wave = sinf(alpha * y);
    y += wave * wave / (alpha + 1e-9f);
  } else {
    y = fmaxf(y, alpha * y);
  }
  bent[at] = step < length ? y : 0;
}
