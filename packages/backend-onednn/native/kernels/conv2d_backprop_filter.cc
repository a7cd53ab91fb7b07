// Conv2DBackpropFilter: the gradient of a convolution's filter from x [n,h,w,in] and dy [n,oh,ow,out], and optionally
// the gradient of its bias, the sums of dy over all axes but channels.
#include <algorithm>
#include <vector>

#include "../team.h"
#include "kernels.h"
#include "matrix_convolution.h"
#include "winograd.h"

namespace vgg {
namespace {

// Without AMX, oneDNN's weight gradients run up to three times faster on channel blocks than on plain NHWC, which more
// than pays for the copies. With few input channels (images) oneDNN has only slow reference code for blocks.
bool prefers_blocks(const Convolution &c) { return c.source[1] % 16 == 0 && c.destination[1] % 16 == 0; }

// Number of parts of a batch whose gradients are computed apart, one thread each, and then added, so that the bits do
// not depend on the number of threads: kParts, or kPartsOfManyWeights above kManyWeights.
constexpr int64_t kParts = 8;
constexpr int64_t kPartsOfManyWeights = 4;
constexpr int64_t kManyWeights = 1 << 19;

memory::desc bias_layout(const Convolution &c, bool sums_dy) {
  if (!sums_dy) return memory::desc();
  return {{c.weights[0]}, memory::data_type::f32, memory::format_tag::x};
}

// Returns the primitive for the current number of threads, which it will use. `layout`: that of the weights. Default
// the one that oneDNN prefers.
std::shared_ptr<const CachedPrimitive> gradient_primitive(Context &context, const Convolution &c, bool sums_dy,
                                                          const memory::desc *layout = nullptr) {
  const auto f32 = memory::data_type::f32;
  const memory::desc bias = bias_layout(c, sums_dy);
  const Key key = c.key("conv2d_backprop_filter").add(sums_dy).add(omp_get_max_threads()).add(layout != nullptr);
  return context.primitives.get(key, [&] {
    const bool blocks = context.multiplied == f32 && prefers_blocks(c);
    const auto type = context.multiplied;
    const memory::desc source = blocks ? any(c.source, type) : nhwc(c.source, type);
    const memory::desc destination = blocks ? any(c.destination, type) : nhwc(c.destination, type);
    const auto hint = describe<dnnl::convolution_forward>(
        context.engine, dnnl::primitive_attr(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
        source, any(c.weights, type), destination, c.strides, c.dilations, c.padding_before, c.padding_after);
    const auto description = describe_backward<dnnl::convolution_backward_weights>(
        context.engine, user_scratchpad(), hint, dnnl::algorithm::convolution_direct, source,
        layout == nullptr ? any(c.weights, f32) : *layout, bias, destination, c.strides, c.dilations, c.padding_before,
        c.padding_after);
    return CachedPrimitive{"",
                           dnnl::convolution_backward_weights(description),
                           description.src_desc(),
                           description.diff_weights_desc(),
                           description.diff_dst_desc(),
                           description.scratchpad_desc()};
  });
}

// Computes the gradients of the parts of a batch, each by one thread.
class Parts {
 public:
  Parts(Context &context, const Convolution &c, bool sums_dy)
      : context_(context),
        c_(c),
        sums_dy_(sums_dy),
        count_(std::min(c.source[0], numbers(c.weights) > kManyWeights ? kPartsOfManyWeights : kParts)),
        small_(for_images(c.source[0] / count_, nullptr)),
        large_(c.source[0] % count_ == 0 ? small_ : for_images(c.source[0] / count_ + 1, &small_->weights)) {}

  void run(const Tensor &x, const Tensor &dy, float *dw, float *db) {
    const int64_t threads = omp_get_max_threads(), out = c_.weights[0];
    const auto size = static_cast<int64_t>(weights().get_size() / sizeof(float));
    std::vector<Workspace> workspaces(static_cast<size_t>(threads));
    for (Workspace &own : workspaces) {
      own.x = context_.pool.take(largest(&CachedPrimitive::source));
      own.dy = context_.pool.take(largest(&CachedPrimitive::destination));
      own.scratchpad = context_.pool.take(largest(&CachedPrimitive::scratchpad));
    }
    const Buffer gradients = context_.pool.take(static_cast<size_t>(count_ * size) * sizeof(float));
    const Buffer sums = context_.pool.take(static_cast<size_t>(count_ * out) * sizeof(float));
    auto *all = static_cast<float *>(gradients.data());
    auto *all_sums = static_cast<float *>(sums.data());
    const double start = now();
    on_all_threads([&] {
      const Workspace &own = workspaces[static_cast<size_t>(omp_get_thread_num())];
      const Share mine = own_share(count_);
      for (int64_t part = mine.first; part < mine.last; part++) {
        compute(share_of(c_.source[0], part, count_), x, dy, own, all + part * size, all_sums + part * out);
      }
    });
    context_.primitive_seconds += now() - start;
    on_all_threads([&] {
      const Share mine = own_share(size);
      for (int64_t part = 1; part < count_; part++) {
        for (int64_t i = mine.first; i < mine.last; i++) all[i] += all[part * size + i];
      }
    });
    reorder(context_, weights(), all, hwio(c_.weights, memory::data_type::f32), dw);
    if (db == nullptr) return;
    std::copy_n(all_sums, out, db);
    for (int64_t part = 1; part < count_; part++) {
      for (int64_t i = 0; i < out; i++) db[i] += all_sums[part * out + i];
    }
  }

 private:
  struct Workspace {
    Buffer x, dy, scratchpad;
  };

  static int64_t numbers(const memory::dims &dims) {
    int64_t count = 1;
    for (const int64_t dim : dims) count *= dim;
    return count;
  }

  Convolution part_of(int64_t images) const {
    Convolution part = c_;
    part.source[0] = part.destination[0] = images;
    return part;
  }

  std::shared_ptr<const CachedPrimitive> for_images(int64_t images, const memory::desc *layout) const {
    const ThreadLimit alone(1);
    return gradient_primitive(context_, part_of(images), sums_dy_, layout);
  }

  const memory::desc &weights() const { return small_->weights; }

  size_t largest(memory::desc CachedPrimitive::*layout) const {
    return std::max<size_t>(1, std::max(((*small_).*layout).get_size(), ((*large_).*layout).get_size()));
  }

  // Returns the numbers of `images` images in the layout `to`: `tensor`'s own numbers or a copy in `copy`.
  void *images_of(const Tensor &tensor, Share images, const memory::dims &dims, const memory::desc &to,
                  dnnl::stream &stream, const Buffer &copy) const {
    const int64_t bytes = (tensor.narrow() ? 2 : 4) * (numbers(dims) / dims[0]);
    void *data = tensor.data<char>() + images.first * bytes;
    const memory::desc from = nhwc(dims, held_type(tensor));
    if (from == to) return data;
    memory input(from, context_.engine, data), output(to, context_.engine, copy.data());
    dnnl::reorder(input, output).execute(stream, input, output);
    stream.wait();
    return copy.data();
  }

  // Runs on every thread at once: inside a parallel region oneDNN uses the calling thread alone.
  void compute(Share images, const Tensor &x, const Tensor &dy, const Workspace &own, float *dw, float *db) const {
    const int64_t count = images.last - images.first;
    const CachedPrimitive &primitive = count == c_.source[0] / count_ ? *small_ : *large_;
    const Convolution c = part_of(count);
    dnnl::stream stream(context_.engine);
    void *source = images_of(x, images, c.source, primitive.source, stream, own.x);
    void *gradient = images_of(dy, images, c.destination, primitive.destination, stream, own.dy);
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, {primitive.source, context_.engine, source}},
        {DNNL_ARG_DIFF_DST, {primitive.destination, context_.engine, gradient}},
        {DNNL_ARG_DIFF_WEIGHTS, {primitive.weights, context_.engine, dw}},
        {DNNL_ARG_SCRATCHPAD, {primitive.scratchpad, context_.engine, own.scratchpad.data()}},
    };
    if (sums_dy_) arguments.emplace(DNNL_ARG_DIFF_BIAS, memory(bias_layout(c, true), context_.engine, db));
    primitive.primitive.execute(stream, arguments);
    stream.wait();
  }

  Context &context_;
  const Convolution &c_;
  const bool sums_dy_;
  const int64_t count_;
  const std::shared_ptr<const CachedPrimitive> small_, large_;
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
  if (sums_dy) require_count(call.output(1), c.weights[0]);
  const bool matrix = matrix_pays(context, c);
  if (matrix || winograd_pays(context, c, Result::filter_gradient)) {
    float *sums = sums_dy ? context.allocate<float>(call.output(1)) : nullptr;
    const auto run = matrix ? matrix_backprop_filter : winograd_backprop_filter;
    return run(context, c, x, dy, context.allocate<float>(dw), sums);
  }
  // With AMX the products take so little time that adding the gradients of parts would take as long.
  if (!context.amx) {
    float *result = context.allocate<float>(dw);
    float *sums = sums_dy ? context.allocate<float>(call.output(1)) : nullptr;
    return Parts(context, c, sums_dy).run(x, dy, result, sums);
  }
  const memory::desc bias = bias_layout(c, sums_dy);
  const auto primitive = gradient_primitive(context, c, sums_dy);
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
