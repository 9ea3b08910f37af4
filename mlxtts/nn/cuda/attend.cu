// Attention of one position of each row.
// A team of LANES threads looks at a position at a time, all queries of the group at once, and
// keeps the sum of values with the largest score so far; in the end teams and warps are merged.
constexpr int G = H / K, E = SIZE<T>, LANES = D / E, TEAMS = 32 / LANES, WALKERS = W * TEAMS, U = 4;
const int head = blockIdx.x, row = blockIdx.y, warp = threadIdx.x / 32;
const int team = threadIdx.x % 32 / LANES, lane = threadIdx.x % LANES;
const size_t columns = held_shape[2];
const int count = positions[row] + 1;
const size_t first_key = (size_t(row) * 2 * K + head) * columns, first_value = first_key + K * columns;
const T* keys = held + first_key * D + lane * E;
const T* values = held + first_value * D + lane * E;

float q[G][E], sum[G][E], top[G], total[G];
#pragma unroll
for (int g = 0; g < G; g++) {
  top[g] = -INFINITY;
  total[g] = 0;
  const T* query = queries + (size_t(row) * H + head * G + g) * D + lane * E;
  for (int e = 0; e < E; e++) {
    q[g][e] = static_cast<float>(query[e]) * rsqrtf(float(D));
    sum[g][e] = 0;
  }
}
for (int first = warp * TEAMS; first < count; first += U * WALKERS) {
  Piece<T> k[U], v[U];
#pragma unroll
  for (int u = 0; u < U; u++) {
    const int position = min(first + u * WALKERS + team, count - 1);
    k[u] = *reinterpret_cast<const Piece<T>*>(keys + size_t(position) * D);
    v[u] = *reinterpret_cast<const Piece<T>*>(values + size_t(position) * D);
  }
  float score[G][U], x[E];
#pragma unroll
  for (int u = 0; u < U; u++) {
    const bool there = first + u * WALKERS + team < count;
    unpack(k[u], x);
#pragma unroll
    for (int g = 0; g < G; g++) {
      float dot = 0;
      for (int e = 0; e < E; e++) dot += q[g][e] * x[e];
      for (int far = LANES / 2; far; far /= 2) dot += __shfl_xor_sync(0xffffffff, dot, far);
      score[g][u] = there ? dot : -INFINITY;
    }
  }
#pragma unroll
  for (int g = 0; g < G; g++) {
    float most = top[g];
    for (int u = 0; u < U; u++) most = fmaxf(most, score[g][u]);
    const float old = weight(top[g], most);
    top[g] = most;
    total[g] *= old;
    for (int e = 0; e < E; e++) sum[g][e] *= old;
    for (int u = 0; u < U; u++) {
      score[g][u] = weight(score[g][u], most);
      total[g] += score[g][u];
    }
  }
#pragma unroll
  for (int u = 0; u < U; u++) {
    unpack(v[u], x);
#pragma unroll
    for (int g = 0; g < G; g++)
      for (int e = 0; e < E; e++) sum[g][e] += score[g][u] * x[e];
  }
}
__shared__ float parts[W][G][D + 2];
#pragma unroll
for (int g = 0; g < G; g++) {
  for (int far = LANES; far < 32; far *= 2) {
    const float other = __shfl_xor_sync(0xffffffff, top[g], far), most = fmaxf(top[g], other);
    const float mine = weight(top[g], most), its = weight(other, most);
    total[g] = total[g] * mine + __shfl_xor_sync(0xffffffff, total[g], far) * its;
    for (int e = 0; e < E; e++)
      sum[g][e] = sum[g][e] * mine + __shfl_xor_sync(0xffffffff, sum[g][e], far) * its;
    top[g] = most;
  }
  if (team) continue;
  for (int e = 0; e < E; e++) parts[warp][g][lane * E + e] = sum[g][e];
  parts[warp][g][D] = top[g];
  parts[warp][g][D + 1] = total[g];
}
merge(parts, attended + (size_t(row) * H + head * G) * D, 1.0f);
