// MaxPool and MaxPoolGrad on NHWC. The workspace holds the index of each window's largest element, the first of equal
// ones. As in TF.js, NaN is never the largest.
#include "max_pool.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

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
    require_sizes(1, {height, width, stride_h, stride_w, dilation_h, dilation_w});
    require_sizes(0, {top, left});
    require(height * width <= 255, "a window of more than 255 elements");
  }
  int64_t height, width, stride_h, stride_w, dilation_h, dilation_w, top, left;
};

// Throws unless y, or the gradient of y, may be a pool's output of the input x.
void check(const Tensor &x, const Tensor &y) {
  require_rank(x, 4);
  require_rank(y, 4);
  require(y.dims[0] == x.dims[0] && y.dims[3] == x.dims[3], "images and channels do not fit together");
  require_sizes(1, {y.dims[1], y.dims[2]});
}

// Returns true for VGG's pool: 2 x 2 at stride 2, where all windows are inside the image. Other pools take the general
// path.
bool is_square_of_two(const Window &w, const Tensor &x, const Tensor &y) {
  return w.height == 2 && w.width == 2 && w.stride_h == 2 && w.stride_w == 2 && w.dilation_h == 1 &&
         w.dilation_w == 1 && w.top == 0 && w.left == 0 && 2 * y.dims[1] <= x.dims[1] && 2 * y.dims[2] <= x.dims[2];
}

// Returns the attributes of the window.
std::vector<double> window_of(const Call &call) { return {call.attributes.begin(), call.attributes.begin() + 8}; }

// Returns the indices that y keeps if they are those of this pool of x, else null.
const uint8_t *kept_indices(const Call &call, const Tensor &x, const Tensor &y) {
  const PoolIndices &kept = y.storage->workspace;
  const bool fits = kept.indices && kept.input.lock() == x.storage && kept.input_dims == x.dims &&
                    kept.dims == y.dims && kept.window == window_of(call);
  return fits ? static_cast<const uint8_t *>(kept.indices.data()) : nullptr;
}

// Updates the largest value so far and its index. NaN never replaces a value.
inline void choose(float value, int32_t element, float &best, int32_t &index) {
  index = value > best ? element : index;
  best = value > best ? value : best;
}

// Computes one output pixel from four input pixels.
template <bool keeps, typename T>
void pool_square(const T *__restrict a, const T *__restrict b, const T *__restrict c, const T *__restrict d,
                 int64_t channels, T *__restrict out, uint8_t *__restrict indices) {
#pragma omp simd
  for (int64_t i = 0; i < channels; i++) {
    float best = -std::numeric_limits<float>::infinity();
    int32_t index = 255;
    choose(widen(a[i]), 0, best, index);
    choose(widen(b[i]), 1, best, index);
    choose(widen(c[i]), 2, best, index);
    choose(widen(d[i]), 3, best, index);
    narrow_to(best, out[i]);
    if (keeps) indices[i] = static_cast<uint8_t>(index);
  }
}

template <bool keeps, typename T>
void pool_squares(const Tensor &x, const T *in, const Tensor &y, T *out, uint8_t *indices) {
  const int64_t height = x.dims[1], width = x.dims[2], channels = x.dims[3];
  const int64_t out_height = y.dims[1], out_width = y.dims[2];
#pragma omp parallel for schedule(static)
  for (int64_t line = 0; line < y.dims[0] * out_height; line++) {
    const T *top = in + (line / out_height * height + line % out_height * 2) * width * channels;
    for (int64_t ox = 0; ox < out_width; ox++) {
      const T *at = top + 2 * ox * channels;
      const T *below = at + width * channels;
      const int64_t to = (line * out_width + ox) * channels;
      pool_square<keeps>(at, at + channels, below, below + channels, channels, out + to,
                         keeps ? indices + to : nullptr);
    }
  }
}

