// Conv2DBackpropInput: the gradient of a convolution's input from dy [n,oh,ow,out] and the filter.
#include "kernels.h"
#include "matrix_convolution.h"
#include "winograd.h"

namespace vgg {

// Inputs: dy, filter. Attributes: those of Convolution.
void conv2d_backprop_input(Context &context, const Call &call) {
  const Tensor &dy = call.input(0);
  const Tensor &filter = call.input(1);
  const Tensor &dx = call.output();
  const Convolution c(call, dx.dims, filter.dims, dy.dims);
  if (matrix_pays(context, c)) return matrix_backprop_input(context, c, dy, filter, dx);
  if (winograd_pays(context, c, Result::input_gradient)) return winograd_backprop_input(context, c, dy, filter, dx);

  const auto primitive = context.primitives.get(c.key("conv2d_backprop_input"), [&] {
    const auto description = describe_backward<dnnl::convolution_backward_data>(
        context.engine, user_scratchpad(), forward_hint(context, c), dnnl::algorithm::convolution_direct,
        nhwc(c.source, context.multiplied), any(c.weights, context.multiplied), nhwc(c.destination, context.multiplied),
        c.strides, c.dilations, c.padding_before, c.padding_after);
    return CachedPrimitive{"",
                           dnnl::convolution_backward_data(description),
                           description.diff_src_desc(),
                           description.weights_desc(),
                           description.diff_dst_desc(),
                           description.scratchpad_desc()};
  });

  void *weights = weights_in_layout(context, *filter.storage, hwio(c.weights, held_type(filter)), primitive->weights);
  Buffer converted;
  void *gradient =
      in_layout(context, nhwc(c.destination, held_type(dy)), dy.data<void>(), primitive->destination, converted);
  void *result = context.allocate_activation(dx);
  execute(context, *primitive,
          {{DNNL_ARG_DIFF_DST, {primitive->destination, context.engine, gradient}},
           {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, weights}},
           {DNNL_ARG_DIFF_SRC, {primitive->source, context.engine, result}}});
}

}  // namespace vgg
