// Turn the queries and keys of prompts, from their first position on; a head's positions side by side.
const int pair = threadIdx.x, head = blockIdx.x, time = qkv_shape[1];
const int row = blockIdx.y / time, position = blockIdx.y % time;
const T* from = qkv + (size_t(blockIdx.y) * (H + 2 * K) + head) * D + 2 * pair;
float x = static_cast<float>(from[0]), y = static_cast<float>(from[1]);
if (head < H + K) rotate(x, y, position * rates[pair]);
const size_t place = head < H ? size_t(row) * H + head : size_t(row) * 2 * K + head - H;
T* to = (head < H ? queries : held) + (place * time + position) * D + 2 * pair;
to[0] = static_cast<T>(x);
to[1] = static_cast<T>(y);
