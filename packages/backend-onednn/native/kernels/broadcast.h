// Loops over two inputs that are broadcast to an output.
#pragma once

#include <algorithm>

#include "../kernel.h"

namespace vgg {

// Returns the strides, in elements, of an input of shape `dims` along the output's dimensions: 0 where the input
// repeats.
inline Dims broadcast_strides(const Dims &dims, const Dims &output) {
  Dims strides(output.size(), 0);
  int64_t stride = 1;
  for (size_t i = 0; i < dims.size(); i++) {
    const size_t from = dims.size() - 1 - i;
    const size_t to = output.size() - 1 - i;
    if (dims[from] != 1) strides[to] = stride;
    stride *= dims[from];
  }
  return strides;
}

// Throws unless a tensor of shape `dims` can be broadcast to the output.
inline void require_broadcast(const Dims &dims, const Dims &output) {
  bool fits = dims.size() <= output.size();
  for (size_t i = 0; fits && i < dims.size(); i++) {
    const int64_t dim = dims[dims.size() - 1 - i];
    fits = dim == 1 || dim == output[output.size() - 1 - i];
  }
  require(fits, "an input cannot be broadcast to the output");
}

// Merges adjacent dimensions where the strides of both inputs allow it, so that the last dimension is as long as
// possible. Drops dimensions of size 1.
struct BroadcastPlan {
  Dims dims, a, b;

  BroadcastPlan(const Dims &a_dims, const Dims &b_dims, const Dims &output) {
    const Dims a_strides = broadcast_strides(a_dims, output);
    const Dims b_strides = broadcast_strides(b_dims, output);
    for (size_t i = 0; i < output.size(); i++) {
      if (output[i] == 1) continue;
      const bool merges = !dims.empty() && a.back() == a_strides[i] * output[i] && b.back() == b_strides[i] * output[i];
      if (merges) {
        dims.back() *= output[i];
        a.back() = a_strides[i];
        b.back() = b_strides[i];
      } else {
        dims.push_back(output[i]);
        a.push_back(a_strides[i]);
        b.push_back(b_strides[i]);
      }
    }
    if (dims.empty()) {
      dims = {1};
      a = b = {0};
    }
  }
};

template <typename In, typename Out, typename Apply>
void broadcast_row(const In *a, int64_t a_step, const In *b, int64_t b_step, Out *out, int64_t length, Apply apply) {
  if (a_step == 1 && b_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < length; i++) out[i] = apply(a[i], b[i]);
  } else if (a_step == 1 && b_step == 0) {
    const In right = *b;
#pragma omp simd
    for (int64_t i = 0; i < length; i++) out[i] = apply(a[i], right);
  } else if (a_step == 0 && b_step == 1) {
    const In left = *a;
#pragma omp simd
    for (int64_t i = 0; i < length; i++) out[i] = apply(left, b[i]);
  } else {
    for (int64_t i = 0; i < length; i++) out[i] = apply(a[i * a_step], b[i * b_step]);
  }
}

template <typename In, typename Out, typename Apply>
void broadcast(const Call &call, Out *out, Apply apply) {
  require_broadcast(call.input(0).dims, call.output().dims);
  require_broadcast(call.input(1).dims, call.output().dims);
  const In *a = call.input(0).data<In>();
  const In *b = call.input(1).data<In>();
  const BroadcastPlan plan(call.input(0).dims, call.input(1).dims, call.output().dims);
  const int64_t length = plan.dims.back();
  const int64_t rows = call.output().count() / length;
  const size_t outer = plan.dims.size() - 1;
  constexpr int64_t kChunk = 1 << 14;
  if (rows == 1) {
    const int64_t a_step = plan.a.back(), b_step = plan.b.back();
#pragma omp parallel for schedule(static) if (length > 2 * kChunk)
    for (int64_t start = 0; start < length; start += kChunk) {
      broadcast_row(a + start * a_step, a_step, b + start * b_step, b_step, out + start,
                    std::min(kChunk, length - start), apply);
    }
    return;
  }
#pragma omp parallel for schedule(static) if (rows * length > 2 * kChunk)
  for (int64_t row = 0; row < rows; row++) {
    int64_t rest = row, a_offset = 0, b_offset = 0;
    for (size_t d = outer; d-- > 0;) {
      const int64_t at = rest % plan.dims[d];
      rest /= plan.dims[d];
      a_offset += at * plan.a[d];
      b_offset += at * plan.b[d];
    }
    broadcast_row(a + a_offset, plan.a.back(), b + b_offset, plan.b.back(), out + row * length, length, apply);
  }
}

}  // namespace vgg
