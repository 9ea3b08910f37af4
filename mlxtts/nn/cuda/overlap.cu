// Each step begins what it has in the first half of its product and ends it, a step later, with what
// the next begins.
const int channels = bias_shape[0], half = product_shape[2] / 2, row = blockIdx.y;
const int whole = (product_shape[1] - 1) * half, me = blockIdx.x * 256 * U + threadIdx.x;
const T* from = product + size_t(row) * product_shape[1] * 2 * half;
float now[U], before[U];
for (int u = 0; u < U; u++) {
  const int n = min(me + u * 256, whole - 1);
  const size_t at = size_t(n) + n / half * half + half;
  before[u] = static_cast<float>(from[at]);
  now[u] = static_cast<float>(from[at + half]);
}
for (int u = 0; u < U; u++) {
  const int n = me + u * 256;
  if (n >= whole) return;
  made[size_t(row) * whole + n] = T(now[u] + before[u] + static_cast<float>(bias[n % channels]));
}
