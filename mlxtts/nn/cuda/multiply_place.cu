// A row, normalised, times the matrix for queries, keys and values; then as `place`. A warp for each
// two numbers.
using Rows = Matrix<T, N, BITS, GROUP>;
__shared__ Factor<T, N, Rows::PER, THREADS> factor;
factor.take(x, weight, eps[0]);
const int n = 2 * ((blockIdx.x * THREADS + threadIdx.x) / 32), head = n / D;
if (head >= H + 2 * K) return;
float found[2];
Rows{matrix, scales, biases}.times(factor, {n, n + 1}, found);
if (threadIdx.x % 32) return;
const int position = positions[0];
if (head < H + K) rotate(found[0], found[1], position * rates[n % D / 2]);
const size_t place = (size_t(head) - H) * held_shape[2] + position;
T* to = head < H ? queries + n : const_cast<T*>(held) + place * D + n % D;
to[0] = static_cast<T>(found[0]);
to[1] = static_cast<T>(found[1]);
