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

__device__ inline void prefetch(const void* from) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(from));
}

// Wait until all blocks have come here. `there`, two numbers that begin as zero, is for nothing else.
__device__ inline void meet(const unsigned* there, int blocks) {
  __syncthreads();
  if (threadIdx.x == 0) {
    unsigned* count = const_cast<unsigned*>(there);
    volatile unsigned* turn = count + 1;
    const unsigned mine = *turn;
    __threadfence();
    if (atomicAdd(count, 1) == blocks - 1) {
      *count = 0;
      __threadfence();
      *turn = mine + 1;
    } else {
      while (*turn == mine) {
      }
    }
    __threadfence();
  }
  __syncthreads();
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
