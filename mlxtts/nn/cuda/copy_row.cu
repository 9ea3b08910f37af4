// Copy the beginning of a row of `source` into a row of `held`, a thread for each piece.
// numbers: the row to read, the row to write, how many positions
const size_t pieces = size_t(numbers[2]) * D / SIZE<T>, n = blockIdx.x * size_t(256) + threadIdx.x;
const int head = blockIdx.y;
if (n >= pieces) return;
const T* from = source + (size_t(numbers[0]) * R + head) * source_shape[2] * D;
T* to = const_cast<T*>(held) + (size_t(numbers[1]) * R + head) * held_shape[2] * D;
reinterpret_cast<Piece<T>*>(to)[n] = reinterpret_cast<const Piece<T>*>(from)[n];
if (n == 0 && head == 0) done[0] = 1;
