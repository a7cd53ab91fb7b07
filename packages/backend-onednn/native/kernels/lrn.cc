// LRN and LRNGrad across channels: x / (bias + alpha * sum of squares)^beta over 2 * radius + 1 neighbouring channels.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"

namespace vgg {
namespace {

// Attributes: depth radius, bias, alpha, beta.
struct Normalisation {
  explicit Normalisation(const Call &call)
      : radius(call.integer(0)),
        bias(static_cast<float>(call.number(1))),
        alpha(static_cast<float>(call.number(2))),
        beta(static_cast<float>(call.number(3))) {}

  // Computes scale[c] = bias + alpha * sum of x² over the neighbours of c.
  void scale(const float *x, int64_t channels, float *result) const {
    for (int64_t c = 0; c < channels; c++) {
      float sum = 0;
      for (int64_t i = std::max<int64_t>(0, c - radius); i <= std::min(channels - 1, c + radius); i++)
        sum += x[i] * x[i];
      result[c] = bias + alpha * sum;
    }
  }

  // Returns scale^-beta; for AlexNet's beta of 3/4 without calling pow.
  float inverse_power(float scale) const {
    if (beta == 0.75f) {
      const float root = std::sqrt(scale);
      return 1.0f / (root * std::sqrt(root));
    }
    return std::pow(scale, -beta);
  }

  int64_t radius;
  float bias, alpha, beta;
};

}  // namespace

// Input: x [..., channels].
void lrn(Context &context, const Call &call) {
  const Normalisation normalisation(call);
  const Tensor &x = call.input(0);
  require(!x.dims.empty(), "a number has no channels");
  require_count(call.output(), x.count());
  const int64_t channels = x.dims.back(), positions = x.count() / channels;
  const float *in = x.data<float>();
  float *out = context.allocate<float>(call.output());
#pragma omp parallel if (x.count() > 1 << 13)
  {
    std::vector<float> scale(static_cast<size_t>(channels));
#pragma omp for schedule(static)
    for (int64_t p = 0; p < positions; p++) {
      const float *values = in + p * channels;
      normalisation.scale(values, channels, scale.data());
      for (int64_t c = 0; c < channels; c++) {
        out[p * channels + c] = values[c] * normalisation.inverse_power(scale[static_cast<size_t>(c)]);
      }
    }
  }
}

// Inputs: x, y, dy.
// dx[c] = dy[c] * scale[c]^-beta - 2 * alpha * beta * x[c] * sum over the neighbours i of dy[i] * y[i] / scale[i].
void lrn_grad(Context &context, const Call &call) {
  const Normalisation normalisation(call);
  const Tensor &x = call.input(0);
  require(!x.dims.empty(), "a number has no channels");
  for (const Tensor &other : {call.input(1), call.input(2), call.output()}) require_count(other, x.count());
  const int64_t channels = x.dims.back(), positions = x.count() / channels;
  const float *in = x.data<float>();
  const float *y = call.input(1).data<float>();
  const float *dy = call.input(2).data<float>();
  float *dx = context.allocate<float>(call.output());
#pragma omp parallel if (x.count() > 1 << 13)
  {
    std::vector<float> scale(static_cast<size_t>(channels)), share(static_cast<size_t>(channels));
#pragma omp for schedule(static)
    for (int64_t p = 0; p < positions; p++) {
      const int64_t at = p * channels;
      normalisation.scale(in + at, channels, scale.data());
      for (int64_t c = 0; c < channels; c++) {
        share[static_cast<size_t>(c)] = dy[at + c] * y[at + c] / scale[static_cast<size_t>(c)];
      }
      for (int64_t c = 0; c < channels; c++) {
        float sum = 0;
        const int64_t last = std::min(channels - 1, c + normalisation.radius);
        for (int64_t i = std::max<int64_t>(0, c - normalisation.radius); i <= last; i++)
          sum += share[static_cast<size_t>(i)];
        dx[at + c] = dy[at + c] * normalisation.inverse_power(scale[static_cast<size_t>(c)]) -
                     2 * normalisation.alpha * normalisation.beta * in[at + c] * sum;
      }
    }
  }
}

}  // namespace vgg
