// A row through a layer, by BLOCKS blocks that wait for each other: normalised, times the matrix for
// queries, keys and values, which are turned and put into `held`; attention; times the next matrix
// and added; normalised, times the matrices for gates and what they let through; times the last
// matrix and added. A warp for each number of a product, or each two.
#include "attention.cu"
#include "product.cu"
constexpr int W = THREADS / 32, ALL = W * BLOCKS, PER = Matrix<T, N, BITS, GROUP>::PER, HEADS = H + 2 * K;
__shared__ union {
  Factor<T, N, PER, THREADS> row;
  Factor<T, H * D, PER, THREADS> heads;
  Factor<T, M, PER, THREADS> gates;
  float parts[W][H / K][D + 2];
} room;
const Matrix<T, N, BITS, GROUP> qkv{m0, s0, b0}, gate_up{m2, s2, b2};
const Matrix<T, H * D, BITS, GROUP> o{m1, s1, b1};
const Matrix<T, M, BITS, GROUP> down{m3, s3, b3};
const int warp = threadIdx.x / 32 * BLOCKS + blockIdx.x, position = positions[0];
const bool shows = threadIdx.x % 32 == 0;
const size_t columns = held_shape[2];
float found[2], single[1];

room.row.take(x, before, eps[0]);
for (int n = warp * 2; n < HEADS * D; n += ALL * 2) {
  qkv.times(room.row, {n, n + 1}, found);
  if (!shows) continue;
  const int head = n / D;
  if (head < H + K) rotate(found[0], found[1], position * rates[n % D / 2]);
  T* to = const_cast<T*>(held) + ((size_t(head) - H) * columns + position) * D + n % D;
  if (head < H) to = queries + n;
  to[0] = static_cast<T>(found[0]);
  to[1] = static_cast<T>(found[1]);
}
if (blockIdx.x >= K) o.fetch(warp, N, ALL);
meet(meeting, BLOCKS);
for (int head = blockIdx.x; head < K; head += BLOCKS) {
  const size_t place = head * (H / K) * D;
  const T *keys = held + head * columns * D, *values = keys + K * columns * D;
  attend<W, 2>(queries + place, keys, values, position + 1, attended + place, room.parts);
  __syncthreads();
}
meet(meeting, BLOCKS);
room.heads.take(attended);
for (int n = warp; n < N; n += ALL) {
  o.times(room.heads, {n}, single);
  if (shows) sum[n] = static_cast<T>(static_cast<float>(x[n]) + single[0]);
}
gate_up.fetch(warp, 2 * M, M);
meet(meeting, BLOCKS);
room.row.take(sum, after, eps[0]);
for (int n = warp; n < M; n += ALL) {
  gate_up.times(room.row, {n, M + n}, found);
  if (shows) gated[n] = static_cast<T>(found[0] * sigmoid(found[0]) * found[1]);
}
down.fetch(warp, N, N);
meet(meeting, BLOCKS);
room.gates.take(gated);
for (int n = warp; n < N; n += ALL) {
  down.times(room.gates, {n}, single);
  if (shows) next[n] = static_cast<T>(static_cast<float>(sum[n]) + single[0]);
}
