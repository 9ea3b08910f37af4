// Magnitude and phase of one bin of a frame of Z samples, a quarter of it apart. Beyond its ends a
// row goes on mirrored.
constexpr int BINS = Z / 2 + 1, HOP = Z / 4;
const int time = signal_shape[1], frames = time / HOP + 1, row = blockIdx.y;
const int at = blockIdx.x * S + threadIdx.x, frame = at / BINS, bin = at % BINS;
if (frame >= frames) return;
const int end = lengths[row] - 1;
float real = 0, imaginary = 0;
for (int k = 0; k < Z; k++) {
  const int there = end - abs(end - abs(frame * HOP + k - Z / 2));
  const float x = signal[size_t(row) * time + (there < 0 ? 0 : min(there, time - 1))];
  real += x * forward[k * 2 * BINS + bin];
  imaginary += x * forward[k * 2 * BINS + BINS + bin];
}
const bool own = frame <= lengths[row] / HOP;
float* to = polar + (size_t(row) * frames + frame) * 2 * BINS + bin;
to[0] = own ? sqrtf(real * real + imaginary * imaginary) : 0;
to[BINS] = own ? atan2f(imaginary, real) : 0;
