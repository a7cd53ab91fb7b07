// Conv2D and FusedConv2D: x [n,h,w,in], filter [kh,kw,in,out], optionally bias [out] and ReLU, in one primitive.
#include "dense_convolution.h"
#include "kernels.h"
#include "winograd.h"

namespace vgg {

// Inputs: x, filter, bias if given. Attributes: those of Convolution, then 1 where the filter is expected again (no
// gradient is asked for), then 1 for ReLU.
void conv2d(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const Tensor &filter = call.input(1);
  const Tensor &y = call.output();
  const Convolution c(call, x.dims, filter.dims, y.dims);
  const bool bias = call.has_input(2);
  const bool again = call.integer(8) == 1;
  const bool relu = call.integer(9) == 1;
  const auto f32 = memory::data_type::f32;
  const memory::desc bias_layout({c.weights[0]}, f32, memory::format_tag::x);
  Buffer wide_bias;
  void *bias_values = nullptr;
  if (bias) {
    const memory::desc given({c.weights[0]}, held_type(call.input(2)), memory::format_tag::x);
    bias_values = in_layout(context, given, call.input(2).data<void>(), bias_layout, wide_bias);
  }
  if (is_dense(context, c)) {
    return dense_forward(context, c, x, filter, static_cast<const float *>(bias_values), relu, y);
  }
  if (winograd_pays(context, c, again ? Wanted::output_again : Wanted::output)) {
    return winograd_forward(context, c, x, filter, static_cast<const float *>(bias_values), relu, again, y);
  }

  const auto primitive = context.primitives.get(c.key("conv2d").add(bias).add(relu), [&] {
    const dnnl::primitive_attr attributes = user_scratchpad(relu);
    const auto kind = dnnl::prop_kind::forward_training;
    const auto direct = dnnl::algorithm::convolution_direct;
    const memory::desc source = nhwc(c.source, context.multiplied);
    const memory::desc weights = any(c.weights, context.multiplied);
    const memory::desc destination = nhwc(c.destination, context.multiplied);
    const auto description = bias ? describe<dnnl::convolution_forward>(
                                        context.engine, attributes, kind, direct, source, weights, bias_layout,
                                        destination, c.strides, c.dilations, c.padding_before, c.padding_after)
                                  : describe<dnnl::convolution_forward>(context.engine, attributes, kind, direct,
                                                                        source, weights, destination, c.strides,
                                                                        c.dilations, c.padding_before, c.padding_after);
    return CachedPrimitive{"",
                           dnnl::convolution_forward(description),
                           description.src_desc(),
                           description.weights_desc(),
                           description.dst_desc(),
                           description.scratchpad_desc()};
  });

  void *weights = weights_in_layout(context, *filter.storage, hwio(c.weights, held_type(filter)), *primitive);
  Buffer converted;
  void *source = in_layout(context, nhwc(c.source, held_type(x)), x.data<void>(), primitive->source, converted);
  void *result = context.allocate_activation(y);
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, {primitive->source, context.engine, source}},
      {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, weights}},
      {DNNL_ARG_DST, {primitive->destination, context.engine, result}},
  };
  if (bias) arguments.emplace(DNNL_ARG_BIAS, memory(bias_layout, context.engine, bias_values));
  execute(context, *primitive, std::move(arguments));
}

}  // namespace vgg
