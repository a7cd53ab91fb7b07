// A kernel is a function that runs on the compute thread, reads a call's inputs and fills its outputs.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "check.h"
#include "dnnl_versions.h"
#include "primitive_cache.h"
#include "tensor.h"

namespace vgg {

struct Call;

// Returns the time in seconds since an arbitrary start.
double now();

// Returns true if oneDNN uses these instructions: the processor has them and ONEDNN_MAX_CPU_ISA allows them.
inline bool processor_has(dnnl_cpu_isa_t instructions) {
  const auto isa = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
  return (isa & static_cast<unsigned>(instructions)) == static_cast<unsigned>(instructions);
}

// Returns true if kernels are chosen as for a processor with AMX. VGG_ONEDNN_AMX=1 asks for these choices on another
// processor, to test them there: oneDNN then multiplies without tiles. VGG_ONEDNN_AMX=0 asks for the other choices on a
// processor with AMX.
inline bool chooses_for_amx() {
  const char *asked = std::getenv("VGG_ONEDNN_AMX");
  if (asked == nullptr || *asked == '\0') return processor_has(dnnl_cpu_isa_avx512_core_amx);
  return *asked != '0' && processor_has(dnnl_cpu_isa_avx512_core_bf16);
}

// Returns true if tensors of that type may be held as numbers of type T.
template <typename T>
constexpr bool holds(Type type) {
  if constexpr (std::is_void_v<T>) return true;
  if constexpr (std::is_same_v<T, uint8_t>) return type == Type::u8;
  if constexpr (std::is_same_v<T, int32_t>) return type == Type::i32;
  return type == Type::f32;
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
        amx(bf16 && chooses_for_amx()),
        multiplied(bf16 ? memory::data_type::bf16 : memory::data_type::f32) {}

  dnnl::engine engine;
  dnnl::stream stream;
  BufferPool &pool;
  PrimitiveCache primitives;
  // Seconds spent inside oneDNN's primitives since the current operation began.
  double primitive_seconds = 0;
  // True if convolutions and matrix products multiply in bfloat16 (and sum in float32) and activations are held in
  // bfloat16.
  const bool bfloat16;
  // True if Winograd's transformed numbers may be rounded to bfloat16.
  const bool bfloat16_tiles;
  // True if products of bfloat16 are left to oneDNN, which computes them by AMX.
  const bool amx;
  // Type in which convolutions and matrix products multiply.
  const memory::data_type multiplied;

  // Allocates the output's memory and returns it.
  template <typename T>
  T *allocate(const Tensor &output) {
    require(holds<T>(output.type()), "the output has another type");
    output.storage->narrow = std::is_same_v<T, bf16>;
    output.storage->buffer = pool.take(output.storage->held_bytes());
    return output.data<T>();
  }

  // Same in the type `multiplied`.
  void *allocate_activation(const Tensor &output) {
    return bfloat16 ? static_cast<void *>(allocate<bf16>(output)) : allocate<float>(output);
  }
};

// Calls `body` with a pointer to a float32 tensor's numbers, in the type in which they are held.
template <typename Body>
void with_numbers(const Tensor &tensor, Body body) {
  if (tensor.narrow()) return body(static_cast<const bf16 *>(tensor.data<bf16>()));
  body(static_cast<const float *>(tensor.data<float>()));
}

// Returns the type in which a float32 tensor's numbers are held.
inline memory::data_type held_type(const Tensor &tensor) {
  return tensor.narrow() ? memory::data_type::bf16 : memory::data_type::f32;
}

// Returns a float32 copy of a storage that is held as bfloat16.
std::shared_ptr<Storage> wide_copy(Context &context, const Storage &storage);

// Converts a storage that is held as bfloat16 to float32. Does nothing to others.
void hold_wide(Context &context, Storage &storage);

// Converts `count` bfloat16 numbers to float32.
void widen_numbers(const bf16 *from, float *to, int64_t count);

using KernelFunction = void (*)(Context &, const Call &);

struct Kernel {
  const char *name;
  KernelFunction run;
  // Number of first inputs that may be held as bfloat16. The kernel gets float32 copies of all others.
  size_t narrow_inputs = 0;
  // True if the kernel checks the types of its inputs itself. Otherwise all of them must be float32.
  bool takes_any_type = false;
  // True if it changes outputs in place. If it fails, it has changed none, and they keep their numbers.
  bool updates = false;
};

// One queued operation. Attributes are numbers whose meaning depends on the kernel.
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
  int64_t integer(size_t i) const {
    const double value = attributes.at(i);
    require(std::fabs(value) <= 0x1p53 && value == std::trunc(value), "an attribute is not an integer");
    return static_cast<int64_t>(value);
  }
};

}  // namespace vgg
