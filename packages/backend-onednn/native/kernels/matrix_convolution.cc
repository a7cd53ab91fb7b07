#include "matrix_convolution.h"

#include <algorithm>
#include <cstring>

#include "divided_product.h"

namespace vgg {
namespace {

// Smallest batch. Below it, building the matrix costs more than it saves.
constexpr int64_t kFewestImages = 32;

// Shape of the convolution as a matrix [inputs, outputs] that consists of blocks [in, out].
struct Blocks {
  explicit Blocks(const Convolution &c)
      : c(c),
        in(c.source[1]),
        out(c.destination[1]),
        inputs(c.source[2] * c.source[3] * in),
        outputs(c.destination[2] * c.destination[3] * out) {}

  // Calls body(tap, first row, first column) for each block that is a tap of the filter, and body(-1, ...) for each
  // block of zeros.
  template <typename Body>
  void each(Body body) const {
    const int64_t pixels = c.source[2] * c.source[3], results = c.destination[2] * c.destination[3];
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
      for (int64_t result = 0; result < results; result++) {
        const int64_t row = pixel / c.source[3] - result / c.destination[3] * c.strides[0] + c.padding_before[0];
        const int64_t column = pixel % c.source[3] - result % c.destination[3] * c.strides[1] + c.padding_before[1];
        const bool inside = row >= 0 && row < c.weights[2] && column >= 0 && column < c.weights[3];
        body(inside ? row * c.weights[3] + column : -1, pixel * in, result * out);
      }
    }
  }

  const Convolution &c;
  int64_t in, out, inputs, outputs;
};

template <typename From, typename To>
void fill_matrix(const Blocks &blocks, const From *filter, To *matrix) {
  blocks.each([&](int64_t tap, int64_t row, int64_t column) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < blocks.in; i++) {
      To *to = matrix + (row + i) * blocks.outputs + column;
      if (tap < 0) {
        std::fill_n(to, blocks.out, To{});
        continue;
      }
      const From *from = filter + (tap * blocks.in + i) * blocks.out;
      for (int64_t k = 0; k < blocks.out; k++) narrow_to(widen(from[k]), to[k]);
    }
  });
}

memory::desc plain(int64_t rows, int64_t columns, memory::data_type type) {
  return {{rows, columns}, type, memory::format_tag::ab};
}

memory::desc transposed(int64_t rows, int64_t columns, memory::data_type type) {
  return {{columns, rows}, type, memory::format_tag::ba};
}

// Returns the filter's matrix, which stays in its storage: the output and the input's gradient use the same matrix.
void *matrix_of(Context &context, const Blocks &blocks, const Tensor &filter) {
  const Convolution &c = blocks.c;
  const Key key = Key("convolution matrix")
                      .add(c.source[2])
                      .add(c.source[3])
                      .add(c.destination[2])
                      .add(c.destination[3])
                      .add(c.weights)
                      .add(c.strides)
                      .add(c.padding_before);
  return filter.storage->copies.get(Arrangement(key.text()), [&] {
    Buffer matrix = context.pool.take(plain(blocks.inputs, blocks.outputs, context.multiplied).get_size());
    with_numbers(filter, [&](const auto *values) {
      if (context.bfloat16) return fill_matrix(blocks, values, static_cast<bf16 *>(matrix.data()));
      fill_matrix(blocks, values, static_cast<float *>(matrix.data()));
    });
    return matrix;
  });
}

// Returns the primitive for left [., .] * right [., columns], optionally with a bias [columns] and ReLU.
std::shared_ptr<const CachedPrimitive> product(Context &context, const Key &key, const memory::desc &left,
                                               const memory::desc &right, const memory::desc &result, int64_t columns,
                                               bool bias, bool relu) {
  return context.primitives.get(key, [&] {
    const dnnl::primitive_attr attributes = user_scratchpad(relu);
    const memory::desc row = plain(1, columns, memory::data_type::f32);
    const auto description = bias ? describe<dnnl::matmul>(context.engine, attributes, left, right, row, result)
                                  : describe<dnnl::matmul>(context.engine, attributes, left, right, result);
    return cached_product(description);
  });
}

// Returns the images of `tensor` as rows of a matrix in the layout and type `to`; `holder` owns a copy if one is
// needed.
void *rows_of(Context &context, const Tensor &tensor, int64_t images, const memory::desc &to, Buffer &holder) {
  const memory::desc from = plain(images, tensor.count() / images, held_type(tensor));
  return in_layout(context, from, tensor.data<void>(), to, holder);
}

// Runs the primitive, or the same product in parts where it must be divided.
void multiply(Context &context, const CachedPrimitive &primitive, std::unordered_map<int, dnnl::memory> arguments,
              const PlainProduct &product) {
  if (divides_product(product.transpose_a, product.terms)) return multiply_divided(context, product);
  execute(context, primitive, std::move(arguments));
}

float *floats(void *data) { return static_cast<float *>(data); }

}  // namespace