// Fills `out`, which has the shape of y, and, unless null, the workspace `indices`.
template <typename T>
void pool(const Window &w, const Tensor &x, const T *in, const Tensor &y, T *out, uint8_t *indices) {
  if (is_square_of_two(w, x, y)) {
    if (indices == nullptr) return pool_squares<false>(x, in, y, out, indices);
    return pool_squares<true>(x, in, y, out, indices);
  }
  T lowest;
  narrow_to(-std::numeric_limits<float>::infinity(), lowest);
  const int64_t height = x.dims[1], width = x.dims[2], channels = x.dims[3];
  const int64_t out_height = y.dims[1], out_width = y.dims[2];
#pragma omp parallel for schedule(static)
  for (int64_t line = 0; line < y.dims[0] * out_height; line++) {
    const int64_t image = line / out_height, oy = line % out_height;
    for (int64_t ox = 0; ox < out_width; ox++) {
      T *__restrict best = out + (line * out_width + ox) * channels;
      uint8_t *__restrict index = indices == nullptr ? nullptr : indices + (line * out_width + ox) * channels;
      std::fill_n(best, channels, lowest);
      if (index != nullptr) std::fill_n(index, channels, uint8_t{255});
      for (int64_t ky = 0; ky < w.height; ky++) {
        const int64_t iy = oy * w.stride_h - w.top + ky * w.dilation_h;
        if (iy < 0 || iy >= height) continue;
        for (int64_t kx = 0; kx < w.width; kx++) {
          const int64_t ix = ox * w.stride_w - w.left + kx * w.dilation_w;
          if (ix < 0 || ix >= width) continue;
          const T *__restrict values = in + ((image * height + iy) * width + ix) * channels;
          const auto element = static_cast<uint8_t>(ky * w.width + kx);
          if (index == nullptr) {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++) best[c] = widen(values[c]) > widen(best[c]) ? values[c] : best[c];
          } else {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++) {
              const bool wins = widen(values[c]) > widen(best[c]);
              index[c] = wins ? element : index[c];
              best[c] = wins ? values[c] : best[c];
            }
          }
        }
      }
    }
  }
}

// Computes one pixel of dx: the sums of the gradients of all windows whose largest element it is. Threads write to
// different pixels.
template <typename Gradient>
void gather_pixel(const Window &w, const Tensor &dy, const Gradient *gradient, const uint8_t *indices, int64_t image,
                  int64_t iy, int64_t ix, float *__restrict sums) {
  const int64_t out_height = dy.dims[1], out_width = dy.dims[2], channels = dy.dims[3];
  std::fill_n(sums, channels, 0.0f);
  for (int64_t ky = 0; ky < w.height; ky++) {
    const int64_t from_top = iy + w.top - ky * w.dilation_h;
    if (from_top < 0 || from_top % w.stride_h != 0 || from_top / w.stride_h >= out_height) continue;
    for (int64_t kx = 0; kx < w.width; kx++) {
      const int64_t from_left = ix + w.left - kx * w.dilation_w;
      if (from_left < 0 || from_left % w.stride_w != 0 || from_left / w.stride_w >= out_width) continue;
      const int64_t at = ((image * out_height + from_top / w.stride_h) * out_width + from_left / w.stride_w) * channels;
      const auto element = static_cast<uint8_t>(ky * w.width + kx);
      const Gradient *__restrict from = gradient + at;
      const uint8_t *__restrict index = indices + at;
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) sums[c] += index[c] == element ? widen(from[c]) : 0.0f;
    }
  }
}

// Computes the gradient of VGG's pool: the windows do not overlap, so each input pixel belongs to at most one.
template <typename Gradient, typename T>
void square_gradient(const Tensor &x, const Tensor &dy, const Gradient *gradient, const uint8_t *indices, T *dx) {
  const int64_t height = x.dims[1], width = x.dims[2], channels = x.dims[3];
  const int64_t out_height = dy.dims[1], out_width = dy.dims[2];
#pragma omp parallel for schedule(static)
  for (int64_t line = 0; line < x.dims[0] * height; line++) {
    const int64_t image = line / height, oy = line % height / 2, row = line % height % 2;
    T *target = dx + line * width * channels;
    const int64_t covered = oy < out_height ? 2 * out_width : 0;
    for (int64_t ix = 0; ix < covered; ix++) {
      const int64_t at = ((image * out_height + oy) * out_width + ix / 2) * channels;
      const auto element = static_cast<uint8_t>(2 * row + ix % 2);
      const Gradient *__restrict from = gradient + at;
      const uint8_t *__restrict index = indices + at;
      T *__restrict to = target + ix * channels;
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) {
        narrow_to(kept_if(index[c] == element, widen(from[c])), to[c]);
      }
    }
    // No window covers the last row or column if their number is odd.
    std::memset(target + covered * channels, 0, sizeof(T) * static_cast<size_t>((width - covered) * channels));
  }
}

