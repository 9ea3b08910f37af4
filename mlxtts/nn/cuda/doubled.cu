// One number: of twice the time, by a transposed convolution of three taps a channel.
const int time = signal_shape[1], channels = signal_shape[2], row = blockIdx.y;
const int at = blockIdx.x * S + threadIdx.x, step = at / channels, channel = at % channels;
if (step >= 2 * time) return;
const float* from = signal + (size_t(row) * time + step / 2) * channels + channel;
float y = 0;
if (step / 2 < lengths[row]) {
  y = bias[channel] + from[0] * weight[(step % 2 + 1) * channels + channel];
  if (step % 2 && step / 2 + 1 < lengths[row]) y += from[channels] * weight[channel];
}
doubled[size_t(row) * 2 * time * channels + at] = y;
