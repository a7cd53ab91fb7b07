// The data of kernels: storages, which the compute thread fills in queue order, and tensors, which are views of them.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bf16.h"
#include "pool.h"
#include "weight_copies.h"

namespace vgg {

using Dims = std::vector<int64_t>;

// Largest number of elements of a tensor. Sizes in bytes fit into 64 bits.
constexpr int64_t kMostElements = int64_t{1} << 48;

inline int64_t count_of(const Dims &dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) {
    if (dim < 0 || (count > 0 && dim > kMostElements / count)) {
      throw std::runtime_error("a shape is negative or has more than 2^48 elements");
    }
    count *= dim;
  }
  return count;
}

// The values match `TYPES` of src/native.ts.
enum class Type : uint8_t { f32 = 0, i32 = 1, u8 = 2 };

inline size_t size_of(Type type) { return type == Type::u8 ? 1 : 4; }

struct Storage;

// Index of the largest element of each window of a max-pool, and what they are the indices of.
struct PoolIndices {
  Buffer indices;
  std::weak_ptr<const Storage> input;
  Dims input_dims, dims;
  // The attributes of the window.
  std::vector<double> window;
};

// One block of numbers, row-major. Only the compute thread touches it once an operation that uses it is queued.
struct Storage {
  Storage(Type type, int64_t count) : type(type), count(count) {}

  Type type;
  int64_t count;
  // True if float32 numbers are held as bfloat16. The operation that computes them decides; JavaScript does not know.
  bool narrow = false;
  // Empty until the operation that computes it has run.
  Buffer buffer;
  // Only for a max-pool's output.
  PoolIndices workspace;
  // Copies of the numbers, if they are weights. Whatever changes the numbers clears them.
  WeightCopies copies;
  // Reason why there are no numbers: the message of the operation that failed, or of one that it depends on.
  std::shared_ptr<const std::string> failure;
  // Number of the last queued operation that writes to it (`Engine::submit`). Guarded by the engine's mutex.
  uint64_t writer = 0;
  // Number of the last queued operation that reads it or writes to it. Guarded likewise.
  uint64_t user = 0;

  // Size of the numbers as JavaScript sees them, and as they are held.
  size_t bytes() const { return size_of(type) * static_cast<size_t>(count); }
  size_t held_bytes() const { return narrow ? 2 * static_cast<size_t>(count) : bytes(); }
};

struct Tensor {
  std::shared_ptr<Storage> storage;
  Dims dims;

  int64_t count() const { return storage->count; }
  Type type() const { return storage->type; }
  bool narrow() const { return storage->narrow; }
  template <typename T>
  T *data() const {
    return static_cast<T *>(storage->buffer.data());
  }
};

}  // namespace vgg
