// `attend` to keys and values of 8 bits, on tensor cores.
// A warp looks at two tiles of 16 positions at a time. Scores are products of a tile's keys with up
// to four queries, each of which is two columns of 8 bits: n = 256 * high + low. Sums of values are
// products of values with the columns' weights, in halves; a value v is there as 1152 + v, and what
// that is too much is known from a row of ones. In both products a thread has bytes that lie side
// by side where the layout of fragments would have them apart: which number a row or column of a
// fragment has is of no matter as long as both factors agree.
constexpr int G = H / K, U = 2, WORDS = D / 16, PARTS = D / 32, BLOCKS = D / 16;
constexpr float TOO_MUCH = 1152;  // of the half 0x64nn, n from 0 to 255, and n - 128
const int head = blockIdx.x, row = blockIdx.y, warp = threadIdx.x / 32;
const int group = threadIdx.x % 32 / 4, lane = threadIdx.x % 4;
const size_t columns = held_shape[2];
const int count = positions[row] + 1;
const size_t first_key = (size_t(row) * 2 * K + head) * columns, first_value = first_key + K * columns;
const int8_t *keys = held + first_key * D, *values = held + first_value * D;

// Column `group` of the queries: the high or low parts of one, of its numbers a quarter.
unsigned asked[WORDS];
float unit = 0;  // what 1 of n stands for
{
  const T* query = queries + (size_t(row) * H + head * G + min(group / 2, G - 1)) * D + lane * D / 4;
  float most = 0;
  for (int d = 0; d < D / 4; d++) most = fmaxf(most, fabsf(static_cast<float>(query[d])));
  for (int far = 1; far < 4; far *= 2) most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, far));
  const float part = most > 0 ? most / 32512 : 1.0f;
  for (int w = 0; w < WORDS; w++) {
    asked[w] = 0;
    for (int byte = 0; byte < 4; byte++) {
      const int n = static_cast<int>(rintf(static_cast<float>(query[4 * w + byte]) / part));
      const int high = (n + 128) >> 8, some = group % 2 ? n - 256 * high : high;
      asked[w] |= (some & 255u) << 8 * byte;
    }
  }
  unit = __shfl_sync(0xffffffff, part, 8 * lane) * rsqrtf(float(D));
}
const float usual = scales[first_value + count - 1];  // halves have few exponents
float top = -INFINITY, total = 0;                      // of query `lane`
float sum[BLOCKS + 1][4] = {};                         // queries 2 * lane and 2 * lane + 1; the ones
for (int first = warp * 16 * U; first < count; first += W * 16 * U) {
  Words<WORDS> key[U][2];
  Words<PARTS> value[U][4];
  float key_scale[U][2], value_scale[U][2], score[U][2], most = top;
#pragma unroll
  for (int u = 0; u < U; u++) {
#pragma unroll
    for (int n = 0; n < 2; n++) {
      const size_t position = min(first + 16 * u + 8 * n + group, count - 1);
      key[u][n] = *reinterpret_cast<const Words<WORDS>*>(keys + position * D + lane * D / 4);
      key_scale[u][n] = scales[first_key + position];
      value_scale[u][n] = scales[first_value + position] / usual;
    }
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const size_t position = min(first + 16 * u + 8 * (n / 2) + 2 * lane + n % 2, count - 1);
      value[u][n] = *reinterpret_cast<const Words<PARTS>*>(values + position * D + group * D / 8);
    }
  }
#pragma unroll
  for (int u = 0; u < U; u++) {
    int dots[4] = {};
#pragma unroll
    for (int w = 0; w < WORDS; w += 2) {
      const unsigned a[4] = {key[u][0].x[w], key[u][1].x[w], key[u][0].x[w + 1], key[u][1].x[w + 1]};
      const unsigned b[2] = {asked[w], asked[w + 1]};
      multiply(dots, a, b);
    }
#pragma unroll
    for (int n = 0; n < 2; n++) {
      const bool there = lane < G && first + 16 * u + 8 * n + group < count;
      const float dot = static_cast<float>(256 * dots[2 * n] + dots[2 * n + 1]);
      score[u][n] = there ? dot * unit * key_scale[u][n] : -INFINITY;
      most = fmaxf(most, score[u][n]);
    }
  }
  for (int far = 4; far < 32; far *= 2) most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, far));
  const float old = weight(top, most);
  const float fade[2] = {__shfl_sync(0xffffffff, old, 2 * lane % 4), __shfl_sync(0xffffffff, old, 2 * lane % 4 + 1)};
  top = most;
  total *= old;
#pragma unroll
  for (int j = 0; j <= BLOCKS; j++)
    for (int n = 0; n < 4; n++) sum[j][n] *= fade[n % 2];
#pragma unroll
  for (int u = 0; u < U; u++) {
    const float near = weight(score[u][0], top), far = weight(score[u][1], top);
    total += near + far;
    const unsigned both = halves(near * value_scale[u][0], far * value_scale[u][1]);
    const int from = 8 * lane + group % 4;
    unsigned even = __shfl_sync(0xffffffff, both, from), odd = __shfl_sync(0xffffffff, both, from + 4);
    if (group >= 4) even = odd = 0;
    const unsigned b[2] = {__byte_perm(even, odd, 0x5410), __byte_perm(even, odd, 0x7632)};
#pragma unroll
    for (int j = 0; j < BLOCKS; j++) {
      unsigned a[4];
#pragma unroll
      for (int n = 0; n < 2; n++) {
        const unsigned one = value[u][2 * n].x[j / 2], next = value[u][2 * n + 1].x[j / 2];
        const unsigned four = __byte_perm(one, next, j % 2 ? 0x7362 : 0x5140) ^ 0x80808080u;
        a[2 * n] = __byte_perm(four, 0x64646464u, 0x4140);
        a[2 * n + 1] = __byte_perm(four, 0x64646464u, 0x4342);
      }
      multiply(sum[j], a, b);
    }
    const unsigned ones[4] = {0x3C003C00u, 0x3C003C00u, 0x3C003C00u, 0x3C003C00u};
    multiply(sum[BLOCKS], ones, b);
  }
}
for (int far = 4; far < 32; far *= 2) total += __shfl_xor_sync(0xffffffff, total, far);
__shared__ float parts[W][G][D + 2];
#pragma unroll
for (int n = 0; n < 2; n++) {
  const int g = 2 * lane + n;
  if (g >= G) continue;
  const float less = TOO_MUCH * sum[BLOCKS][n];
#pragma unroll
  for (int j = 0; j < BLOCKS; j++) {
    parts[warp][g][group * D / 8 + 2 * j] = sum[j][n] - less;
    parts[warp][g][group * D / 8 + 2 * j + 1] = sum[j][n + 2] - less;
  }
}
if (group == 0 && lane < G) {
  parts[warp][lane][D] = top;
  parts[warp][lane][D + 1] = total;
}
merge(parts, attended + (size_t(row) * H + head * G) * D, usual);
