// MaxPool and MaxPoolGrad on NHWC. The workspace says which element of a window was the largest: the first one; as in
// TF.js, NaN never is.
#include <algorithm>
#include <limits>
#include <stdexcept>

#include "kernels.h"

namespace vgg {
namespace {

// Attributes: window height, width, strides, dilations, padding top, left.
struct Window {
  explicit Window(const Call &call)
      : height(call.integer(0)),
        width(call.integer(1)),
        stride_h(call.integer(2)),
        stride_w(call.integer(3)),
        dilation_h(call.integer(4)),
        dilation_w(call.integer(5)),
        top(call.integer(6)),
        left(call.integer(7)) {
    if (height * width > 255) throw std::runtime_error("a window of more than 255 elements");
  }
  int64_t height, width, stride_h, stride_w, dilation_h, dilation_w, top, left;
};

// Fills y and, unless null, the workspace.
void pool(const Window &w, const Tensor &x, const Tensor &y, float *out, uint8_t *chosen) {
  const float *in = x.data<float>();
  const int64_t height = x.dims[1], width = x.dims[2], channels = x.dims[3];
  const int64_t out_height = y.dims[1], out_width = y.dims[2];
#pragma omp parallel for schedule(static)
  for (int64_t line = 0; line < y.dims[0] * out_height; line++) {
    const int64_t image = line / out_height, oy = line % out_height;
    for (int64_t ox = 0; ox < out_width; ox++) {
      float *__restrict best = out + (line * out_width + ox) * channels;
      uint8_t *__restrict index = chosen == nullptr ? nullptr : chosen + (line * out_width + ox) * channels;
      std::fill_n(best, channels, -std::numeric_limits<float>::infinity());
      if (index != nullptr) std::fill_n(index, channels, uint8_t{255});
      for (int64_t ky = 0; ky < w.height; ky++) {
        const int64_t iy = oy * w.stride_h - w.top + ky * w.dilation_h;
        if (iy < 0 || iy >= height) continue;
        for (int64_t kx = 0; kx < w.width; kx++) {
          const int64_t ix = ox * w.stride_w - w.left + kx * w.dilation_w;
          if (ix < 0 || ix >= width) continue;
          const float *__restrict values = in + ((image * height + iy) * width + ix) * channels;
          const auto element = static_cast<uint8_t>(ky * w.width + kx);
          if (index == nullptr) {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++) best[c] = values[c] > best[c] ? values[c] : best[c];
          } else {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++) {
              const bool wins = values[c] > best[c];
              index[c] = wins ? element : index[c];
              best[c] = wins ? values[c] : best[c];
            }
          }
        }
      }
    }
  }
}

}  // namespace

// Input: x. Attributes: those of Window, then 1 to keep a workspace for the gradient.
void max_pool(Context &context, const Call &call) {
  const Window window(call);
  const Tensor &y = call.output();
  float *out = context.allocate<float>(y);
  uint8_t *chosen = nullptr;
  if (call.integer(8) == 1) {
    y.storage->workspace = context.pool.take(static_cast<size_t>(y.count()));
    chosen = static_cast<uint8_t *>(y.storage->workspace.data());
  }
  pool(window, call.input(0), y, out, chosen);
}

// Inputs: dy, x, y. Each input element gathers the gradients of the windows that chose it, so that threads share
// nothing.
void max_pool_grad(Context &context, const Call &call) {
  const Window w(call);
  const Tensor &dy = call.input(0);
  const Tensor &x = call.input(1);
  const Tensor &y = call.input(2);
  Buffer remade, values;
  const auto *chosen = static_cast<const uint8_t *>(y.storage->workspace.data());
  if (chosen == nullptr) {
    remade = context.pool.take(static_cast<size_t>(dy.count()));
    values = context.pool.take(dy.storage->bytes());
    pool(w, x, dy, static_cast<float *>(values.data()), static_cast<uint8_t *>(remade.data()));
    chosen = static_cast<const uint8_t *>(remade.data());
  }
  float *dx = context.allocate<float>(call.output());
  const float *gradient = dy.data<float>();
  const int64_t height = x.dims[1], width = x.dims[2], channels = x.dims[3];
  const int64_t out_height = dy.dims[1], out_width = dy.dims[2];
#pragma omp parallel for schedule(static)
  for (int64_t line = 0; line < x.dims[0] * height; line++) {
    const int64_t image = line / height, iy = line % height;
    for (int64_t ix = 0; ix < width; ix++) {
      float *__restrict target = dx + (line * width + ix) * channels;
      std::fill_n(target, channels, 0.0f);
      for (int64_t ky = 0; ky < w.height; ky++) {
        const int64_t from_top = iy + w.top - ky * w.dilation_h;
        if (from_top < 0 || from_top % w.stride_h != 0 || from_top / w.stride_h >= out_height) continue;
        for (int64_t kx = 0; kx < w.width; kx++) {
          const int64_t from_left = ix + w.left - kx * w.dilation_w;
          if (from_left < 0 || from_left % w.stride_w != 0 || from_left / w.stride_w >= out_width) continue;
          const int64_t at =
              ((image * out_height + from_top / w.stride_h) * out_width + from_left / w.stride_w) * channels;
          const auto element = static_cast<uint8_t>(ky * w.width + kx);
          const float *__restrict from = gradient + at;
          const uint8_t *__restrict index = chosen + at;
#pragma omp simd
          for (int64_t c = 0; c < channels; c++) target[c] += index[c] == element ? from[c] : 0.0f;
        }
      }
    }
  }
}

}  // namespace vgg
