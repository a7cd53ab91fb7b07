// Hides the difference between oneDNN 2.x, which takes an operation descriptor, and 3.x, which does not. No other file
// depends on oneDNN's version.
#pragma once

#include <dnnl.hpp>

namespace vgg {

using dnnl::memory;

#if DNNL_VERSION_MAJOR >= 3

template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc describe(const dnnl::engine &engine, const dnnl::primitive_attr &attributes,
                                            const Arguments &...arguments) {
  return typename Primitive::primitive_desc(engine, arguments..., attributes);
}

// Same for a backward primitive, which needs the forward one as a hint.
template <typename Primitive, typename Hint, typename... Arguments>
typename Primitive::primitive_desc describe_backward(const dnnl::engine &engine, const dnnl::primitive_attr &attributes,
                                                     const Hint &hint, const Arguments &...arguments) {
  return typename Primitive::primitive_desc(engine, arguments..., hint, attributes);
}

inline void append_relu(dnnl::post_ops &operations) {
  operations.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
}

#else

template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc describe(const dnnl::engine &engine, const dnnl::primitive_attr &attributes,
                                            const Arguments &...arguments) {
  return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attributes, engine);
}

template <typename Primitive, typename Hint, typename... Arguments>
typename Primitive::primitive_desc describe_backward(const dnnl::engine &engine, const dnnl::primitive_attr &attributes,
                                                     const Hint &hint, const Arguments &...arguments) {
  return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attributes, engine, hint);
}

inline void append_relu(dnnl::post_ops &operations) {
  operations.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
}

#endif

}  // namespace vgg
