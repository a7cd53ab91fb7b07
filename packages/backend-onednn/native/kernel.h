// What a kernel is: a function that runs on the compute thread, reads a call's inputs and fills its outputs.
#pragma once

#include <string>
#include <vector>

#include "dnnl_versions.h"
#include "primitive_cache.h"
#include "tensor.h"

namespace vgg {

struct Call;

// The state of one environment's compute thread.
struct Context {
  Context(BufferPool &pool, size_t cache_limit, bool bf16)
      : engine(dnnl::engine::kind::cpu, 0),
        stream(engine),
        pool(pool),
        primitives(cache_limit),
        multiplied(bf16 ? memory::data_type::bf16 : memory::data_type::f32) {}

  dnnl::engine engine;
  dnnl::stream stream;
  BufferPool &pool;
  PrimitiveCache primitives;
  // The type that convolutions and matrix products multiply in. They add up, and tensors are kept, in float32.
  const memory::data_type multiplied;

  // Gives the output its memory and returns it.
  template <typename T>
  T *allocate(const Tensor &output) {
    output.storage->buffer = pool.take(output.storage->bytes());
    return output.data<T>();
  }
};

using KernelFunction = void (*)(Context &, const Call &);

struct Kernel {
  const char *name;
  KernelFunction run;
};

// One queued operation. Attributes are numbers whose meaning is the kernel's.
struct Call {
  const Kernel *kernel = nullptr;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::vector<double> attributes;

  const Tensor &input(size_t i) const { return inputs.at(i); }
  const Tensor &output(size_t i = 0) const { return outputs.at(i); }
  bool has_input(size_t i) const { return i < inputs.size(); }
  double number(size_t i) const { return attributes.at(i); }
  int64_t integer(size_t i) const { return static_cast<int64_t>(attributes.at(i)); }
};

// All kernels, in the order of their numbers.
const std::vector<Kernel> &kernels();

}  // namespace vgg
