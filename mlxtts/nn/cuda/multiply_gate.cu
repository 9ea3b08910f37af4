// A row, normalised, times a matrix of 2 M rows, half of which make gates for the others; a warp for
// each two.
using Rows = Matrix<T, N, BITS, GROUP>;
__shared__ Factor<T, N, Rows::PER, THREADS> factor;
factor.take(x, weight, eps[0]);
const int n = (blockIdx.x * THREADS + threadIdx.x) / 32;
if (n >= M) return;
float found[2];
Rows{matrix, scales, biases}.times(factor, {n, M + n}, found);
if (threadIdx.x % 32 == 0) gated[n] = static_cast<T>(found[0] * sigmoid(found[0]) * found[1]);
