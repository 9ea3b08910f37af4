// A signal and a product of it times normal noise, a number a step.
// The numbers are those of mx.random.normal: Threefry's first word for a count of 0, from which
// comes a number between -1 and 1, and of that the inverse error function.
constexpr int TURNS[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
const int time = given_shape[1], channels = given_shape[2], row = blockIdx.y, me = threadIdx.x;
const int first = blockIdx.x * L, count = min(L, time - first) * channels;
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
const size_t from = (size_t(row) * time + first) * channels;
for (int at = me; at < count; at += 256 * U) {
  float plain[U], times[U];
  for (int u = 0; u < U; u++) {
    const size_t n = from + min(at + u * 256, count - 1);
    plain[u] = static_cast<float>(given[n]);
    times[u] = static_cast<float>(product[n]);
  }
  for (int u = 0; u < U && at + u * 256 < count; u++) {
    const int n = at + u * 256;
    made[from + n] = T(plain[u] + noise[n / channels] * times[u]);
  }
}
