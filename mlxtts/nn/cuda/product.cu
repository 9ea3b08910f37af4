// Products of a row with rows of a matrix.
// N numbers in shared memory for products with rows of a matrix, whose pieces of 16 bytes hold PER
// of them: 8 numbers of a piece after the same of all other pieces, so that the threads of a warp,
// each with its piece, read from different banks.
template <typename T, int N, int PER, int THREADS>
struct Factor {
  static constexpr int PIECES = N / PER, CHUNKS = PER / 8;
  static constexpr int EACH = (N / 8 + THREADS - 1) / THREADS;
  struct alignas(16) Chunk {
    T x[8];
  };
  Chunk chunks[N / 8];
  float sums[PIECES], squares[THREADS / 32];

  __device__ void take(const T* from) {
    for (int n = threadIdx.x; n < N / 8; n += THREADS)
      put(n, reinterpret_cast<const Chunk*>(from)[n]);
    add();
  }

  // The same by its root mean square, times `weight`.
  __device__ void take(const T* from, const T* weight, float eps) {
    Chunk mine[EACH];
    float square = 0;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      const int n = i * THREADS + threadIdx.x;
      if (n >= N / 8) break;
      mine[i] = reinterpret_cast<const Chunk*>(from)[n];
      for (int e = 0; e < 8; e++) {
        const float x = static_cast<float>(mine[i].x[e]);
        square += x * x;
      }
    }
    for (int far = 16; far; far /= 2) square += __shfl_xor_sync(0xffffffff, square, far);
    if (threadIdx.x % 32 == 0) squares[threadIdx.x / 32] = square;
    __syncthreads();
    float whole = 0;
    for (int w = 0; w < THREADS / 32; w++) whole += squares[w];
    const float scale = rsqrtf(whole / N + eps);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      const int n = i * THREADS + threadIdx.x;
      if (n >= N / 8) break;
      const Chunk by = reinterpret_cast<const Chunk*>(weight)[n];
      for (int e = 0; e < 8; e++) {
        const float x = static_cast<float>(mine[i].x[e]) * scale * static_cast<float>(by.x[e]);
        mine[i].x[e] = static_cast<T>(x);
      }
      put(n, mine[i]);
    }
    add();
  }

  __device__ void get(int piece, int chunk, float (&to)[8]) const {
    const Chunk from = chunks[chunk * PIECES + piece];
    for (int e = 0; e < 8; e++) to[e] = static_cast<float>(from.x[e]);
  }

 private:
  __device__ void put(int n, const Chunk& chunk) { chunks[n % CHUNKS * PIECES + n / CHUNKS] = chunk; }

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
  static constexpr int LINE = 128 / (PER * (BITS ? BITS : 8 * sizeof(T)) / 8);  // pieces
  using Stored = typename Either<BITS != 0, Words<4>, Piece<T>>::Type;
  using Number = typename Either<BITS != 0, uint32_t, T>::Type;
  const Number* numbers;
  const T *scales, *biases;

  // Have the GPU bring what a warp will need of its row and of those `step` after it, below `stop`.
  __device__ void fetch(int row, int stop, int step) const {
    const Stored* pieces = reinterpret_cast<const Stored*>(numbers);
    for (; row < stop; row += step)
      for (int piece = threadIdx.x % 32 * LINE; piece < PIECES; piece += 32 * LINE)
        prefetch(pieces + size_t(row) * PIECES + piece);
  }

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
