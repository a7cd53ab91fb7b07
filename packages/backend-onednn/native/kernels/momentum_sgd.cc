// Momentum SGD as one pass over memory, in place (section 3.1 of the paper): v = a * g + b * w + m * v; w = w + c * v.
// Each product and sum is rounded to float32, in this order, so that the bits equal those of the same steps as separate
// operations.
#include <stdexcept>

#include "kernels.h"

namespace vgg {
namespace {

struct Rule {
  float a, b, m, c;
};

template <bool decays, bool moves>
void update(const Rule &rule, const float *__restrict g, float *__restrict w, float *__restrict v, int64_t count) {
#pragma omp parallel for simd schedule(static) if (count > 1 << 15)
  for (int64_t i = 0; i < count; i++) {
    float sum = rule.a * g[i];
    if (decays) sum = sum + rule.b * w[i];
    if (moves) sum = sum + rule.m * v[i];
    v[i] = sum;
    w[i] = w[i] + rule.c * sum;
  }
}

}  // namespace

// Input: gradient. Outputs: weights and velocity, which already hold numbers. Attributes: a, b, m, c. A term whose
// factor is 0 is left out.
void momentum_sgd(Context &context, const Call &call) {
  const Tensor &weights = call.output(0);
  const Tensor &velocity = call.output(1);
  require(weights.storage->buffer && velocity.storage->buffer, "the weights or the velocity hold no numbers");
  for (const Tensor &tensor : {weights, velocity}) {
    require_type(tensor, Type::f32);
    require_count(tensor, call.input(0).count());
  }
  hold_wide(context, *weights.storage);
  hold_wide(context, *velocity.storage);
  const Rule rule{static_cast<float>(call.number(0)), static_cast<float>(call.number(1)),
                  static_cast<float>(call.number(2)), static_cast<float>(call.number(3))};
  const float *g = call.input(0).data<float>();
  float *w = weights.data<float>();
  float *v = velocity.data<float>();
  const int64_t count = weights.count();
  for (const Tensor &changed : call.outputs) changed.storage->copies.clear();
  const bool decays = rule.b != 0, moves = rule.m != 0;
  if (decays && moves) return update<true, true>(rule, g, w, v, count);
  if (decays) return update<true, false>(rule, g, w, v, count);
  if (moves) return update<false, true>(rule, g, w, v, count);
  update<false, false>(rule, g, w, v, count);
}

}  // namespace vgg
