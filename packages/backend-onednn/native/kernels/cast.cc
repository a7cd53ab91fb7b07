// Cast between float32, int32 and bool; Select.
#include <cmath>
#include <cstdint>

#include "kernels.h"

namespace vgg {
namespace {

constexpr int64_t kParallel = 1 << 15;

// Same as JavaScript's conversion to a 32-bit integer: fractions are dropped, large numbers wrap, NaN and infinities
// become 0.
int32_t to_int32(float x) {
  if (x >= -2147483648.0f && x < 2147483648.0f) return static_cast<int32_t>(x);
  if (!std::isfinite(x)) return 0;
  const double wrapped = std::fmod(std::trunc(static_cast<double>(x)), 4294967296.0);
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(wrapped)));
}

template <typename In, typename Out, typename Convert>
void convert(const Tensor &x, Out *out, Convert conversion) {
  const In *in = x.data<In>();
  const int64_t count = x.count();
#pragma omp parallel for schedule(static) if (count > kParallel)
  for (int64_t i = 0; i < count; i++) out[i] = conversion(in[i]);
}

}  // namespace

void cast(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const Tensor &y = call.output();
  require_count(y, x.count());
  require(x.type() != y.type(), "a tensor has that type already");
  switch (y.type()) {
    case Type::f32: {
      float *out = context.allocate<float>(y);
      if (x.type() == Type::i32) return convert<int32_t>(x, out, [](int32_t v) { return static_cast<float>(v); });
      return convert<uint8_t>(x, out, [](uint8_t v) { return static_cast<float>(v); });
    }
    case Type::i32: {
      int32_t *out = context.allocate<int32_t>(y);
      if (x.type() == Type::f32) return convert<float>(x, out, to_int32);
      return convert<uint8_t>(x, out, [](uint8_t v) { return static_cast<int32_t>(v); });
    }
    default: {
      uint8_t *out = context.allocate<uint8_t>(y);
      if (x.type() == Type::f32) return convert<float>(x, out, [](float v) { return static_cast<uint8_t>(v != 0); });
      return convert<int32_t>(x, out, [](int32_t v) { return static_cast<uint8_t>(v != 0); });
    }
  }
}

// Inputs: condition (bool), t, e, all of one shape.
void select(Context &context, const Call &call) {
  const uint8_t *condition = call.input(0).data<uint8_t>();
  const float *t = call.input(1).data<float>();
  const float *e = call.input(2).data<float>();
  const int64_t count = call.output().count();
  require_type(call.input(0), Type::u8);
  for (size_t i = 0; i < 3; i++) require_count(call.input(i), count);
  for (size_t i = 1; i < 3; i++) require_type(call.input(i), Type::f32);
  float *out = context.allocate<float>(call.output());
#pragma omp parallel for simd schedule(static) if (count > kParallel)
  for (int64_t i = 0; i < count; i++) out[i] = condition[i] != 0 ? t[i] : e[i];
}

}  // namespace vgg
