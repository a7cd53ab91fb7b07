// BatchMatMul and _FusedMatMul: a [batch,m,k] times b [batch,k,n], each optionally transposed, optionally with bias [n]
// and ReLU.
#include <algorithm>

#include "convolution.h"
#include "divided_product.h"
#include "few_rows.h"
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

void check(const Call &call) {
  for (const Tensor &tensor : {call.input(0), call.input(1), call.output()}) require_rank(tensor, 3);
  const Dims &a = call.input(0).dims, &b = call.input(1).dims, &y = call.output().dims;
  const size_t left = call.integer(0) == 1 ? 1 : 0, right = call.integer(1) == 1 ? 1 : 0;
  require(a[0] == y[0] && b[0] == y[0] && a[1 + left] == y[1] && b[2 - right] == y[2] && a[2 - left] == b[1 + right],
          "the matrices do not fit together");
  if (call.has_input(2)) require_count(call.input(2), y[2]);
}

// Layout of one number per column, for every row of every matrix.
memory::desc row(int64_t columns, int64_t batch, memory::data_type type) {
  if (batch == 1) return {{1, columns}, type, memory::format_tag::ab};
  return {{1, 1, columns}, type, memory::format_tag::abc};
}

// Returns the bias in float32, in the layout that a product of y's shape takes, or null. `holder` owns a copy if one is
// needed.
float *bias_of(Context &context, const Call &call, Buffer &holder) {
  if (!call.has_input(2)) return nullptr;
  const Tensor &bias = call.input(2);
  const int64_t batch = call.output().dims[0], columns = call.output().dims[2];
  const memory::desc from = row(columns, batch, held_type(bias)), to = row(columns, batch, memory::data_type::f32);
  return static_cast<float *>(in_layout(context, from, bias.data<void>(), to, holder));
}

#if defined(__x86_64__)
// Returns true if the product of few rows is faster than oneDNN's. In bfloat16 it is not where b's copy is used again.
bool few_rows_pay(const Context &context, const Call &call) {
  const bool transpose_a = call.integer(0) == 1, transpose_b = call.integer(1) == 1, again = call.integer(3) == 1;
  const Dims &y = call.output().dims;
  if (y[0] != 1 || transpose_a || call.input(1).narrow()) return false;
  if (context.bfloat16) return !context.amx && y[1] <= kFewRows && (transpose_b || !again);
  return !transpose_b && y[1] <= kFewFloatRows && processor_has(dnnl_cpu_isa_avx512_core);
}

// Writes the rows of `a`, each followed by zeros.
template <typename Number>
void pad_rows(const Tensor &a, const FewRows<Number> &product, Number *to) {
  const int64_t step = product.row_of_a();
  with_numbers(a, [&](const auto *from) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < product.rows; i++) {
      for (int64_t k = 0; k < product.terms; k++) narrow_to(widen(from[i * product.terms + k]), to[i * step + k]);
      std::fill(to + i * step + product.terms, to + (i + 1) * step, Number{});
    }
  });
}

template <typename Number, typename... Transposed>
void few_rows(Context &context, const Call &call, Transposed... transposed) {
  const Tensor &a = call.input(0), &b = call.input(1), &y = call.output();
  FewRows<Number> product{};
  product.rows = y.dims[1];
  product.terms = a.dims[2];
  product.columns = y.dims[2];
  product.relu = call.integer(2) == 1;
  const Buffer rows = context.pool.take(static_cast<size_t>(product.rows * product.row_of_a()) * sizeof(Number));
  pad_rows(a, product, static_cast<Number *>(rows.data()));
  Buffer wide_bias;
  product.a = static_cast<const Number *>(rows.data());
  product.b = b.data<float>();
  product.bias = bias_of(context, call, wide_bias);
  product.y = context.allocate<float>(y);
  multiply_few_rows(product, transposed...);
}
#endif

}  // namespace

// Inputs: a, b and optionally bias. a and b have equal batches. Attributes: transpose a, transpose b, 1 for ReLU, 1 if
// the same b is expected again, as in inference.
void batch_mat_mul(Context &context, const Call &call) {
  check(call);
#if defined(__x86_64__)
  if (few_rows_pay(context, call)) {
    if (context.bfloat16) return few_rows<bf16>(context, call, call.integer(1) == 1);
    return few_rows<float>(context, call);
  }
#endif
  const Tensor &a = call.input(0);
  const Tensor &b = call.input(1);
  const Tensor &y = call.output();
  const bool transpose_a = call.integer(0) == 1;
  const bool transpose_b = call.integer(1) == 1;
  const bool relu = call.integer(2) == 1;
  const bool bias = call.has_input(2);
  const int64_t columns = y.dims[2];
  const int64_t terms = a.dims[transpose_a ? 1 : 2];
  if (divides_product(transpose_a, terms)) {
    Buffer a_copy, b_copy, wide_bias;
    const auto factor = [&](const Tensor &tensor, bool transposed, Buffer &copy) {
      return in_layout(context, matrix(tensor.dims, transposed, held_type(tensor)), tensor.data<void>(),
                       matrix(tensor.dims, transposed, context.multiplied), copy);
    };
    void *left = factor(a, transpose_a, a_copy), *right = factor(b, transpose_b, b_copy);
    float *values = bias_of(context, call, wide_bias);
    return multiply_divided(context, {y.dims[0], y.dims[1], terms, columns, transpose_a, transpose_b, relu, left, right,
                                      values, context.allocate<float>(y)});
  }
  const auto f32 = memory::data_type::f32;
  const memory::desc bias_layout = row(columns, y.dims[0], f32);
  const Key key = Key("batch_mat_mul").add(a.dims).add(b.dims).add(transpose_a).add(transpose_b).add(bias).add(relu);
  const auto primitive = context.primitives.get(key, [&] {
    const dnnl::primitive_attr attributes = user_scratchpad(relu);
    const memory::desc left = matrix(a.dims, transpose_a, context.multiplied);
    // With few rows, the product takes as long as reading b, and oneDNN reads its own layout fastest. In bfloat16, b is
    // copied anyway.
    const bool own_layout = context.bfloat16 && y.dims[0] == 1 && y.dims[1] <= kFewRows;
    const memory::desc plain = matrix(b.dims, transpose_b, context.multiplied);
    const memory::desc right = own_layout ? any({b.dims[transpose_b ? 2 : 1], columns}, context.multiplied) : plain;
    const memory::desc product = matrix(y.dims, false, f32);
    const auto description = bias
                                 ? describe<dnnl::matmul>(context.engine, attributes, left, right, bias_layout, product)
                                 : describe<dnnl::matmul>(context.engine, attributes, left, right, product);
    return cached_product(description);
  });

  Buffer converted;
  void *left =
      in_layout(context, matrix(a.dims, transpose_a, held_type(a)), a.data<void>(), primitive->source, converted);
  void *right = weights_in_layout(context, *b.storage, matrix(b.dims, transpose_b, held_type(b)), primitive->weights);
  void *result = context.allocate<float>(y);
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, {primitive->source, context.engine, left}},
      {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, right}},
      {DNNL_ARG_DST, {primitive->destination, context.engine, result}},
  };
  Buffer wide_bias;
  if (bias) {
    float *values = bias_of(context, call, wide_bias);
    arguments.emplace(DNNL_ARG_BIAS, memory(bias_layout, context.engine, values));
  }
  execute(context, *primitive, std::move(arguments));
}

}  // namespace vgg
