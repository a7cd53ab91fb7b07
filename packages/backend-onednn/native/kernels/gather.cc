// GatherV2, OneHot and TopK.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "kernels.h"

namespace vgg {

// Inputs: x [outer, length, inner], int32 indices [count]. Attributes: outer, length, inner. y is [outer, count,
// inner].
void gather_v2(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const int32_t *indices = call.input(1).data<int32_t>();
  const int64_t outer = call.integer(0), length = call.integer(1), inner = call.integer(2);
  const int64_t count = call.input(1).count();
  require_type(call.input(1), Type::i32);
  require_type(call.output(), x.type());
  require_count(x, count_of({outer, length, inner}));
  require_count(call.output(), count_of({outer, count, inner}));
  for (int64_t i = 0; i < count; i++) {
    if (indices[i] < 0 || indices[i] >= length) {
      throw std::runtime_error("index " + std::to_string(indices[i]) + " is outside [0, " + std::to_string(length) +
                               ")");
    }
  }
  auto *out = static_cast<char *>(context.allocate<void>(call.output()));
  const auto *in = x.data<const char>();
  const int64_t bytes = inner * static_cast<int64_t>(size_of(x.type()));
#pragma omp parallel for collapse(2) schedule(static) if (outer * count * bytes > 1 << 17)
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < count; i++) {
      std::memcpy(out + (o * count + i) * bytes, in + (o * length + indices[i]) * bytes, static_cast<size_t>(bytes));
    }
  }
}

// Input: int32 indices. Attributes: depth, value where the index is, value elsewhere. y is [count, depth].
void one_hot(Context &context, const Call &call) {
  const int32_t *indices = call.input(0).data<int32_t>();
  const int64_t depth = call.integer(0), count = call.input(0).count();
  const Tensor &y = call.output();
  require_type(call.input(0), Type::i32);
  require_count(y, count_of({count, depth}));
  context.allocate<void>(y);
  const auto set = [&](auto *out) {
    using T = std::remove_pointer_t<decltype(out)>;
    std::fill_n(out, count * depth, static_cast<T>(call.number(2)));
    for (int64_t i = 0; i < count; i++) {
      if (indices[i] >= 0 && indices[i] < depth) out[i * depth + indices[i]] = static_cast<T>(call.number(1));
    }
  };
  switch (y.type()) {
    case Type::f32: return set(y.data<float>());
    case Type::i32: return set(y.data<int32_t>());
    default: return set(y.data<uint8_t>());
  }
}

// Input: x [rows, length]. Attribute: k. Outputs: the k largest numbers of each row in descending order, and their
// indices. Of equal numbers the one with the lower index comes first.
void top_k(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  require(!x.dims.empty(), "a number has no largest ones");
  const int64_t k = call.integer(0), length = x.dims.back(), rows = x.count() / length;
  require_sizes(1, {k, length});
  require(k <= length, "k is larger than the last dimension");
  require_count(call.output(0), rows * k);
  require_count(call.output(1), rows * k);
  const float *in = x.data<float>();
  float *values = context.allocate<float>(call.output(0));
  int32_t *indices = context.allocate<int32_t>(call.output(1));
#pragma omp parallel if (x.count() > 1 << 13)
  {
    std::vector<int32_t> order(static_cast<size_t>(length));
#pragma omp for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
      const float *from = in + row * length;
      std::iota(order.begin(), order.end(), 0);
      // NaN counts as larger than any number, so that the order is well defined.
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [from](int32_t a, int32_t b) {
        const bool a_nan = from[a] != from[a], b_nan = from[b] != from[b];
        if (a_nan != b_nan) return a_nan;
        if (!a_nan && from[a] != from[b]) return from[a] > from[b];
        return a < b;
      });
      for (int64_t i = 0; i < k; i++) {
        indices[row * k + i] = order[static_cast<size_t>(i)];
        values[row * k + i] = from[order[static_cast<size_t>(i)]];
      }
    }
  }
}

}  // namespace vgg
