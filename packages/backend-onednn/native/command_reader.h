// The command of an operation: numbers that JavaScript writes and the addon reads.
#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "tensor.h"

namespace vgg {

// Reads the numbers that `Device.submit` of src/device.ts writes.
class CommandReader {
 public:
  CommandReader(const double *numbers, size_t length) : numbers_(numbers), length_(length) {}

  double next() {
    if (at_ >= length_) throw std::runtime_error("a command is shorter than its counts say");
    return numbers_[at_++];
  }
  size_t next_size() {
    const double value = next();
    if (!(value >= 0 && value < 1e15 && value == std::trunc(value))) {
      throw std::runtime_error("a size is not a whole number from 0 to 10^15");
    }
    return static_cast<size_t>(value);
  }
  Dims next_dims() {
    Dims dims(next_size());
    for (int64_t &dim : dims) dim = static_cast<int64_t>(next_size());
    return dims;
  }

 private:
  const double *numbers_;
  size_t length_;
  size_t at_ = 0;
};

}  // namespace vgg
