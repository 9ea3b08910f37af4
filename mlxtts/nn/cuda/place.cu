// Turn queries and keys by their rows' positions; put keys and values into `held`.
const int pair = threadIdx.x, head = blockIdx.x, row = blockIdx.y;
const size_t columns = held_shape[2], position = positions[row];
const T* from = qkv + (size_t(row) * (H + 2 * K) + head) * D + 2 * pair;
float x = static_cast<float>(from[0]), y = static_cast<float>(from[1]);
if (head < H + K) rotate(x, y, position * rates[pair]);
if (head < H) {
  T* to = queries + (size_t(row) * H + head) * D;
  to[2 * pair] = static_cast<T>(x);
  to[2 * pair + 1] = static_cast<T>(y);
} else {
  const size_t place = (size_t(row) * 2 * K + head - H) * columns + position;
  Stored* to = const_cast<Stored*>(held) + place * D;
  if constexpr (sizeof(Stored) == 1) {
    __shared__ float largest[D / 2];
    const float scale = scale_of(fmaxf(fabsf(x), fabsf(y)), largest, D / 2);
    if (pair == 0) const_cast<float*>(scales)[place] = scale;
    x = rintf(x / scale);
    y = rintf(y / scale);
  }
  to[2 * pair] = static_cast<Stored>(x);
  to[2 * pair + 1] = static_cast<Stored>(y);
}
