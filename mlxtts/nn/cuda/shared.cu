// What the kernels share.
template <typename T>
constexpr int SIZE = sizeof(T) == 1 ? 16 : 8;

// What a thread reads at once.
template <typename T>
struct alignas(16) Piece {
  T x[SIZE<T>];
};

template <typename T>
__device__ inline void unpack(const Piece<T>& from, float* to) {
#pragma unroll
  for (int n = 0; n < SIZE<T>; n++) to[n] = static_cast<float>(from.x[n]);
}

template <int N>
struct alignas(N % 4 ? 4 * N : 16) Words {
  unsigned x[N];
};

template <typename T>
struct alignas(4 * sizeof(T)) Quad {
  T x[4];
};

__device__ inline void rotate(float& x, float& y, float angle) {
  float sine, cosine, real = x;
  sincosf(angle, &sine, &cosine);
  x = real * cosine - y * sine;
  y = real * sine + y * cosine;
}

__device__ inline float sigmoid(float x) { return 1 / (1 + __expf(-x)); }

__device__ inline float weight(float score, float top) {
  return score == -INFINITY ? 0.0f : __expf(score - top);
}

// What W warps of a block, each with some of the positions, found of G queries: the sum of values,
// by what they are to be multiplied with, the largest score and the sum of weights.
template <int W, int G, int N, typename T>
__device__ inline void merge(const float (&parts)[W][G][N], T* to, float scale) {
  constexpr int D = N - 2;
  __syncthreads();
  for (int n = threadIdx.x; n < G * D; n += 32 * W) {
    const int g = n / D, d = n % D;
    float most = -INFINITY, whole = 0, out = 0;
    for (int w = 0; w < W; w++) most = fmaxf(most, parts[w][g][D]);
    for (int w = 0; w < W; w++) {
      const float share = weight(parts[w][g][D], most);
      whole += share * parts[w][g][D + 1];
      out += share * parts[w][g][d];
    }
    to[n] = static_cast<T>(scale * out / whole);
  }
}

