// What a kernel is: a function that runs on the compute thread, reads a call's inputs and fills its outputs.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "dnnl_versions.h"
#include "primitive_cache.h"
#include "tensor.h"

namespace vgg {

struct Call;

// Seconds since some start.
double now();

// Whether oneDNN uses these instructions: the processor has them and ONEDNN_MAX_CPU_ISA does not forbid them.
inline bool processor_has(dnnl_cpu_isa_t wanted) {
  const auto isa = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
  return (isa & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}

// The state of one environment's compute thread.
struct Context {
  Context(BufferPool &pool, size_t cache_limit, bool bf16, bool bf16_tiles)
      : engine(dnnl::engine::kind::cpu, 0),
        stream(engine),
        pool(pool),
        primitives(cache_limit),
        bfloat16(bf16),
        bfloat16_tiles(bf16_tiles),
        multiplied(bf16 ? memory::data_type::bf16 : memory::data_type::f32) {}

  dnnl::engine engine;
  dnnl::stream stream;
  BufferPool &pool;
  PrimitiveCache primitives;
  // Time that oneDNN's own primitives, without what is around them, have taken since the operation's start.
  double primitive_seconds = 0;
  // Whether convolutions and matrix products multiply in bfloat16, and activations are held in it. They add up in
  // float32.
  const bool bfloat16;
  // Whether Winograd's transformed numbers may be rounded to it where gradients are asked for.
  const bool bfloat16_tiles;
  const memory::data_type multiplied;

  // Gives the output its memory and returns it.
  template <typename T>
  T *allocate(const Tensor &output) {
    output.storage->narrow = std::is_same_v<T, bf16>;
    output.storage->buffer = pool.take(output.storage->held_bytes());
    return output.data<T>();
  }

  // As above, in the type of `multiplied`.
  void *allocate_activation(const Tensor &output) {
    return bfloat16 ? static_cast<void *>(allocate<bf16>(output)) : allocate<float>(output);
  }
};

// Calls `body` with a pointer of the type in which a float32 tensor's numbers are held.
template <typename Body>
void with_numbers(const Tensor &tensor, Body body) {
  if (tensor.narrow()) return body(static_cast<const bf16 *>(tensor.data<bf16>()));
  body(static_cast<const float *>(tensor.data<float>()));
}

// The type in which a float32 tensor's numbers are held, in oneDNN's words.
inline memory::data_type held_type(const Tensor &tensor) {
  return tensor.narrow() ? memory::data_type::bf16 : memory::data_type::f32;
}

// Makes a storage hold float32 numbers, if it holds bfloat16.
void hold_wide(Context &context, Storage &storage);

// float32 numbers of what is held as bfloat16.
void widen_numbers(const bf16 *from, float *to, int64_t count);

using KernelFunction = void (*)(Context &, const Call &);

struct Kernel {
  const char *name;
  KernelFunction run;
  // How many of its first inputs may be held as bfloat16. Of others it gets float32 copies.
  size_t narrow_inputs = 0;
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
  bool has_attribute(size_t i) const { return i < attributes.size(); }
  double number(size_t i) const { return attributes.at(i); }
  int64_t integer(size_t i) const { return static_cast<int64_t>(attributes.at(i)); }
};

// All kernels, in the order of their numbers.
const std::vector<Kernel> &kernels();

}  // namespace vgg
