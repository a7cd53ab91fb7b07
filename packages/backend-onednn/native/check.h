// Checks of an operation's sizes. A kernel makes them before it touches memory: sizes and attributes may be whatever a
// program passed.
#pragma once

#include <cstdlib>
#include <initializer_list>
#include <stdexcept>

#include "tensor.h"

namespace vgg {

// Throws unless `holds`. `expected` says what the kernel takes; the operation's shapes are added to it.
inline void require(bool holds, const char *expected) {
  if (!holds) throw std::runtime_error(expected);
}

inline void require_rank(const Tensor &tensor, size_t rank) {
  require(tensor.dims.size() == rank, "a tensor has the wrong number of dimensions");
}

inline void require_type(const Tensor &tensor, Type type) {
  require(tensor.type() == type, "a tensor has the wrong type");
}

inline void require_count(const Tensor &tensor, int64_t count) {
  require(tensor.count() == count, "the sizes of the tensors do not fit together");
}

// Throws unless each number is at least `least` and less than 2^31, so that products of two of them fit into 64 bits.
inline void require_sizes(int64_t least, std::initializer_list<int64_t> numbers) {
  for (const int64_t number : numbers) {
    require(number >= least && number < int64_t{1} << 31, "a size is out of range");
  }
}

// Throws unless a walk over `dims` with these strides, which begins at `offset`, stays inside [0, count).
inline void require_inside(const Dims &dims, int64_t offset, const Dims &strides, int64_t count) {
  const char *expected = "a part of the tensor is outside it";
  require(!dims.empty() && offset >= 0 && offset < count, expected);
  int64_t lowest = offset, highest = offset;
  for (size_t i = 0; i < dims.size(); i++) {
    const int64_t steps = dims[i] - 1, stride = strides.at(i);
    if (steps <= 0 || stride == 0) continue;
    require(steps <= count / std::abs(stride), expected);
    (stride > 0 ? highest : lowest) += steps * stride;
  }
  require(lowest >= 0 && highest < count, expected);
}

}  // namespace vgg
