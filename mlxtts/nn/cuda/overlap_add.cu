// One sample of frames of Z samples laid over each other, a quarter of it apart, in proportion to
// how much of the window lies there.
constexpr int HOP = Z / 4;
const int count = frames_shape[1], row = blockIdx.y, n = blockIdx.x * S + threadIdx.x;
if (n >= (count - 1) * HOP) return;
float total = 0, power = 0;
const int at = n + Z / 2, last = min(at / HOP, min(count, lengths[row]) - 1);
for (int f = at / HOP - 3 > 0 ? at / HOP - 3 : 0; f <= last; f++) {
  total += frames[(size_t(row) * count + f) * Z + at - f * HOP];
  power += squares[at - f * HOP];
}
laid[size_t(row) * (count - 1) * HOP + n] = total / fmaxf(power, 1e-11f);
