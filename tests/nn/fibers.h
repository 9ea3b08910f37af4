// Enough of CUDA to run a kernel's body on a CPU, a block after another. The threads of a block are
// fibers, each of which runs until it must wait for others.
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#define __device__
#define __shared__ static
#define __expf expf
using std::max;
using std::min;

struct Index {
  int x, y;
};

struct Fiber {
  ucontext_t context;
  std::vector<char> stack = std::vector<char>(1 << 16);
  Index thread;
  bool done = false;
};

static std::vector<Fiber> fibers;
static Fiber* current;
static ucontext_t scheduler;
static Index blockIdx;
static std::vector<uint32_t> slots;  // what each thread shows the others of its warp
static int arrived, generation;
static std::function<void()> body;

#define threadIdx (current->thread)

static void pause() { swapcontext(&current->context, &scheduler); }

static void __syncthreads() {
  const int mine = generation;
  if (++arrived == int(fibers.size())) {
    arrived = 0;
    generation++;
  }
  while (generation == mine) pause();
}

// What another thread of the warp shows. The threads of a warp go from one of these to the next in
// step, a round of the scheduler each.
template <typename T>
static T shown(T value, int thread) {
  static_assert(sizeof(T) == 4);
  memcpy(&slots[current->thread.x], &value, 4);
  pause();
  T other;
  memcpy(&other, &slots[thread], 4);
  pause();
  return other;
}

template <typename T>
static T __shfl_xor_sync(unsigned, T value, int far) {
  return shown(value, current->thread.x ^ far);
}

template <typename T>
static T __shfl_sync(unsigned, T value, int lane) {
  return shown(value, current->thread.x / 32 * 32 + lane);
}

// Products of a warp, each thread of which has a part of the factors (PTX ISA, "mma"): of the first
// rows n and n + 8, of the second column n, for its group n; and neighbours along the sum.
struct Factors {
  unsigned a[4], b[2];
};
static std::vector<Factors> factors;

template <int WIDTH, typename T, typename Number>
static void multiply(T (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], Number number) {
  constexpr int EACH = WIDTH / 8;  // numbers of a register
  const int me = current->thread.x, warp = me / 32 * 32, group = me % 32 / 4, lane = me % 4;
  Factors& mine = factors[me];
  std::copy(a, a + 4, mine.a);
  std::copy(b, b + 2, mine.b);
  pause();
  for (int n = 0; n < 4; n++)
    for (int k = 0; k < WIDTH; k++) {
      const int from = k % (WIDTH / 2) / EACH, half = k / (WIDTH / 2);
      const Factors& left = factors[warp + group * 4 + from];
      const Factors& right = factors[warp + (2 * lane + n % 2) * 4 + from];
      c[n] += number(left.a[n / 2 + 2 * half], k % EACH) * number(right.b[half], k % EACH);
    }
  pause();
}

static void multiply(int (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  multiply<32>(c, a, b, [](unsigned bits, int n) { return int(int8_t(bits >> 8 * n)); });
}

static float half(unsigned bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float x = exponent ? ldexpf(1024 + fraction, exponent - 25) : ldexpf(fraction, -24);
  return bits >> 15 & 1 ? -x : x;
}

static void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  multiply<16>(c, a, b, [](unsigned bits, int n) { return half(bits >> 16 * n & 65535); });
}

// Not negative, and not too large.
static unsigned halves(float low, float high) {
  const auto bits = [](float x) {
    if (x == 0) return 0u;
    int exponent;
    frexpf(x, &exponent);
    const int step = std::max(exponent - 11, -24);
    const int digits = int(rintf(ldexpf(x, -step)));
    return unsigned(digits + (step + 24) * 1024);  // the digits' own leading one counts as an exponent
  };
  return bits(low) | bits(high) << 16;
}

template <typename P>
static P streamed(const P* from) {
  return *from;
}

static unsigned atomicOr(unsigned* to, unsigned bits) {
  const unsigned old = *to;
  *to |= bits;
  return old;
}

static int __float_as_int(float x) {
  int bits;
  memcpy(&bits, &x, 4);
  return bits;
}

static float __uint_as_float(unsigned bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

static unsigned __byte_perm(unsigned low, unsigned high, unsigned places) {
  const uint64_t both = uint64_t(high) << 32 | low;
  unsigned found = 0;
  for (int n = 0; n < 4; n++) found |= unsigned(both >> 8 * (places >> 4 * n & 7) & 255) << 8 * n;
  return found;
}

static float rsqrtf(float x) { return 1 / sqrtf(x); }

static float erfinvf(float y) {
  double low = -6, high = 6;
  for (int n = 0; n < 60; n++) (erf((low + high) / 2) < y ? low : high) = (low + high) / 2;
  return low;
}

static void enter() {
  body();
  current->done = true;
  pause();
}

static void launch(Index grid, int threads, std::function<void()> run) {
  body = run;
  for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) {
      fibers = std::vector<Fiber>(threads);
      slots.assign(threads, 0);
      factors.resize(threads);
      arrived = 0;
      for (int n = 0; n < threads; n++) {
        Fiber& fiber = fibers[n];
        fiber.thread = {n, 0};
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = fiber.stack.size();
        makecontext(&fiber.context, enter, 0);
      }
      for (bool alive = true; alive;) {
        alive = false;
        for (Fiber& fiber : fibers) {
          if (fiber.done) continue;
          current = &fiber;
          swapcontext(&scheduler, &fiber.context);
          alive |= !fiber.done;
        }
      }
    }
}