bool matrix_pays(const Context &context, const Convolution &c) {
  if (context.amx) return false;
  const auto undilated = [](const memory::dims &dims) { return dims[0] == 0 && dims[1] == 0; };
  const int64_t pixels = c.source[2] * c.source[3];
  return undilated(c.dilations) && c.source[0] >= kFewestImages && pixels <= 4 &&
         2 * pixels <= c.weights[2] * c.weights[3];
}

void matrix_forward(Context &context, const Convolution &c, const Tensor &x, const Tensor &filter, const float *bias,
                    bool relu, const Tensor &y) {
  const Blocks blocks(c);
  const int64_t images = c.source[0];
  const auto type = context.multiplied;
  const auto primitive = product(context, c.key("matrix_forward").add(bias != nullptr).add(relu),
                                 plain(images, blocks.inputs, type), plain(blocks.inputs, blocks.outputs, type),
                                 plain(images, blocks.outputs, type), blocks.outputs, bias != nullptr, relu);
  Buffer converted, wide_bias;
  void *matrix = matrix_of(context, blocks, filter);
  void *source = rows_of(context, x, images, primitive->source, converted);
  void *result = context.allocate_activation(y);
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, {primitive->source, context.engine, source}},
      {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, matrix}},
      {DNNL_ARG_DST, {primitive->destination, context.engine, result}},
  };
  float *values = nullptr;
  if (bias != nullptr) {
    wide_bias = context.pool.take(static_cast<size_t>(blocks.outputs) * sizeof(float));
    values = floats(wide_bias.data());
    for (int64_t i = 0; i < blocks.outputs; i++) values[i] = bias[i % blocks.out];
    const memory::desc row = plain(1, blocks.outputs, memory::data_type::f32);
    arguments.emplace(DNNL_ARG_BIAS, memory(row, context.engine, values));
  }
  multiply(context, *primitive, std::move(arguments),
           {1, images, blocks.inputs, blocks.outputs, false, false, relu, source, matrix, values, floats(result)});
}

void matrix_backprop_input(Context &context, const Convolution &c, const Tensor &dy, const Tensor &filter,
                           const Tensor &dx) {
  const Blocks blocks(c);
  const int64_t images = c.source[0];
  const auto type = context.multiplied;
  const auto primitive = product(context, c.key("matrix_backprop_input"), plain(images, blocks.outputs, type),
                                 transposed(blocks.inputs, blocks.outputs, type), plain(images, blocks.inputs, type),
                                 blocks.inputs, false, false);
  Buffer converted;
  void *matrix = matrix_of(context, blocks, filter);
  void *gradient = rows_of(context, dy, images, primitive->source, converted);
  void *result = context.allocate_activation(dx);
  multiply(context, *primitive,
           {{DNNL_ARG_SRC, {primitive->source, context.engine, gradient}},
            {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, matrix}},
            {DNNL_ARG_DST, {primitive->destination, context.engine, result}}},
           {1, images, blocks.outputs, blocks.inputs, false, true, false, gradient, matrix, nullptr, floats(result)});
}

void matrix_backprop_filter(Context &context, const Convolution &c, const Tensor &x, const Tensor &dy, float *dw,
                            float *sums) {
  const Blocks blocks(c);
  const int64_t images = c.source[0];
  const auto type = context.multiplied;
  const auto primitive =
      product(context, c.key("matrix_backprop_filter"), transposed(images, blocks.inputs, type),
              plain(images, blocks.outputs, type), plain(blocks.inputs, blocks.outputs, memory::data_type::f32),
              blocks.outputs, false, false);
  Buffer x_copy, dy_copy;
  const memory::desc rows = plain(images, blocks.inputs, type);
  void *source = rows_of(context, x, images, rows, x_copy);
  void *gradient = rows_of(context, dy, images, primitive->weights, dy_copy);
  const Buffer matrix = context.pool.take(primitive->destination.get_size());
  multiply(
      context, *primitive,
      {{DNNL_ARG_SRC, {primitive->source, context.engine, source}},
       {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, gradient}},
       {DNNL_ARG_DST, {primitive->destination, context.engine, matrix.data()}}},
      {1, blocks.inputs, images, blocks.outputs, true, false, false, source, gradient, nullptr, floats(matrix.data())});

  // The gradient of a tap is the sum of its blocks.
  std::fill_n(dw, c.weights[2] * c.weights[3] * blocks.in * blocks.out, 0.0f);
  const auto *products = static_cast<const float *>(matrix.data());
  blocks.each([&](int64_t tap, int64_t row, int64_t column) {
    if (tap < 0) return;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < blocks.in; i++) {
      const float *from = products + (row + i) * blocks.outputs + column;
      float *to = dw + (tap * blocks.in + i) * blocks.out;
      for (int64_t k = 0; k < blocks.out; k++) to[k] += from[k];
    }
  });
  if (sums == nullptr) return;
  std::fill_n(sums, blocks.out, 0.0f);
  with_numbers(dy, [&](const auto *values) {
    for (int64_t pixel = 0; pixel < dy.count() / blocks.out; pixel++) {
      for (int64_t k = 0; k < blocks.out; k++) sums[k] += widen(values[pixel * blocks.out + k]);
    }
  });
}

}  // namespace vgg
