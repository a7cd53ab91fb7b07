// Conv2D and FusedConv2D: x [n,h,w,in], filter [kh,kw,in,out], optionally bias [out], ReLU, and a max-pool of 2 x 2.
#include "kernels.h"
#include "matrix_convolution.h"
#include "max_pool.h"
#include "winograd.h"

namespace vgg {
namespace {

// Runs oneDNN's direct convolution. `bias`: [out] in float32, or null.
void direct_forward(Context &context, const Convolution &c, const Tensor &x, const Tensor &filter, void *bias,
                    bool relu, const Tensor &y) {
  const memory::desc bias_layout({c.weights[0]}, memory::data_type::f32, memory::format_tag::x);
  const auto primitive = context.primitives.get(c.key("conv2d").add(bias != nullptr).add(relu), [&] {
    const dnnl::primitive_attr attributes = user_scratchpad(relu);
    const auto kind = dnnl::prop_kind::forward_training;
    const auto direct = dnnl::algorithm::convolution_direct;
    const memory::desc source = nhwc(c.source, context.multiplied);
    const memory::desc weights = any(c.weights, context.multiplied);
    const memory::desc destination = nhwc(c.destination, context.multiplied);
    const auto description = bias != nullptr
                                 ? describe<dnnl::convolution_forward>(context.engine, attributes, kind, direct, source,
                                                                       weights, bias_layout, destination, c.strides,
                                                                       c.dilations, c.padding_before, c.padding_after)
                                 : describe<dnnl::convolution_forward>(context.engine, attributes, kind, direct, source,
                                                                       weights, destination, c.strides, c.dilations,
                                                                       c.padding_before, c.padding_after);
    return CachedPrimitive{"",
                           dnnl::convolution_forward(description),
                           description.src_desc(),
                           description.weights_desc(),
                           description.dst_desc(),
                           description.scratchpad_desc()};
  });

  void *weights = weights_in_layout(context, *filter.storage, hwio(c.weights, held_type(filter)), primitive->weights);
  Buffer converted;
  void *source = in_layout(context, nhwc(c.source, held_type(x)), x.data<void>(), primitive->source, converted);
  void *result = context.allocate_activation(y);
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, {primitive->source, context.engine, source}},
      {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, weights}},
      {DNNL_ARG_DST, {primitive->destination, context.engine, result}},
  };
  if (bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, memory(bias_layout, context.engine, bias));
  execute(context, *primitive, std::move(arguments));
}

}  // namespace

// Inputs: x, filter and optionally bias. Attributes: those of Convolution, then 1 if the same filter is expected again
// (no gradients are recorded), then 1 for ReLU, then, only if a max-pool of 2 x 2 at stride 2 follows, the height and
// width of the pool's input.
void conv2d(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const Tensor &filter = call.input(1);
  const Tensor &y = call.output();
  const bool again = call.integer(8) == 1;
  const bool relu = call.integer(9) == 1;
  const bool pool = call.has_attribute(10);
  const Dims dims = pool ? Dims{y.dims.at(0), call.integer(10), call.integer(11), y.dims.at(3)} : y.dims;
  const Convolution c(call, x.dims, filter.dims, dims);
  if (pool) require(y.dims[1] == dims[1] / 2 && y.dims[2] == dims[2] / 2, "the pool's output does not fit its input");
  Buffer wide_bias;
  void *bias = nullptr;
  if (call.has_input(2)) {
    require_count(call.input(2), c.weights[0]);
    const auto layout_in = [&](memory::data_type type) {
      return memory::desc({c.weights[0]}, type, memory::format_tag::x);
    };
    bias = in_layout(context, layout_in(held_type(call.input(2))), call.input(2).data<void>(),
                     layout_in(memory::data_type::f32), wide_bias);
  }
  const auto *added = static_cast<const float *>(bias);
  const bool matrix = matrix_pays(context, c);
  if (!matrix && winograd_pays(context, c, again ? Result::output_again : Result::output)) {
    return winograd_forward(context, c, x, filter, {added, relu, pool}, again, y);
  }
  const Tensor whole = pool ? Tensor{std::make_shared<Storage>(Type::f32, count_of(dims)), dims} : y;
  if (matrix) {
    matrix_forward(context, c, x, filter, added, relu, whole);
  } else {
    direct_forward(context, c, x, filter, bias, relu, whole);
  }
  if (pool) max_pool_squares(context, whole, y);
}

}  // namespace vgg
