// The first half of each row's numbers, times their sigmoid and the second half; a thread for each
// piece of a row, of N numbers.
const size_t row = blockIdx.y, n = (blockIdx.x * size_t(256) + threadIdx.x) * SIZE<T>;
if (n >= N) return;
const T* from = both + row * 2 * N + n;
Piece<T> made;
float gate[SIZE<T>], up[SIZE<T>];
unpack(*reinterpret_cast<const Piece<T>*>(from), gate);
unpack(*reinterpret_cast<const Piece<T>*>(from + N), up);
#pragma unroll
for (int e = 0; e < SIZE<T>; e++) made.x[e] = static_cast<T>(gate[e] * sigmoid(gate[e]) * up[e]);
*reinterpret_cast<Piece<T>*>(gated + row * N + n) = made;
