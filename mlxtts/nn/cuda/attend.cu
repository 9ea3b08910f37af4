// Attention of one position of each row, a block for each head of keys and values.
#include "attention.cu"
const int head = blockIdx.x, row = blockIdx.y;
const size_t columns = held_shape[2], first = (size_t(row) * 2 * K + head) * columns;
const size_t place = (size_t(row) * K + head) * (H / K) * D;
const T *keys = held + first * D, *values = keys + K * columns * D;
__shared__ float parts[W][H / K][D + 2];
attend<W, 4>(queries + place, keys, values, positions[row] + 1, attended + place, parts);
