// FusedBatchNorm: (x - mean) * scale / sqrt(variance + epsilon) + offset, each per channel.
#include <cmath>
#include <vector>

#include "kernels.h"

namespace vgg {

// Inputs: x [..., channels], mean, variance, offset, scale [channels]. Attributes: epsilon, has offset, has scale.
void batch_norm(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const int64_t channels = x.dims.back(), positions = x.count() / channels;
  const bool has_offset = call.integer(1) == 1, has_scale = call.integer(2) == 1;
  const float *mean = call.input(1).data<float>();
  const float *variance = call.input(2).data<float>();
  const float *offset = has_offset ? call.input(3).data<float>() : nullptr;
  const float *scale = has_scale ? call.input(has_offset ? 4 : 3).data<float>() : nullptr;
  std::vector<float> factor(static_cast<size_t>(channels)), shift(static_cast<size_t>(channels));
  for (int64_t c = 0; c < channels; c++) {
    const auto i = static_cast<size_t>(c);
    factor[i] = static_cast<float>((scale == nullptr ? 1.0 : scale[c]) / std::sqrt(variance[c] + call.number(0)));
    shift[i] = offset == nullptr ? 0.0f : offset[c];
  }
  const float *in = x.data<float>();
  float *out = context.allocate<float>(call.output());
#pragma omp parallel for schedule(static) if (x.count() > 1 << 15)
  for (int64_t p = 0; p < positions; p++) {
    const float *values = in + p * channels;
    float *result = out + p * channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) {
      result[c] = (values[c] - mean[c]) * factor[static_cast<size_t>(c)] + shift[static_cast<size_t>(c)];
    }
  }
}

}  // namespace vgg