#ifdef __CUDACC__
// Two floats as halves, the first in the low bits.
__device__ inline unsigned halves(float low, float high) {
  unsigned both;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

// c += a * b, a fragment of each in the threads of a warp: (16, 32) * (32, 8) of 8 bits, and
// (16, 16) * (16, 8) of halves.
__device__ inline void multiply(int (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// What is read once, at once with what is read so before and after.
template <typename P>
__device__ inline P streamed(const P* from) {
  union {
    unsigned words[sizeof(P) / 4];
    P whole;
  } found;
#pragma unroll
  for (int n = 0; n < sizeof(P) / 4; n += 4) {
    unsigned* w = found.words + n;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(w[0]), "=r"(w[1]), "=r"(w[2]), "=r"(w[3])
                 : "l"(reinterpret_cast<const unsigned*>(from) + n));
  }
  return found.whole;
}
#endif

// Of all threads of a block, what 1 in 8 bits stands for, where they hold numbers up to `mine`.
__device__ inline float scale_of(float mine, float* all, int count) {
  all[threadIdx.x] = mine;
  __syncthreads();
  float most = 0;
  for (int n = 0; n < count; n++) most = fmaxf(most, all[n]);
  return most > 0 ? most / 127 : 1.0f;
}

// What the THREADS of a block have in all.
template <int THREADS>
__device__ inline float summed(float x) {
  __shared__ float parts[THREADS / 32];
  for (int far = 16; far; far /= 2) x += __shfl_xor_sync(0xffffffff, x, far);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  float total = 0;
  for (int w = 0; w < THREADS / 32; w++) total += parts[w];
  return total;
}

// What the threads with one place in their warps, L of a block, have in all.
template <int L>
__device__ inline float across(float x) {
  __shared__ float parts[L][32];
  __syncthreads();
  parts[threadIdx.x / 32][threadIdx.x % 32] = x;
  __syncthreads();
  float total = 0;
  for (int n = 0; n < L; n++) total += parts[n][threadIdx.x % 32];
  return total;
}

// x + sin^2(alpha x) / alpha, the sine as in nn.snake.
struct Snake {
  float turns, scale;

  __device__ explicit Snake(float alpha) : turns(alpha * 0.318309886f), scale(1 / (alpha + 1e-9f)) {}

  __device__ float operator()(float x) const {
    const float turn = x * turns, r = turn - rintf(turn), s = r * r;
    float y = 10.58129059f * s;
    y = (y - 29.42626851f) * s;
    y = (y + 42.64342416f) * s;
    y = (y - 32.46513945f) * s;
    y = (y + 9.86952481f) * s;
    return x + scale * y;
  }
};

// A row's signal: the steps of it that were kept, and after them the next stretch.
// places: how many latents of each row there were; numbers: samples a latent, where the stretch
// starts in samples from there, and which of its steps is the first after the end.
template <typename T>
struct Joined {
  const T *kept, *x;
  int before, channels, first, stop;

  __device__ Joined(const T* kept, const T* x, int before, int time, int channels, int row,
                    const int* places, const int* numbers)
      : kept(kept + size_t(row) * before * channels), x(x + size_t(row) * time * channels),
        before(before), channels(channels), stop(min(numbers[2], time)) {
    const long long start = places[row] * static_cast<long long>(numbers[0]) + numbers[1];
    const long long least = -time, most = before;
    first = -static_cast<int>(max(least, min(start, most)));
  }

  // Zero outside the signal, whatever was kept from there, and after the stretch.
  __device__ float at(int step, int channel) const {
    const int next = step - before;
    const T* from = (next < 0 ? kept + step * channels : x + next * channels) + channel;
    return next >= first && next < stop ? static_cast<float>(*from) : 0.0f;
  }
};

// N numbers in shared memory for products with rows of a matrix, whose pieces of 16 bytes hold PER
// of them: 8 numbers of a piece after the same of all other pieces, so that the threads of a warp,
// each with its piece, read from different banks.
template <typename T, int N, int PER, int THREADS>
struct Factor {
  static constexpr int PIECES = N / PER, CHUNKS = PER / 8;
  static constexpr int EACH = (N / 8 + THREADS - 1) / THREADS;
  Piece<T> chunks[N / 8];
  float sums[PIECES];

  __device__ void take(const T* from) {
    for (int n = threadIdx.x; n < N / 8; n += THREADS)
      put(n, reinterpret_cast<const Piece<T>*>(from)[n]);
    add();
  }

  // The same by its root mean square, times `weight`.
  __device__ void take(const T* from, const T* weight, float eps) {
    Piece<T> mine[EACH];
    float square = 0;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      const int n = i * THREADS + threadIdx.x;
      if (n >= N / 8) break;
      mine[i] = reinterpret_cast<const Piece<T>*>(from)[n];
      for (int e = 0; e < 8; e++) {
        const float x = static_cast<float>(mine[i].x[e]);
        square += x * x;
      }
    }
    const float scale = rsqrtf(summed<THREADS>(square) / N + eps);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      const int n = i * THREADS + threadIdx.x;
      if (n >= N / 8) break;
      const Piece<T> by = reinterpret_cast<const Piece<T>*>(weight)[n];
      for (int e = 0; e < 8; e++) {
        const float x = static_cast<float>(mine[i].x[e]) * scale * static_cast<float>(by.x[e]);
        mine[i].x[e] = static_cast<T>(x);
      }
      put(n, mine[i]);
    }
    add();
  }

  __device__ void get(int piece, int chunk, float* to) const {
    unpack(chunks[chunk * PIECES + piece], to);
  }

 private:
  __device__ void put(int n, const Piece<T>& chunk) { chunks[n % CHUNKS * PIECES + n / CHUNKS] = chunk; }

  // What the numbers of each piece are in all, where pieces are packed.
  __device__ void add() {
    __syncthreads();
    if (CHUNKS == 1) return;
    for (int piece = threadIdx.x; piece < PIECES; piece += THREADS) {
      float x[8], sum = 0;
      for (int chunk = 0; chunk < CHUNKS; chunk++) {
        get(piece, chunk, x);
        for (int e = 0; e < 8; e++) sum += x[e];
      }
      sums[piece] = sum;
    }
    __syncthreads();
  }
};

