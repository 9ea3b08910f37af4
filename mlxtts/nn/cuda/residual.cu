// Seven taps on a signal's snake, and the snake of that; the signal amid the taps; and its end.
// A thread has a channel of S outputs as far apart as the taps are: each needs one step of the
// signal that the last did not. Steps are read U at a time.
constexpr int U = 8;
const int time = given_shape[1], channels = given_shape[2], before = kept_shape[1], apart = before / 6;
const int n = blockIdx.x * 256 + threadIdx.x, c = n % channels, chain = n / channels;
const int row = blockIdx.y, part = chain / apart, start = part * S * apart + chain % apart;
if (part && start >= time) return;
const Joined<T> joined(kept, given, before, time, channels, row, places, numbers);
const Snake outer(static_cast<float>(alpha[c])), inner(static_cast<float>(beta[c]));
const float bias = static_cast<float>(biases[c]), more = static_cast<float>(shift[c]);
const size_t out = size_t(row) * time * channels + c;
float w[7], s[6 + U];
for (int k = 0; k < 7; k++) w[k] = static_cast<float>(weight[k * channels + c]);
const auto pass = [&](int step, float value) {
  const int middle = step - before / 2;
  if (middle >= 0 && middle < time) amid[out + size_t(middle) * channels] = T(value + more);
  if (step >= time && step < time + before)
    after[(size_t(row) * before + step - time) * channels + c] = T(value);
  return outer(value);
};
#pragma unroll
for (int i = 0; i < 6; i++) s[i] = joined.at(start + i * apart, c);
#pragma unroll
for (int i = 0; i < 6; i++) s[i] = part ? outer(s[i]) : pass(start + i * apart, s[i]);
for (int i = 0; i < S; i += U) {
  const int t = start + i * apart;
  if (t >= time) break;
#pragma unroll
  for (int u = 0; u < U; u++) s[6 + u] = joined.at(t + (6 + u) * apart, c);
#pragma unroll
  for (int u = 0; u < U; u++) {
    s[6 + u] = pass(t + (6 + u) * apart, s[6 + u]);
    float sum = bias;
    for (int k = 0; k < 7; k++) sum += w[k] * s[u + k];
    if (t + u * apart < time) made[out + size_t(t + u * apart) * channels] = T(inner(sum));
  }
#pragma unroll
  for (int k = 0; k < 6; k++) s[k] = s[U + k];
}
