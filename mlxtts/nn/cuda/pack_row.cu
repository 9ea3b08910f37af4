// Copy the beginning of a row of `source` into a row of `held`, in 8 bits, with a scale for each
// position of each head; a block for each. numbers: the row to read, the row to write
const int position = blockIdx.x, head = blockIdx.y;
const size_t there = (size_t(numbers[0]) * R + head) * source_shape[2] + position;
const size_t place = (size_t(numbers[1]) * R + head) * held_shape[2] + position;
__shared__ float largest[D];
const float x = static_cast<float>(source[there * D + threadIdx.x]);
const float scale = scale_of(fabsf(x), largest, D);
const_cast<int8_t*>(held)[place * D + threadIdx.x] = static_cast<int8_t>(rintf(x / scale));
if (threadIdx.x == 0) const_cast<float*>(scales)[place] = scale;
if (position == 0 && head == 0 && threadIdx.x == 0) done[0] = 1;
