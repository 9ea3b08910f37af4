// One direction of one row of an LSTM, a step after another. A thread sums its share of four gates.
constexpr int GATES = 4 * H;
__shared__ float hidden[H], sums[P][GATES];
const int quad = threadIdx.x % H, share = threadIdx.x / H, backward = blockIdx.x, row = blockIdx.y;
const int batch = inputs_shape[1], time = inputs_shape[2], length = lengths[row];
const T* matrix = weights + size_t(backward) * H * GATES + 4 * quad;
const float* given = inputs + size_t(backward * batch + row) * time * GATES + quad;
float* to = states + (size_t(row) * time * 2 + backward) * H + quad;
float cell = 0;
if (share == 0) {
  hidden[quad] = 0;
  for (int t = length; t < time; t++) to[size_t(t) * 2 * H] = 0;
}
__syncthreads();
for (int step = 0; step < length; step++) {
  const int t = backward ? length - 1 - step : step;
  float gates[4], sum[4] = {0, 0, 0, 0};
  if (share == 0)
    for (int n = 0; n < 4; n++) gates[n] = given[size_t(t) * GATES + n * H];
#pragma unroll 16
  for (int k = share; k < H; k += P) {
    const Quad<T> some = *reinterpret_cast<const Quad<T>*>(matrix + size_t(k) * GATES);
    for (int n = 0; n < 4; n++) sum[n] += hidden[k] * static_cast<float>(some.x[n]);
  }
  for (int n = 0; n < 4; n++) sums[share][4 * quad + n] = sum[n];
  __syncthreads();
  if (share == 0) {
    for (int n = 0; n < 4; n++)
      for (int p = 0; p < P; p++) gates[n] += sums[p][n * H + quad];
    cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * tanhf(gates[2]);
    hidden[quad] = to[size_t(t) * 2 * H] = sigmoid(gates[3]) * tanhf(cell);
  }
  __syncthreads();
}
