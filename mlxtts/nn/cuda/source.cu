// One sample of a source of H harmonics, K samples a value of the pitch, R a second.
const int time = pitch_shape[1], row = blockIdx.y, n = blockIdx.x * S + threadIdx.x;
if (n >= time * K) return;
const float* own = pitch + size_t(row) * time;
const int since = n - K / 2, middle = since < 0 ? 0 : since / K, next = middle + 1;
const float way = since < 0 ? 0 : (since % K + 0.5f) / K;
const bool voiced = own[n / K] > levels[0];
const float loudness = voiced ? levels[2] : levels[3];
float total = bias[0];
for (int h = 0; h < H; h++) {
  const float turns = next < lengths[row] ? own[next] * (h + 1) / R : 0;
  const unsigned so_far = sums[(size_t(row) * time + middle) * H + h] >> 8;
  const float cycles = so_far * 0x1p-24f + way * (K * (turns - floorf(turns)));
  const float wave = voiced ? levels[1] * sinf(6.283185307179586f * cycles) : 0;
  total += weight[h] * (wave + loudness * noise[(size_t(row) * time * K + n) * H + h]);
}
made[size_t(row) * time * K + n] = tanhf(total);
