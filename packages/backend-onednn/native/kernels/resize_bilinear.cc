// ResizeBilinear on NHWC images.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"

namespace vgg {
namespace {

// For each output row or column: the two nearest input rows or columns and the weight of the second.
struct Axis {
  Axis(int64_t in, int64_t out, bool align_corners, bool half_pixel_centers)
      : low(static_cast<size_t>(out)), high(static_cast<size_t>(out)), share(static_cast<size_t>(out)) {
    const double scale = align_corners && out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1)
                                                  : static_cast<double>(in) / static_cast<double>(out);
    for (int64_t i = 0; i < out; i++) {
      const auto at = static_cast<size_t>(i);
      const double position =
          half_pixel_centers ? scale * (static_cast<double>(i) + 0.5) - 0.5 : scale * static_cast<double>(i);
      low[at] = std::max<int64_t>(0, static_cast<int64_t>(std::floor(position)));
      high[at] = std::min<int64_t>(in - 1, static_cast<int64_t>(std::ceil(position)));
      share[at] = static_cast<float>(position - static_cast<double>(low[at]));
    }
  }
  std::vector<int64_t> low, high;
  std::vector<float> share;
};

}  // namespace

// Input: images, float32. Attributes: align corners, half pixel centers.
void resize_bilinear(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const Tensor &y = call.output();
  require_rank(x, 4);
  require_rank(y, 4);
  require(y.dims[0] == x.dims[0] && y.dims[3] == x.dims[3], "images and channels do not fit together");
  const int64_t height = x.dims[1], width = x.dims[2], channels = x.dims[3];
  const int64_t out_height = y.dims[1], out_width = y.dims[2];
  const bool align = call.integer(0) == 1, half = call.integer(1) == 1;
  require(!align || !half, "corners and half pixels cannot both be aligned");
  float *out = context.allocate<float>(y);
  const Axis rows(height, out_height, align, half), columns(width, out_width, align, half);
  const float *in = x.data<float>();
#pragma omp parallel for schedule(static) if (y.count() > 1 << 13)
  for (int64_t line = 0; line < y.dims[0] * out_height; line++) {
    const int64_t image = line / out_height;
    const auto r = static_cast<size_t>(line % out_height);
    const float *top = in + (image * height + rows.low[r]) * width * channels;
    const float *bottom = in + (image * height + rows.high[r]) * width * channels;
    for (int64_t ox = 0; ox < out_width; ox++) {
      const auto c = static_cast<size_t>(ox);
      const int64_t left = columns.low[c] * channels, right = columns.high[c] * channels;
      float *result = out + (line * out_width + ox) * channels;
      for (int64_t d = 0; d < channels; d++) {
        const float upper = top[left + d] + (top[right + d] - top[left + d]) * columns.share[c];
        const float lower = bottom[left + d] + (bottom[right + d] - bottom[left + d]) * columns.share[c];
        result[d] = upper + (lower - upper) * rows.share[r];
      }
    }
  }
}

}  // namespace vgg
