// A row times a matrix of M rows, and `more`; a warp for each number.
using Rows = Matrix<T, N, BITS, GROUP>;
__shared__ Factor<T, N, Rows::PER, THREADS> factor;
factor.take(x);
const int n = (blockIdx.x * THREADS + threadIdx.x) / 32;
if (n >= M) return;
float found[1];
Rows{matrix, scales, biases}.times(factor, {n}, found);
if (threadIdx.x % 32 == 0) sum[n] = static_cast<T>(static_cast<float>(more[n]) + found[0]);
