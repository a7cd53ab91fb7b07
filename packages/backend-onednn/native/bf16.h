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

// Writes `x` to `place`, rounded if that is a bfloat16.
inline void narrow_to(float x, float &place) { place = x; }

inline void narrow_to(float x, bf16 &place) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
  // Masks, not conditions: compilers turn conditions into branches here and do not vectorise loops with branches.
  const uint32_t nan = 0u - static_cast<uint32_t>((bits & 0x7fffffff) > 0x7f800000);
  place.bits = static_cast<uint16_t>((rounded & ~nan) | (quiet & nan));
}

// Returns x, or 0 if the condition is false.
inline float kept_if(bool condition, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0u - static_cast<uint32_t>(condition);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace vgg
