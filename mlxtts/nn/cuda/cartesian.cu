// One bin from the logarithm of its magnitude and the arc sine of its phase.
const int bins = signal_shape[2] / 2, row = blockIdx.y, at = blockIdx.x * S + threadIdx.x;
if (at >= signal_shape[1] * bins) return;
const size_t there = (size_t(row) * signal_shape[1] + at / bins) * 2 * bins + at % bins;
const float magnitude = expf(signal[there]), phase = sinf(signal[there + bins]);
parts[there] = magnitude * cosf(phase);
parts[there + bins] = magnitude * sinf(phase);
