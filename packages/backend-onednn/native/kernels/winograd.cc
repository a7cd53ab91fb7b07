#include "winograd.h"

#include <omp.h>

#include <algorithm>
#include <exception>

#include "winograd_tiles.h"

namespace vgg {
namespace {

using namespace winograd;

// Tiles that are worked on at once, so that what lies between the transforms stays in a core's cache and the filter is
// not read too often. An odd number, so that the lines of the 36 products fall on different places of the cache.
constexpr int64_t CACHE = 2 << 20;
constexpr int64_t FEWEST_TILES = 112;

// How often the tiles are gone through, `threads` blocks of at most so many at a time.
int64_t rounds_of(int64_t tiles, int64_t channels, int64_t threads) {
  const int64_t most = std::max<int64_t>(FEWEST_TILES, CACHE / (PRODUCTS * channels * sizeof(float))) * threads;
  return (tiles + most - 1) / most;
}

int64_t block_of(int64_t tiles, int64_t channels, int64_t threads) {
  const int64_t blocks = rounds_of(tiles, channels, threads) * threads;
  return ((tiles + blocks - 1) / blocks) | 1;
}

const TileKernels &tile_kernels() {
#if defined(__x86_64__)
  if (processor_has(dnnl_cpu_isa_avx512_core)) return avx512_tiles;
#endif
  return baseline_tiles;
}

// The part of `count` that is the calling thread's.
Range own_part(int64_t count) {
  const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
  return {count * thread / threads, count * (thread + 1) / threads};
}

// Runs `body` once on each thread. Nothing may leave a parallel region: the first exception is thrown behind it.
template <typename Body>
void on_all_threads(Body body) {
  std::exception_ptr failure;
#pragma omp parallel
  try {
    body();
  } catch (...) {
#pragma omp critical
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

// 36 products of a [rows, inner] with b [inner, columns], either of them transposed in memory, on one thread or on all.
std::shared_ptr<const CachedPrimitive> products(Context &context, int64_t rows, int64_t inner, int64_t columns,
                                                bool transpose_a, bool transpose_b, bool accumulate, bool alone) {
  const Key key =
      Key("winograd").add(rows).add(inner).add(columns).add(transpose_a).add(transpose_b).add(accumulate).add(alone);
  return context.primitives.get(key, [&] {
    dnnl::primitive_attr attributes = user_scratchpad();
    if (accumulate) {
      dnnl::post_ops operations;
      operations.append_sum();
      attributes.set_post_ops(operations);
    }
    const auto matrix = [](int64_t rows, int64_t columns, bool transposed) {
      const auto tag = transposed ? memory::format_tag::acb : memory::format_tag::abc;
      return memory::desc({PRODUCTS, rows, columns}, memory::data_type::f32, tag);
    };
    // A primitive divides its work among as many threads as there are when it is made.
    const int threads = omp_get_max_threads();
    if (alone) omp_set_num_threads(1);
    const auto description = describe<dnnl::matmul>(context.engine, attributes, matrix(rows, inner, transpose_a),
                                                    matrix(inner, columns, transpose_b), matrix(rows, columns, false));
    dnnl::matmul primitive(description);
    omp_set_num_threads(threads);
    return CachedPrimitive{"",
                           primitive,
                           description.src_desc(),
                           description.weights_desc(),
                           description.dst_desc(),
                           description.scratchpad_desc()};
  });
}

Buffer take_floats(Context &context, int64_t count) {
  return context.pool.take(static_cast<size_t>(count) * sizeof(float));
}

float *floats(const Buffer &buffer) { return static_cast<float *>(buffer.data()); }

// `y` of `out` channels from `x` of `in` channels; the filter is [3, 3, in, out], `turned` [3, 3, out, in].
void convolve(Context &context, const Tiling &tiling, const Tensor &x, int64_t in, const Tensor &filter, bool turned,
              int64_t out, const float *bias, bool relu, const Tensor &y) {
  const TileKernels &tiles = tile_kernels();
  const int threads = omp_get_max_threads();
  const int64_t size = block_of(tiling.count, in + out, threads);
  const int64_t blocks = (tiling.count + size - 1) / size;
  const auto primitive = products(context, size, in, out, false, turned, false, true);
  context.allocate_activation(y);
  const Buffer u = take_floats(context, PRODUCTS * in * out);
  const int64_t scratch = static_cast<int64_t>(primitive->scratchpad.get_size() + 63) / 64 * 16;
  const int64_t own = PRODUCTS * size * (in + out) + scratch + 64;
  const Buffer work = take_floats(context, threads * own);
  on_all_threads([&] {
    const int64_t rows = turned ? out : in;
    tiles.filter(filter, rows, turned ? in : out, turned, own_part(rows), floats(u));
  });
  double seconds = 0;
  on_all_threads([&] {
    float *v = floats(work) + omp_get_thread_num() * own, *m = v + PRODUCTS * size * in;
    const std::unordered_map<int, dnnl::memory> arguments{
        {DNNL_ARG_SRC, {primitive->source, context.engine, v}},
        {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, floats(u)}},
        {DNNL_ARG_DST, {primitive->destination, context.engine, m}},
        {DNNL_ARG_SCRATCHPAD, {primitive->scratchpad, context.engine, m + PRODUCTS * size * out}},
    };
    const Range mine = own_part(blocks);
    for (int64_t i = mine.first; i < mine.last; i++) {
      const Block block{i * size, size};
      const Range filled{0, std::min(size, tiling.count - block.first)};
      tiles.input(tiling, x, in, block, filled, v);
      const double start = now();
      primitive->primitive.execute(context.stream, arguments);
      if (omp_get_thread_num() == 0) seconds += now() - start;
      tiles.output(tiling, m, out, block, filled, bias, relu, y);
    }
  });
  context.primitive_seconds += seconds;
}

}  // namespace

bool winograd_pays(const Context &context, const Convolution &c) {
  // Products of bfloat16 on AMX are sixteen times as fast as those of float32.
  if (context.bfloat16 && processor_has(dnnl_cpu_isa_avx512_core_amx)) return false;
  const auto all = [](const memory::dims &dims, int64_t value) { return dims[0] == value && dims[1] == value; };
  if (c.weights[2] != FILTER || c.weights[3] != FILTER || !all(c.strides, 1) || !all(c.dilations, 0)) return false;
  const auto padded = [](const memory::dims &dims) { return dims[0] < FILTER && dims[1] < FILTER; };
  if (!padded(c.padding_before) || !padded(c.padding_after)) return false;
  const int64_t in = c.weights[1], out = c.weights[0];
  if (in % LANES != 0 || out % LANES != 0) return false;
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  const double pixels = static_cast<double>(c.destination[0] * c.destination[2] * c.destination[3]);
  // In multiplications, as measured (docs/onednn-backend.md): a number that is transformed costs as much as 25, one of
  // the filter 80 whenever a block begins, and one in bfloat16 half of one in float32.
  const double direct = pixels * FILTER * FILTER * in * out * (context.bfloat16 ? 0.5 : 1);
  const double rounds = static_cast<double>(rounds_of(tiling.count, in + out, omp_get_max_threads()));
  const double transformed =
      PRODUCTS * (tiling.count * (in * out + 25.0 * (in + out)) + static_cast<double>(in * out) * (25 + 80 * rounds));
  return transformed < direct;
}

void winograd_forward(Context &context, const Convolution &c, const Tensor &x, const Tensor &filter, const float *bias,
                      bool relu, const Tensor &y) {
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  convolve(context, tiling, x, c.source[1], filter, false, c.destination[1], bias, relu, y);
}

void winograd_backprop_input(Context &context, const Convolution &c, const Tensor &dy, const Tensor &filter,
                             const Tensor &dx) {
  const Tiling tiling(c.destination, c.source, FILTER - 1 - c.padding_before[0], FILTER - 1 - c.padding_before[1]);
  convolve(context, tiling, dy, c.destination[1], filter, true, c.source[1], nullptr, false, dx);
}

void winograd_backprop_filter(Context &context, const Convolution &c, const Tensor &x, const Tensor &dy, float *dw,
                              float *sums) {
  const int64_t in = c.source[1], out = c.destination[1];
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  const TileKernels &tiles = tile_kernels();
  const int64_t size = block_of(tiling.count, in + out, 1);
  const int threads = omp_get_max_threads();
  const Buffer v = take_floats(context, PRODUCTS * size * in);
  const Buffer w = take_floats(context, PRODUCTS * size * out);
  const Buffer sum = take_floats(context, PRODUCTS * in * out);
  Buffer partial;
  if (sums != nullptr) {
    partial = take_floats(context, threads * out);
    std::fill_n(floats(partial), threads * out, 0.0f);
  }
  for (int64_t first = 0; first < tiling.count; first += size) {
    const Block block{first, size};
    const int64_t filled = std::min(size, tiling.count - first);
    if (filled < size) {
      for (int i = 0; i < PRODUCTS; i++) {
        std::fill_n(floats(v) + (i * size + filled) * in, (size - filled) * in, 0.0f);
        std::fill_n(floats(w) + (i * size + filled) * out, (size - filled) * out, 0.0f);
      }
    }
    on_all_threads([&] {
      float *own = sums == nullptr ? nullptr : floats(partial) + omp_get_thread_num() * out;
      tiles.input(tiling, x, in, block, own_part(filled), floats(v));
      tiles.gradient(tiling, dy, out, block, own_part(filled), floats(w), own);
    });
    const auto primitive = products(context, in, size, out, true, false, first > 0, false);
    execute(context, *primitive,
            {{DNNL_ARG_SRC, {primitive->source, context.engine, floats(v)}},
             {DNNL_ARG_WEIGHTS, {primitive->weights, context.engine, floats(w)}},
             {DNNL_ARG_DST, {primitive->destination, context.engine, floats(sum)}}});
  }
  on_all_threads([&] { tiles.filter_gradient(floats(sum), in, out, own_part(in), dw); });
  if (sums != nullptr) {
    std::fill_n(sums, out, 0.0f);
    for (int thread = 0; thread < threads; thread++) {
      for (int64_t i = 0; i < out; i++) sums[i] += floats(partial)[thread * out + i];
    }
  }
}

}  // namespace vgg
