// Softmax and LogSoftmax over the last axis, numerically stable for logits of any size.
#include <algorithm>
#include <cmath>

#include "kernels.h"

namespace vgg {

// Input: logits [rows, classes] (any leading axes). Attribute: 1 for the logarithm.
void softmax(Context &context, const Call &call) {
  const Tensor &logits = call.input(0);
  require(!logits.dims.empty(), "a number has no classes");
  require_count(call.output(), logits.count());
  const bool logarithm = call.integer(0) == 1;
  const int64_t classes = logits.dims.back();
  const int64_t rows = logits.count() / classes;
  const float *x = logits.data<float>();
  float *y = context.allocate<float>(call.output());
#pragma omp parallel for schedule(static) if (rows * classes > 1 << 13)
  for (int64_t row = 0; row < rows; row++) {
    const float *in = x + row * classes;
    float *out = y + row * classes;
    float largest = in[0];
    for (int64_t i = 1; i < classes; i++) largest = in[i] > largest || in[i] != in[i] ? in[i] : largest;
    double total = 0;
    for (int64_t i = 0; i < classes; i++) {
      out[i] = std::exp(in[i] - largest);
      total += out[i];
    }
    if (logarithm) {
      const auto log_total = static_cast<float>(std::log(total));
      for (int64_t i = 0; i < classes; i++) out[i] = in[i] - largest - log_total;
    } else {
      const auto inverse = static_cast<float>(1 / total);
      for (int64_t i = 0; i < classes; i++) out[i] *= inverse;
    }
  }
}

}  // namespace vgg
