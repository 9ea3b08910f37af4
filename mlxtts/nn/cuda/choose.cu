// Penalise, truncate and draw.
// A block chooses for a row; a thread has every 256th of the logits.
constexpr int I = (N + 255) / 256, TRIED = 7;
const int row = blockIdx.x, me = threadIdx.x;
const float temperature = settings[row * 5], draw = settings[row * 5 + 1];
const float top_p = settings[row * 5 + 2], min_p = settings[row * 5 + 3];
const float penalty = settings[row * 5 + 4];

__shared__ unsigned seen[(N + 31) / 32];
for (int n = me; n < (N + 31) / 32; n += 256) seen[n] = 0;
__syncthreads();
for (int n = me; n < M; n += 256) {
  const int code = said[(size_t(row) * M + n) * S + slot[0]];
  if (code < N) atomicOr(&seen[code / 32], 1u << code % 32);
}
__syncthreads();
float x[I], p[I], top = -INFINITY;
for (int i = 0; i < I; i++) {
  const int n = i * 256 + me;
  x[i] = n < N ? static_cast<float>(logits[size_t(row) * N + n]) : -INFINITY;
  if (n < N && (seen[n / 32] >> n % 32 & 1)) x[i] = x[i] > 0 ? x[i] / penalty : x[i] * penalty;
  x[i] /= temperature;
  top = fmaxf(top, x[i]);
}
__shared__ float maxima[8], sums[TRIED][8];
for (int far = 16; far; far /= 2) top = fmaxf(top, __shfl_xor_sync(0xffffffff, top, far));
if (me % 32 == 0) maxima[me / 32] = top;
__syncthreads();
for (int w = 0; w < 8; w++) top = fmaxf(top, maxima[w]);
float enough = 0;
for (int i = 0; i < I; i++) enough += p[i] = expf(x[i] - top);
for (int far = 16; far; far /= 2) enough += __shfl_xor_sync(0xffffffff, enough, far);
if (me % 32 == 0) sums[0][me / 32] = enough;
__syncthreads();
enough = 0;
for (int w = 0; w < 8; w++) enough += sums[0][w];
enough *= top_p;

// The likeliest that together are enough: the bits of floats from 0 to 1 are ordered as they are,
// so those of the least of them are found three at a time. `below` is the greatest above which
// there is enough.
int below = -1;
if (top_p < 1) {
  below = 0;
  for (int place = 27; place >= 0; place -= 3) {
    float above[TRIED];
    for (int t = 0; t < TRIED; t++) {
      const int bits = below + ((t + 1) << place);
      above[t] = 0;
      for (int i = 0; i < I; i++) above[t] += __float_as_int(p[i]) > bits ? p[i] : 0.0f;
      for (int far = 16; far; far /= 2) above[t] += __shfl_xor_sync(0xffffffff, above[t], far);
    }
    __syncthreads();
    if (me % 32 == 0) for (int t = 0; t < TRIED; t++) sums[t][me / 32] = above[t];
    __syncthreads();
    int digit = 0;
    for (int t = 0; t < TRIED; t++) {
      float whole = 0;
      for (int w = 0; w < 8; w++) whole += sums[t][w];
      digit += whole >= enough;
    }
    below += digit << place;
  }
}
const float least = min_p > 0 ? top + logf(min_p) : -INFINITY;
float best = -INFINITY;
int choice = 0;
for (int i = 0; i < I; i++) {
  const int n = i * 256 + me;
  if (n >= N || __float_as_int(p[i]) <= below || x[i] < least) continue;
  const float score = x[i] + draw * noise[(size_t(row) * S + slot[0]) * L + n];
  if (score > best) {
    best = score;
    choice = n;
  }
}
for (int far = 16; far; far /= 2) {
  const float score = __shfl_xor_sync(0xffffffff, best, far);
  const int other = __shfl_xor_sync(0xffffffff, choice, far);
  if (score > best || (score == best && other < choice)) {
    best = score;
    choice = other;
  }
}
__shared__ int choices[8];
if (me % 32 == 0) {
  maxima[me / 32] = best;
  choices[me / 32] = choice;
}
__syncthreads();
if (me) return;
for (int w = 1; w < 8; w++)
  if (maxima[w] > best || (maxima[w] == best && choices[w] < choice)) {
    best = maxima[w];
    choice = choices[w];
  }
chosen[row] = choice;
