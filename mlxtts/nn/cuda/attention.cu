// Attention of a block of W warps: G queries, (G, D), to `count` keys and values, (count, D) each.
// A team of LANES threads looks at a position at a time, all queries at once, and keeps the sum of
// values with the largest score so far, U positions between one and the next; in the end teams and
// warps are merged.
template <int W, int U, int G, int N, typename T>
__device__ inline void attend(const T* queries, const T* keys, const T* values, int count, T* to,
                              float (&parts)[W][G][N]) {
  constexpr int D = N - 2, E = SIZE<T>, LANES = D / E, TEAMS = 32 / LANES, WALKERS = W * TEAMS;
  const int warp = threadIdx.x / 32, team = threadIdx.x % 32 / LANES, lane = threadIdx.x % LANES;
  keys += lane * E;
  values += lane * E;
  float q[G][E], sum[G][E], top[G], total[G];
#pragma unroll
  for (int g = 0; g < G; g++) {
    top[g] = -INFINITY;
    total[g] = 0;
    const T* query = queries + g * D + lane * E;
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
  merge(parts, to, 1.0f);
}
