// Attention of a tile of queries of one head to all of their row's own positions, a tile of 32 keys
// after another: of its warp's queries' scores a thread has those for one key.
constexpr int EACH = 4, QUERIES = EACH * W, MINE = (D + 31) / 32;
__shared__ float queries[QUERIES][D], keys[32][D + 1], values[32][D], weights[QUERIES][32];
const int rows = lengths_shape[0], time = qkv_shape[0] / rows, row = blockIdx.y;
const int head = blockIdx.x % H, first = blockIdx.x / H * QUERIES, length = lengths[row];
const int lane = threadIdx.x % 32, own = threadIdx.x / 32 * EACH;
const float* from = qkv + size_t(row) * time * 3 * H * D + head * D;
float most[EACH], sums[EACH], found[EACH][MINE];
for (int n = threadIdx.x; n < QUERIES * D; n += 32 * W) {
  const int query = min(first + n / D, time - 1);
  queries[n / D][n % D] = from[size_t(query) * 3 * H * D + n % D] * rsqrtf(D);
}
for (int q = 0; q < EACH; q++) {
  most[q] = -INFINITY;
  sums[q] = 0;
  for (int n = 0; n < MINE; n++) found[q][n] = 0;
}
for (int start = 0; start < length; start += 32) {
  __syncthreads();
  for (int n = threadIdx.x; n < 32 * D; n += 32 * W) {
    const int key = start + n / D;
    const float* there = from + size_t(key) * 3 * H * D + H * D + n % D;
    keys[n / D][n % D] = key < length ? there[0] : 0;
    values[n / D][n % D] = key < length ? there[H * D] : 0;
  }
  __syncthreads();
  float scores[EACH] = {};
  for (int d = 0; d < D; d++)
    for (int q = 0; q < EACH; q++) scores[q] += queries[own + q][d] * keys[lane][d];
  for (int q = 0; q < EACH; q++) {
    if (start + lane >= length) scores[q] = -INFINITY;
    float top = fmaxf(most[q], scores[q]);
    for (int far = 16; far; far /= 2) top = fmaxf(top, __shfl_xor_sync(~0u, top, far));
    const float kept = weight(most[q], top), now = weight(scores[q], top);
    most[q] = top;
    sums[q] = sums[q] * kept + now;
    weights[own + q][lane] = now;
    for (int n = 0; n < MINE; n++) found[q][n] *= kept;
  }
  __syncthreads();
  for (int key = 0; key < 32; key++)
    for (int n = 0; n < MINE; n++) {
      const float value = values[key][min(n * 32 + lane, D - 1)];
      for (int q = 0; q < EACH; q++) found[q][n] += weights[own + q][key] * value;
    }
}
for (int q = 0; q < EACH; q++) {
  float sum = sums[q];
  for (int far = 16; far; far /= 2) sum += __shfl_xor_sync(~0u, sum, far);
  const int query = first + own + q;
  for (int d = lane; d < D && query < time; d += 32)
    attended[(size_t(row) * time + query) * H * D + head * D + d] = found[q][d / 32] / sum;
}
