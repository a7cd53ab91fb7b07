// Conv2DBackpropFilter: the gradient of a convolution's filter from x [n,h,w,in] and dy [n,oh,ow,out], and optionally
// the gradient of its bias, the sums of dy over all axes but channels.
#include <omp.h>

#include "kernels.h"
#include "matrix_convolution.h"
#include "winograd.h"

namespace vgg {
namespace {

// Without AMX, oneDNN's weight gradients run up to three times faster on channel blocks than on plain NHWC, which more
// than pays for the copies. With few input channels (images) oneDNN has only slow reference code for blocks.
bool prefers_blocks(const Convolution &c) { return c.source[1] % 16 == 0 && c.destination[1] % 16 == 0; }

// oneDNN sums the filter gradient of few input channels (images) per thread: as long as this lives, the number of
// threads depends on the work alone, and so the bits do. Other layers of a net take no path that depends on it in
// float32.
class FixedThreads {
 public:
  explicit FixedThreads(const Convolution &c) : before_(omp_get_max_threads()) {
    if (c.source[1] >= 16) return;
    double products = c.source[1];
    for (const int64_t size : c.destination) products *= static_cast<double>(size);
    products *= static_cast<double>(c.weights[2] * c.weights[3]);
    // Starting threads costs more than one thread takes for a small batch.
    omp_set_num_threads(products < kFew ? 1 : kThreads);
  }
  ~FixedThreads() { omp_set_num_threads(before_); }
  FixedThreads(const FixedThreads &) = delete;
  FixedThreads &operator=(const FixedThreads &) = delete;

 private:
  static constexpr int kThreads = 4;
  static constexpr double kFew = 1 << 27;
  const int before_;
};

}  // namespace

// Inputs: x, dy. Outputs: dw and optionally db. Attributes: those of Convolution.
void conv2d_backprop_filter(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const Tensor &dy = call.input(1);
  const Tensor &dw = call.output();
  const Convolution c(call, x.dims, dw.dims, dy.dims);
  const auto f32 = memory::data_type::f32;
  const bool sums_dy = call.outputs.size() > 1;
  const bool matrix = matrix_pays(context, c);
  if (matrix || winograd_pays(context, c, Result::filter_gradient)) {
    float *sums = sums_dy ? context.allocate<float>(call.output(1)) : nullptr;
    const auto run = matrix ? matrix_backprop_filter : winograd_backprop_filter;
    return run(context, c, x, dy, context.allocate<float>(dw), sums);
  }
  const FixedThreads fixed(c);
  const memory::desc bias = sums_dy ? memory::desc({c.weights[0]}, f32, memory::format_tag::x) : memory::desc();

  const auto primitive = context.primitives.get(c.key("conv2d_backprop_filter").add(sums_dy), [&] {
    const bool blocks = context.multiplied == f32 && prefers_blocks(c);
    const auto type = context.multiplied;
    const memory::desc source = blocks ? any(c.source, type) : nhwc(c.source, type);
    const memory::desc destination = blocks ? any(c.destination, type) : nhwc(c.destination, type);
    const auto hint = describe<dnnl::convolution_forward>(
        context.engine, dnnl::primitive_attr(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
        source, any(c.weights, type), destination, c.strides, c.dilations, c.padding_before, c.padding_after);
    const auto description = describe_backward<dnnl::convolution_backward_weights>(
        context.engine, user_scratchpad(), hint, dnnl::algorithm::convolution_direct, source, any(c.weights, f32), bias,
        destination, c.strides, c.dilations, c.padding_before, c.padding_after);
    return CachedPrimitive{"",
                           dnnl::convolution_backward_weights(description),
                           description.src_desc(),
                           description.diff_weights_desc(),
                           description.diff_dst_desc(),
                           description.scratchpad_desc()};
  });

  Buffer x_copy, dy_copy, blocked_result;
  void *source = in_layout(context, nhwc(c.source, held_type(x)), x.data<void>(), primitive->source, x_copy);
  void *gradient =
      in_layout(context, nhwc(c.destination, held_type(dy)), dy.data<void>(), primitive->destination, dy_copy);
  const memory::desc plain = hwio(c.weights, f32);
  void *result = context.allocate<float>(dw);
  const bool direct = plain == primitive->weights;
  if (!direct) blocked_result = context.pool.take(primitive->weights.get_size());
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, {primitive->source, context.engine, source}},
      {DNNL_ARG_DIFF_DST, {primitive->destination, context.engine, gradient}},
      {DNNL_ARG_DIFF_WEIGHTS, {primitive->weights, context.engine, direct ? result : blocked_result.data()}},
  };
  if (sums_dy) {
    arguments.emplace(DNNL_ARG_DIFF_BIAS, memory(bias, context.engine, context.allocate<float>(call.output(1))));
  }
  execute(context, *primitive, std::move(arguments));
  if (!direct) reorder(context, primitive->weights, blocked_result.data(), plain, result);
}

}  // namespace vgg