template <typename Gradient, typename T>
void pool_gradient(const Window &w, const Tensor &x, const Tensor &dy, const Gradient *gradient, const uint8_t *indices,
                   T *dx) {
  const int64_t height = x.dims[1], width = x.dims[2], channels = x.dims[3];
#pragma omp parallel
  {
    std::vector<float> sums(static_cast<size_t>(channels));
#pragma omp for schedule(static)
    for (int64_t line = 0; line < x.dims[0] * height; line++) {
      for (int64_t ix = 0; ix < width; ix++) {
        gather_pixel(w, dy, gradient, indices, line / height, line % height, ix, sums.data());
        T *__restrict target = dx + (line * width + ix) * channels;
        const float *__restrict from = sums.data();
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) narrow_to(from[c], target[c]);
      }
    }
  }
}

// Copies the index of each window's largest element, or 255 (none) if that element is not positive.
template <typename T>
void mask_by_sign(const T *__restrict largest, const uint8_t *__restrict indices, uint8_t *__restrict mask,
                  int64_t count) {
#pragma omp parallel for simd schedule(static) if (count > 1 << 15)
  for (int64_t i = 0; i < count; i++) {
    const auto none = static_cast<uint8_t>(widen(largest[i]) > 0 ? 0 : 255);
    mask[i] = indices[i] | none;
  }
}

}  // namespace

void max_pool_squares(Context &context, const Tensor &x, const Tensor &y) {
  check(x, y);
  require(2 * y.dims[1] <= x.dims[1] && 2 * y.dims[2] <= x.dims[2], "a window is outside the image");
  with_numbers(x, [&](const auto *in) {
    auto *out = context.allocate<std::decay_t<decltype(*in)>>(y);
    pool_squares<false>(x, in, y, out, nullptr);
  });
}

// Input: x. Attributes: those of Window, then 1 to keep a workspace for the gradient. y is held in the type of x.
void max_pool(Context &context, const Call &call) {
  const Window window(call);
  const Tensor &x = call.input(0);
  const Tensor &y = call.output();
  check(x, y);
  with_numbers(x, [&](const auto *in) {
    auto *out = context.allocate<std::decay_t<decltype(*in)>>(y);
    uint8_t *indices = nullptr;
    if (call.integer(8) == 1) {
      Buffer kept = context.pool.take(static_cast<size_t>(y.count()));
      indices = static_cast<uint8_t *>(kept.data());
      y.storage->workspace = {std::move(kept), x.storage, x.dims, y.dims, window_of(call)};
    }
    pool(window, x, in, y, out, indices);
  });
}

// Inputs: dy, x, y. Attributes: those of Window, then 1 if x is a ReLU's output and dx is to be masked by that ReLU,
// too: dy counts only where y is positive. dx is held in the type of x.
void max_pool_grad(Context &context, const Call &call) {
  const Window w(call);
  const Tensor &dy = call.input(0);
  const Tensor &x = call.input(1);
  const Tensor &y = call.input(2);
  check(x, dy);
  require(y.dims == dy.dims, "the gradient does not fit the pool's output");
  require_count(call.output(), x.count());
  with_numbers(x, [&](const auto *in) {
    using T = std::decay_t<decltype(*in)>;
    Buffer index_buffer, values;
    const uint8_t *indices = kept_indices(call, x, y);
    if (indices == nullptr) {
      index_buffer = context.pool.take(static_cast<size_t>(dy.count()));
      values = context.pool.take(sizeof(T) * static_cast<size_t>(dy.count()));
      pool(w, x, in, dy, static_cast<T *>(values.data()), static_cast<uint8_t *>(index_buffer.data()));
      indices = static_cast<const uint8_t *>(index_buffer.data());
    }
    Buffer mask_buffer;
    if (call.integer(8) == 1) {
      mask_buffer = context.pool.take(static_cast<size_t>(dy.count()));
      auto *mask = static_cast<uint8_t *>(mask_buffer.data());
      with_numbers(y, [&](const auto *largest) { mask_by_sign(largest, indices, mask, dy.count()); });
      indices = mask;
    }
    T *dx = context.allocate<T>(call.output());
    with_numbers(dy, [&](const auto *gradient) {
      if (is_square_of_two(w, x, dy)) return square_gradient(x, dy, gradient, indices, dx);
      pool_gradient(w, x, dy, gradient, indices, dx);
    });
  });
}

}  // namespace vgg
