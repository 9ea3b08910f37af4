// The snake of a signal, what was kept of it in front; and the signal's end.
const int time = given_shape[1], channels = given_shape[2], before = kept_shape[1], row = blockIdx.y;
const int whole = (before + time) * channels, me = blockIdx.x * 256 * U + threadIdx.x;
const Joined<T> joined(kept, given, before, time, channels, row, places, numbers);
float value[U];
for (int u = 0; u < U; u++)
  value[u] = joined.at((me + u * 256) / channels, (me + u * 256) % channels);
for (int u = 0; u < U; u++) {
  const int n = me + u * 256, ending = n - time * channels;
  if (n >= whole) return;
  made[size_t(row) * whole + n] = T(Snake(static_cast<float>(alpha[n % channels]))(value[u]));
  if (ending >= 0) after[size_t(row) * before * channels + ending] = T(value[u]);
}
