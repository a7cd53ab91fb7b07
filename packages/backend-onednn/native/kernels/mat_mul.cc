// BatchMatMul and _FusedMatMul: a [batch,m,k] times b [batch,k,n], each optionally transposed, optionally with bias [n]
// and ReLU.
#include "convolution.h"
#include "kernels.h"

namespace vgg {
namespace {

memory::desc matrix(const Dims &dims, bool transposed, memory::data_type type) {
  const int64_t batch = dims[0], rows = dims[1], columns = dims[2];
  if (batch == 1) {
    return transposed ? memory::desc({columns, rows}, type, memory::format_tag::ba)
                      : memory::desc({rows, columns}, type, memory::format_tag::ab);
  }
  return transposed ? memory::desc({batch, columns, rows}, type, memory::format_tag::acb)
                    : memory::desc({batch, rows, columns}, type, memory::format_tag::abc);
}

// Layout of one number per column, for every row of every matrix.
memory::desc row(int64_t columns, int64_t batch, memory::data_type type) {
  if (batch == 1) return {{1, columns}, type, memory::format_tag::ab};
  return {{1, 1, columns}, type, memory::format_tag::abc};
}

}  // namespace

// Inputs: a, b and optionally bias. a and b have equal batches. Attributes: transpose a, transpose b, 1 for ReLU.
void batch_mat_mul(Context &context, const Call &call) {
  const Tensor &a = call.input(0);
  const Tensor &b = call.input(1);
  const Tensor &y = call.output();
  const bool transpose_a = call.integer(0) == 1;
  const bool transpose_b = call.integer(1) == 1;
  const bool relu = call.integer(2) == 1;
  const bool bias = call.has_input(2);
  const int64_t columns = y.dims[2];
  const auto f32 = memory::data_type::f32;
  const memory::desc bias_layout = row(columns, y.dims[0], f32);
  const Key key = Key("batch_mat_mul").add(a.dims).add(b.dims).add(transpose_a).add(transpose_b).add(bias).add(relu);
  const auto primitive = context.primitives.get(key, [&] {
    const dnnl::primitive_attr attributes = user_scratchpad(relu);
    const memory::desc left = matrix(a.dims, transpose_a, context.multiplied);
    // With few rows, the product takes as long as reading b, and oneDNN reads its own layout fastest. In bfloat16, b is
    // copied anyway.
    const bool few_rows = context.bfloat16 && y.dims[0] == 1 && y.dims[1] <= 32;
    const memory::desc plain = matrix(b.dims, transpose_b, context.multiplied);
    const memory::desc right = few_rows ? any({b.dims[transpose_b ? 2 : 1], columns}, context.multiplied) : plain;
    const memory::desc product = matrix(y.dims, false, f32);
    const auto description = bias
                                 ? describe<dnnl::matmul>(context.engine, attributes, left, right, bias_layout, product)
                                 : describe<dnnl::matmul>(context.engine, attributes, left, right, product);
    return cached_product(description);
  });

  Buffer converted;
  void *left =
      in_layout(context, matrix(a.dims, transpose_a, held_type(a)), a.data<void>(), primitive->source, converted);
  void *right = weights_in_layout(context, *b.storage, matrix(b.dims, transpose_b, held_type(b)), *primitive);
  void *result = context.allocate<float>(y);
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, {primitive->source, context.engine, left}},
      {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, right}},
      {DNNL_ARG_DST, {primitive->destination, context.engine, result}},
  };
  Buffer wide_bias;
  if (bias) {
    const memory::desc from = row(columns, y.dims[0], held_type(call.input(2)));
    void *values = in_layout(context, from, call.input(2).data<void>(), bias_layout, wide_bias);
    arguments.emplace(DNNL_ARG_BIAS, memory(bias_layout, context.engine, values));
  }
  execute(context, *primitive, std::move(arguments));
}

}  // namespace vgg