template <bool, typename A, typename B>
struct Either {
  using Type = A;
};

template <typename A, typename B>
struct Either<false, A, B> {
  using Type = B;
};

// A matrix of rows of N numbers: of T, or of BITS packed as MLX does it, each by the scale of its
// GROUP and more by its bias.
template <typename T, int N, int BITS, int GROUP>
struct Matrix {
  static constexpr int PER = BITS ? 128 / BITS : 8, PIECES = N / PER;
  using Stored = typename Either<BITS != 0, Words<4>, Piece<T>>::Type;
  using Number = typename Either<BITS != 0, uint32_t, T>::Type;
  const Number* numbers;
  const T *scales, *biases;

  // What a warp finds of R rows, in all of its threads.
  template <int R, typename X>
  __device__ void times(const X& x, const int (&rows)[R], float (&sums)[R]) const {
    constexpr int U = R > 1 ? 4 : 8;
    const Stored* pieces = reinterpret_cast<const Stored*>(numbers);
    for (int r = 0; r < R; r++) sums[r] = 0;
    for (int first = threadIdx.x % 32; first < PIECES; first += 32 * U) {
      Stored w[R][U];
      float scale[R][U], bias[R][U];
#pragma unroll
      for (int u = 0; u < U; u++) {
        const int piece = min(first + 32 * u, PIECES - 1);
#pragma unroll
        for (int r = 0; r < R; r++) {
          w[r][u] = streamed(pieces + size_t(rows[r]) * PIECES + piece);
          if (!BITS) continue;
          const size_t group = (size_t(rows[r]) * N + piece * PER) / GROUP;
          scale[r][u] = static_cast<float>(scales[group]);
          bias[r][u] = static_cast<float>(biases[group]);
        }
      }
#pragma unroll
      for (int u = 0; u < U; u++) {
        const int piece = first + 32 * u;
        if (piece >= PIECES) break;
        float part[R][4] = {};
#pragma unroll
        for (int chunk = 0; chunk < PER / 8; chunk++) {
          float by[8];
          x.get(piece, chunk, by);
#pragma unroll
          for (int r = 0; r < R; r++) more(w[r][u], chunk, by, part[r]);
        }
#pragma unroll
        for (int r = 0; r < R; r++) {
          const float* p = part[r];
          if (BITS == 4)
            sums[r] += scale[r][u] * (p[0] + p[1] / 16 + p[2] / 256 + p[3] / 4096);
          else
            sums[r] += (BITS ? scale[r][u] : 1) * (p[0] + p[1] + p[2] + p[3]);
          if (BITS) sums[r] += bias[r][u] * x.sums[piece];
        }
      }
    }
    for (int r = 0; r < R; r++)
      for (int far = 16; far; far /= 2) sums[r] += __shfl_xor_sync(0xffffffff, sums[r], far);
  }

 private:
  // Eight products more. Whole numbers below 2^23 are the low bits of a float of 2^23 and more; of
  // 4 bits each fourth is taken where it stands, so that it counts 16, 256 or 4096 times.
  static __device__ void more(const Stored& w, int chunk, const float (&x)[8], float (&part)[4]) {
    for (int n = 0; n < 8; n++) {
      float number;
      if constexpr (BITS == 4)
        number = whole(w.x[chunk] >> n / 4 * 16 & 15u << n % 4 * 4);
      else if constexpr (BITS == 8)
        number = whole(w.x[2 * chunk + n / 4] >> n % 4 * 8 & 255);
      else
        number = static_cast<float>(w.x[n]);
      part[n % 4] += number * x[n];
    }
  }

  static __device__ float whole(unsigned bits) { return __uint_as_float(0x4b000000 | bits) - 8388608; }
};
