// The end of upsampling, and what comes of it times normal noise, a number a step.
// Of a product's two halves a step begins what it has in the first, and ends in the second what the
// step before began. The noise is that of mx.random.normal: Threefry's first word for a count of 0,
// from which comes a number between -1 and 1, and of that the inverse error function.
constexpr int TURNS[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
const int channels = bias_shape[0], half = product_shape[2] / 2, row = blockIdx.y, me = threadIdx.x;
const int time = (product_shape[1] - 1) * (half / channels), first = blockIdx.x * L;
const int end = min(first + L, time) * channels;
__shared__ float noise[L];
if (me < L) {
  const long long place = places[row] * static_cast<long long>(numbers[0]) + numbers[1];
  const uint32_t one = keys[2 * row] + uint32_t(numbers[2]);
  const uint32_t two = keys[2 * row + 1] + uint32_t(place + first + me);
  const uint32_t words[3] = {one, two, one ^ two ^ 0x1BD11BDA};
  uint32_t a = one, b = two;
#pragma unroll
  for (int i = 0; i < 5; i++) {
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const int turn = TURNS[i % 2][k];
      a += b;
      b = (b << turn | b >> (32 - turn)) ^ a;
    }
    a += words[(i + 1) % 3];
    b += words[(i + 2) % 3] + i + 1;
  }
  const float unit = min(static_cast<float>(a) * 2.3283064365386963e-10f, 0.99999994f);
  noise[me] = 1.41421356f * erfinvf(2 * unit - 0.99999994f);
}
__syncthreads();
const T* from = product + size_t(row) * product_shape[1] * 2 * half + half;
const size_t to = size_t(row) * time * channels;
for (int at = first * channels + me; at < end; at += 256 * U) {
  float now[U], before[U];
  for (int u = 0; u < U; u++) {
    const int n = min(at + u * 256, end - 1);
    const size_t place = size_t(n) + n / half * half;
    before[u] = static_cast<float>(from[place]);
    now[u] = static_cast<float>(from[place + half]);
  }
  for (int u = 0; u < U && at + u * 256 < end; u++) {
    const int n = at + u * 256, step = n / channels;
    const float whole = now[u] + before[u] + static_cast<float>(bias[n - step * channels]);
    made[to + n] = T(whole);
    noisy[to + n] = T(whole * noise[step - first]);
  }
}
