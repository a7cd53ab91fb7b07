// Parts that the three convolution kernels share: geometry, formats, and running a primitive.
//
// Activations are always row-major NHWC, in float32 or bfloat16; a primitive that is faster in another layout gets a
// copy in that layout.
#pragma once

#include <unordered_map>

#include "../kernel.h"

namespace vgg {

// Logical sizes in oneDNN's order and the call's attributes, which are those of `convolutionAttributes` in TypeScript:
// strides, dilations, padding top, bottom, left, right.
struct Convolution {
  Convolution(const Call &call, const Dims &x, const Dims &filter, const Dims &y)
      : source{x.at(0), x.at(3), x.at(1), x.at(2)},
        weights{filter.at(3), filter.at(2), filter.at(0), filter.at(1)},
        destination{y.at(0), y.at(3), y.at(1), y.at(2)},
        strides{call.integer(0), call.integer(1)},
        dilations{call.integer(2) - 1, call.integer(3) - 1},
        padding_before{call.integer(4), call.integer(6)},
        padding_after{call.integer(5), call.integer(7)} {
    check();
  }

  Key key(const char *operation) const {
    return Key(operation)
        .add(source)
        .add(weights)
        .add(destination)
        .add(strides)
        .add(dilations)
        .add(padding_before)
        .add(padding_after);
  }

  memory::dims source, weights, destination, strides, dilations, padding_before, padding_after;

 private:
  void check() const {
    const char *expected = "the convolution's shapes do not fit together";
    require(source[0] == destination[0] && source[1] == weights[1] && destination[1] == weights[0], expected);
    for (size_t i = 0; i < 2; i++) {
      require_sizes(1, {source[i + 2], weights[i + 2], destination[i + 2], strides[i], dilations[i] + 1});
      require_sizes(0, {padding_before[i], padding_after[i]});
      const int64_t covered = (weights[i + 2] - 1) * (dilations[i] + 1) + 1;
      const int64_t free = source[i + 2] + padding_before[i] + padding_after[i] - covered;
      require(free >= 0 && destination[i + 2] == free / strides[i] + 1, expected);
    }
  }
};

inline memory::desc nhwc(const memory::dims &dims, memory::data_type type) {
  return {dims, type, memory::format_tag::nhwc};
}

inline memory::desc hwio(const memory::dims &dims, memory::data_type type) {
  return {dims, type, memory::format_tag::hwio};
}

inline memory::desc any(const memory::dims &dims, memory::data_type type) {
  return {dims, type, memory::format_tag::any};
}

// Returns the attributes of a primitive that takes its scratchpad from the pool and, if `relu`, applies ReLU to its
// result.
inline dnnl::primitive_attr user_scratchpad(bool relu = false) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (relu) {
    dnnl::post_ops operations;
    append_relu(operations);
    attributes.set_post_ops(operations);
  }
  return attributes;
}

// Returns a cache entry for a matrix product.
inline CachedPrimitive cached_product(const dnnl::matmul::primitive_desc &description) {
  return {"",
          dnnl::matmul(description),
          description.src_desc(),
          description.weights_desc(),
          description.dst_desc(),
          description.scratchpad_desc()};
}

// Copies `source`, in the layout and type `from`, to `target`, in the layout and type `to`.
void reorder(Context &context, const memory::desc &from, void *source, const memory::desc &to, void *target);

// Returns `data` itself if `from` equals `to`, else a copy in the layout and type `to`, which `holder` owns.
void *in_layout(Context &context, const memory::desc &from, void *data, const memory::desc &to, Buffer &holder);

// Same for weights. The copy stays in their storage.
void *weights_in_layout(Context &context, Storage &storage, const memory::desc &from, const memory::desc &to);

// Runs the primitive and waits for it.
void execute(Context &context, const CachedPrimitive &primitive, std::unordered_map<int, dnnl::memory> arguments);

// Returns the forward description, which backward primitives need as a hint.
dnnl::convolution_forward::primitive_desc forward_hint(Context &context, const Convolution &convolution);

}  // namespace vgg
