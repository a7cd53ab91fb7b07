// Momentum SGD as one pass over memory, in place (section 3.1 of the paper).
//   caffe:   v = m * v - rate * (s * g + decay * w);  w = w + v
//   pytorch: v = m * v + s * g + decay * w;           w = w - rate * v
#include <stdexcept>

#include "kernels.h"

namespace vgg {

// Input: the gradient. Outputs, which hold numbers already: weights, velocity.
// Attributes: rate, momentum, decay, gradient scale s, 1 for pytorch.
void momentum_sgd(Context &, const Call &call) {
  const Tensor &weights = call.output(0);
  const Tensor &velocity = call.output(1);
  if (weights.storage->failure || velocity.storage->failure) throw std::runtime_error("the weights hold no numbers");
  const float *g = call.input(0).data<float>();
  float *w = weights.data<float>();
  float *v = velocity.data<float>();
  const int64_t count = weights.count();
  const auto rate = static_cast<float>(call.number(0)), momentum = static_cast<float>(call.number(1));
  const auto decay = static_cast<float>(call.number(2)), scale = static_cast<float>(call.number(3));
  weights.storage->layouts.clear();
  if (call.integer(4) == 1) {
#pragma omp parallel for simd schedule(static) if (count > 1 << 15)
    for (int64_t i = 0; i < count; i++) {
      v[i] = momentum * v[i] + (scale * g[i] + decay * w[i]);
      w[i] -= rate * v[i];
    }
  } else {
#pragma omp parallel for simd schedule(static) if (count > 1 << 15)
    for (int64_t i = 0; i < count; i++) {
      v[i] = momentum * v[i] - rate * (scale * g[i] + decay * w[i]);
      w[i] += v[i];
    }
  }
}

}  // namespace vgg
