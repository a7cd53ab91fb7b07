// bfloat16: the upper half of a float32. Numbers are rounded to the nearest, ties to even; NaN stays NaN.
#pragma once

#include <cstdint>
#include <cstring>

namespace vgg {

struct bf16 {
  uint16_t bits;
};

inline float widen(float x) { return x; }

inline float widen(bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

// Writes `x` to a place of either type.
inline void narrow_to(float x, float &place) { place = x; }

inline void narrow_to(float x, bf16 &place) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
  // By masks: compilers make branches of conditions here, and no vectors of loops with branches.
  const uint32_t nan = 0u - static_cast<uint32_t>((bits & 0x7fffffff) > 0x7f800000);
  place.bits = static_cast<uint16_t>((rounded & ~nan) | (quiet & nan));
}

// x, or 0 where the condition does not hold.
inline float kept_if(bool condition, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0u - static_cast<uint32_t>(condition);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace vgg
