// A row's sum, and that normalised by its root mean square; a block for each row, and a thread for
// each THREADS-th piece of it.
constexpr int PIECES = N / SIZE<T>, EACH = (PIECES + THREADS - 1) / THREADS;
const size_t begin = blockIdx.x * size_t(N);
Piece<T> both[EACH];
float square = 0;
#pragma unroll
for (int i = 0; i < EACH; i++) {
  const int piece = i * THREADS + threadIdx.x;
  if (piece >= PIECES) break;
  const size_t at = begin + piece * SIZE<T>;
  const Piece<T> one = *reinterpret_cast<const Piece<T>*>(x + at);
  const Piece<T> other = *reinterpret_cast<const Piece<T>*>(y + at);
  for (int e = 0; e < SIZE<T>; e++) {
    both[i].x[e] = static_cast<T>(static_cast<float>(one.x[e]) + static_cast<float>(other.x[e]));
    const float rounded = static_cast<float>(both[i].x[e]);
    square += rounded * rounded;
  }
  *reinterpret_cast<Piece<T>*>(sum + at) = both[i];
}
const float scale = rsqrtf(summed<THREADS>(square) / N + eps[0]);
#pragma unroll
for (int i = 0; i < EACH; i++) {
  const int piece = i * THREADS + threadIdx.x;
  if (piece >= PIECES) break;
  const Piece<T> by = *reinterpret_cast<const Piece<T>*>(weight + piece * SIZE<T>);
  for (int e = 0; e < SIZE<T>; e++)
    both[i].x[e] = static_cast<T>(static_cast<float>(both[i].x[e]) * scale * static_cast<float>(by.x[e]));
  *reinterpret_cast<Piece<T>*>(normal + begin + piece * SIZE<T>) = both[i];
}
