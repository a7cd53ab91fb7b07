#include "convolution.h"

namespace vgg {

void reorder(Context &context, const memory::desc &from, void *source, const memory::desc &to, void *target) {
  dnnl::memory input(from, context.engine, source);
  dnnl::memory output(to, context.engine, target);
  dnnl::reorder(input, output).execute(context.stream, input, output);
  context.stream.wait();
}

void *in_layout(Context &context, const memory::desc &from, void *data, const memory::desc &to, Buffer &holder) {
  if (from == to) return data;
  holder = context.pool.take(to.get_size());
  reorder(context, from, data, to, holder.data());
  return holder.data();
}

void *weights_in_layout(Context &context, Storage &storage, const memory::desc &from, const memory::desc &to) {
  if (from == to) return storage.buffer.data();
  return storage.copies.get({from, to}, [&] {
    Buffer copy = context.pool.take(to.get_size());
    reorder(context, from, storage.buffer.data(), to, copy.data());
    return copy;
  });
}

void execute(Context &context, const CachedPrimitive &primitive, std::unordered_map<int, dnnl::memory> arguments) {
  Buffer scratchpad;
  if (const size_t bytes = primitive.scratchpad.get_size(); bytes > 0) {
    scratchpad = context.pool.take(bytes);
    arguments.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(primitive.scratchpad, context.engine, scratchpad.data()));
  }
  const double start = now();
  primitive.primitive.execute(context.stream, arguments);
  context.stream.wait();
  context.primitive_seconds += now() - start;
}

dnnl::convolution_forward::primitive_desc forward_hint(Context &context, const Convolution &c) {
  const auto type = context.multiplied;
  return describe<dnnl::convolution_forward>(context.engine, dnnl::primitive_attr(), dnnl::prop_kind::forward_training,
                                             dnnl::algorithm::convolution_direct, nhwc(c.source, type),
                                             any(c.weights, type), nhwc(c.destination, type), c.strides, c.dilations,
                                             c.padding_before, c.padding_after);
}

}  // namespace vgg
