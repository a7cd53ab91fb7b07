// Dropout with addressed random numbers, the same bits as those of `RandomStream` of @vgg/core (Threefry-2x32 with 20
// rounds).
#include "kernels.h"

namespace vgg {
namespace {

inline uint32_t rotate(uint32_t x, int bits) { return (x << bits) | (x >> (32 - bits)); }

struct Words {
  uint32_t first, second;
};

// Encrypts a counter with the key.
inline Words threefry(uint32_t k0, uint32_t k1, uint64_t counter) {
  const uint32_t keys[3] = {k0, k1, 0x1bd11bda ^ k0 ^ k1};
  constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  uint32_t x0 = static_cast<uint32_t>(counter) + k0, x1 = static_cast<uint32_t>(counter >> 32) + k1;
#pragma GCC unroll 5
  for (uint32_t group = 0; group < 5; group++) {
#pragma GCC unroll 4
    for (const int bits : kRotations[group % 2]) {
      x0 += x1;
      x1 = rotate(x1, bits) ^ x0;
    }
    x0 += keys[(group + 1) % 3];
    x1 += keys[(group + 2) % 3] + group + 1;
  }
  return {x0, x1};
}

inline float drop(float x, uint32_t word, double rate, float kept) {
  return x * (static_cast<double>(word >> 8) * 0x1p-24 < rate ? 0.0f : kept);
}

}  // namespace

// Input: x. Attributes: the probability with which a number is dropped, both words of the stream's key, the position of
// the first random word in the stream.
void addressed_dropout(Context &context, const Call &call) {
  const float *x = call.input(0).data<float>();
  const int64_t count = call.input(0).count();
  const double rate = call.number(0);
  const auto kept = static_cast<float>(1 / (1 - rate));
  const auto k0 = static_cast<uint32_t>(call.integer(1)), k1 = static_cast<uint32_t>(call.integer(2));
  const int64_t start = call.integer(3), odd = start % 2;
  require(start >= 0, "the first random word is before the stream");
  require_count(call.output(), count);
  float *y = context.allocate<float>(call.output());
  // Each counter gives two words. Of the first and the last counter perhaps only one word is used.
  if (odd == 1) y[0] = drop(x[0], threefry(k0, k1, static_cast<uint64_t>(start / 2)).second, rate, kept);
  const int64_t first = (start + 1) / 2, pairs = (count - odd) / 2;
#pragma omp parallel for simd schedule(static) if (count > 1 << 13)
  for (int64_t i = 0; i < pairs; i++) {
    const Words words = threefry(k0, k1, static_cast<uint64_t>(first + i));
    y[odd + 2 * i] = drop(x[odd + 2 * i], words.first, rate, kept);
    y[odd + 2 * i + 1] = drop(x[odd + 2 * i + 1], words.second, rate, kept);
  }
  const int64_t last = odd + 2 * pairs;
  if (last < count) y[last] = drop(x[last], threefry(k0, k1, static_cast<uint64_t>(first + pairs)).first, rate, kept);
}

}  // namespace vgg
