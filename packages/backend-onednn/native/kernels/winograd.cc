#include "winograd.h"

#include <omp.h>

#include <algorithm>
#include <exception>

#include "winograd_tiles.h"

namespace vgg {
namespace {

using namespace winograd;

// How many tiles a thread works on at a time: as many as fill this much of its cache, in bytes, but at least a few, so
// that the filters are not read too often; more where those do not stay in the cache that all cores share.
constexpr int64_t CACHE = 128 << 10;
constexpr int64_t SHARED_CACHE = 16 << 20;
constexpr int64_t FEWEST_TILES = 14;
constexpr int64_t FEWEST_TILES_OF_MANY_FILTERS = 56;
// For the filter's gradient, up to so many input channels times filters, each thread adds up products of its own tiles.
// Beyond, threads share blocks of so many tiles and part the products, which are read and written once a block.
constexpr int64_t FEW_SUMS = 128 * 256;
constexpr int64_t APART_TILES = 28;
constexpr int64_t GRADIENT_TILES = 112;
// How much the numbers of all tiles may take, in bytes, for threads to share them and to part the filters instead.
constexpr int64_t SHARED = 4 << 20;

// How the tiles of a convolution are gone through: in blocks of `size`, each thread its own, or all at once, `shared`
// by threads that part the filters and transform each part where they multiply by it. That is for tiles that take less
// memory than the filters: those are gone through once and never leave the cache.
struct Plan {
  int64_t size, blocks;
  bool shared;
};

Plan plan_of(int64_t tiles, int64_t in, int64_t out, int64_t threads) {
  const int64_t bytes = PRODUCTS * in * static_cast<int64_t>(sizeof(float));
  if (tiles < out && tiles * bytes <= SHARED) return {tiles, 1, true};
  const int64_t fewest = bytes * out <= SHARED_CACHE ? FEWEST_TILES : FEWEST_TILES_OF_MANY_FILTERS;
  const int64_t most = std::max(fewest, CACHE / bytes) * threads;
  const int64_t rounds = (tiles + most - 1) / most;
  const int64_t size = (tiles + rounds * threads - 1) / (rounds * threads);
  return {size, (tiles + size - 1) / size, false};
}

// Of what is wanted of `in` input channels, or of `in` gradients' ones.
const TileKernels &tile_kernels(const Context &context, Wanted wanted, int64_t in) {
#if defined(__x86_64__)
  const bool rounds = context.bfloat16_tiles && wanted != Wanted::output_again;
  const bool paired = in % (2 * LANES) == 0 || wanted == Wanted::filter_gradient;
  if (rounds && paired && processor_has(dnnl_cpu_isa_avx512_core_bf16)) return bf16_tiles;
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

Buffer take_floats(Context &context, int64_t count) {
  return context.pool.take(static_cast<size_t>(count) * sizeof(float));
}

float *floats(const Buffer &buffer) { return static_cast<float *>(buffer.data()); }

Buffer take_zeros(Context &context, int64_t count) {
  Buffer zeros = take_floats(context, count);
  std::fill_n(floats(zeros), count, 0.0f);
  return zeros;
}

// The filters in parts that are multiplied at once.
struct FilterParts {
  FilterParts(int64_t channels, int64_t filters, int64_t columns)
      : channels(channels), filters(filters), columns(columns), count((filters + columns - 1) / columns) {}

  FilterPart part(int64_t i) const { return {channels, i * columns, std::min(columns, filters - i * columns)}; }
  // Where the numbers of a part begin.
  int64_t offset(int64_t i) const { return i * FilterPart{channels, 0, columns}.size(); }
  int64_t size() const { return offset(count); }

  int64_t channels, filters, columns, count;
};

// What is wanted, `y` of `out` channels, from `x` of `in` channels and the filter [3, 3, in, out], for an input's
// gradient [3, 3, out, in].
void convolve(Context &context, Wanted wanted, const Tiling &tiling, const Tensor &x, int64_t in, const Tensor &filter,
              int64_t out, const Finish &finish, const Tensor &y) {
  const bool turned = wanted == Wanted::input_gradient, kept = wanted == Wanted::output_again;
  const TileKernels &tiles = tile_kernels(context, wanted, in);
  const int64_t threads = omp_get_max_threads();
  // A word holds that many channels.
  const int64_t words = in / tiles.packed;
  const FilterParts parts(words, out, tiles.columns);
  const Plan plan = plan_of(tiling.count, words, out, threads);
  const Transformed whole{words, plan.size};
  const int64_t products = PRODUCTS * odd_lines(plan.size * tiles.columns);
  context.allocate_activation(y);
  const Buffer zeros = take_zeros(context, in);
  const Buffer all_numbers = take_floats(context, (plan.shared ? 1 : threads) * whole.size());
  const Buffer all_products = take_floats(context, threads * products);
  const auto transform_filters = [&](int64_t i, Range panels, float *to) {
    const Range part{panels.first * LANES, panels.last * LANES};
    tiles.filter(filter, in, out, turned, part, parts.part(i), to);
  };

  // Threads that share the tiles transform each part of the filters where they multiply by it, unless they are kept.
  const bool at_once = kept || !plan.shared;
  Buffer for_now;
  // The same storage may be viewed as a filter of another shape.
  const Key key = Key("winograd").add(in).add(out);
  Buffer &filters = kept ? filter.storage->layouts[key.text()] : for_now;
  if (!filters) {
    Buffer fresh = take_floats(context, at_once ? parts.size() : threads * parts.offset(1));
    if (at_once) {
      on_all_threads([&] {
        const Range panels = own_part(words / LANES);
        for (int64_t i = 0; i < parts.count; i++) transform_filters(i, panels, floats(fresh) + parts.offset(i));
      });
    }
    filters = std::move(fresh);
  }

  const auto multiply = [&](int64_t i, Block block, const float *numbers, const float *part) {
    float *own = floats(all_products) + omp_get_thread_num() * products;
    tiles.multiply(numbers, {words, block.size}, part, parts.part(i), own);
    tiles.output(tiling, own, parts.part(i), out, block, finish, y);
  };
  if (plan.shared) {
    const Block block{0, tiling.count};
    on_all_threads(
        [&] { tiles.input(tiling, x, whole, block, own_part(block.size), floats(zeros), floats(all_numbers)); });
    on_all_threads([&] {
      const Range mine = own_part(parts.count);
      for (int64_t i = mine.first; i < mine.last; i++) {
        float *part = floats(filters) + parts.offset(at_once ? i : omp_get_thread_num());
        if (!at_once) transform_filters(i, {0, words / LANES}, part);
        multiply(i, block, floats(all_numbers), part);
      }
    });
    return;
  }
  on_all_threads([&] {
    float *own = floats(all_numbers) + omp_get_thread_num() * whole.size();
    const Range mine = own_part(plan.blocks);
    for (int64_t i = mine.first; i < mine.last; i++) {
      const Block block{i * plan.size, std::min(plan.size, tiling.count - i * plan.size)};
      tiles.input(tiling, x, {words, block.size}, block, {0, block.size}, floats(zeros), own);
      for (int64_t k = 0; k < parts.count; k++) multiply(k, block, own, floats(filters) + parts.offset(k));
    }
  });
}

// The sums over all tiles of the 36 products of x's and dy's numbers, [36, in, out].
struct FilterGradient {
  Context &context;
  const Tiling &tiling;
  const TileKernels &tiles;
  const Tensor &x, &dy;
  int64_t in, out;
  Buffer zeros;
  // dy's sums over all but channels, [threads, out], or none.
  Buffer sums;

  // Every thread goes through tiles of its own, and what they added up is added.
  Buffer apart() const {
    const int64_t threads = omp_get_max_threads(), count = PRODUCTS * in * out;
    const int64_t size = std::min((tiling.count + threads - 1) / threads, APART_TILES);
    const int64_t blocks = (tiling.count + size - 1) / size;
    const int64_t x_size = Transformed{in, words(size)}.size(), dy_size = Transformed{out, words(size)}.size();
    const Buffer numbers = take_floats(context, threads * (x_size + dy_size));
    Buffer products = take_floats(context, threads * count);
    int64_t used = threads;
    on_all_threads([&] {
      const int64_t thread = omp_get_thread_num();
      if (thread == 0) used = omp_get_num_threads();
      float *own_x = floats(numbers) + thread * (x_size + dy_size), *own_dy = own_x + x_size;
      float *own = floats(products) + thread * count;
      const Range mine = own_part(blocks);
      if (mine.first == mine.last) std::fill_n(own, count, 0.0f);
      for (int64_t i = mine.first; i < mine.last; i++) {
        const Block block = block_of(i, size);
        transform(block, {0, words(block.size)}, own_x, own_dy);
        multiply(block, {0, PRODUCTS * in / LANES}, own_x, own_dy, i > mine.first, own);
      }
    });
    on_all_threads([&] {
      const Range mine = own_part(count);
      float *total = floats(products);
      for (int64_t thread = 1; thread < used; thread++) {
        for (int64_t i = mine.first; i < mine.last; i++) total[i] += total[thread * count + i];
      }
    });
    return products;
  }

  // All threads transform a block of tiles, then part the products of all of it.
  Buffer together() const {
    const int64_t size = std::min(tiling.count, GRADIENT_TILES);
    const Buffer x_numbers = take_floats(context, Transformed{in, words(size)}.size());
    const Buffer dy_numbers = take_floats(context, Transformed{out, words(size)}.size());
    Buffer products = take_floats(context, PRODUCTS * in * out);
    for (int64_t i = 0; i * size < tiling.count; i++) {
      const Block block = block_of(i, size);
      on_all_threads([&] { transform(block, own_part(words(block.size)), floats(x_numbers), floats(dy_numbers)); });
      on_all_threads([&] {
        multiply(block, own_part(PRODUCTS * in / LANES), floats(x_numbers), floats(dy_numbers), i > 0,
                 floats(products));
      });
    }
    return products;
  }

  // The words of so many tiles.
  int64_t words(int64_t count) const { return (count + tiles.packed - 1) / tiles.packed; }

  Block block_of(int64_t i, int64_t size) const { return {i * size, std::min(size, tiling.count - i * size)}; }

  void transform(Block block, Range part, float *x_numbers, float *dy_numbers) const {
    float *own = sums ? floats(sums) + omp_get_thread_num() * out : nullptr;
    tiles.input_for_sums(tiling, x, {in, words(block.size)}, block, part, floats(zeros), x_numbers);
    tiles.gradient(tiling, dy, {out, words(block.size)}, block, part, floats(zeros), dy_numbers, own);
  }

  void multiply(Block block, Range panels, const float *x_numbers, const float *dy_numbers, bool add,
                float *products) const {
    tiles.multiply_tiles(x_numbers, {in, words(block.size)}, dy_numbers, {out, words(block.size)}, panels, add,
                         products);
  }
};

}  // namespace

bool winograd_pays(const Context &context, const Convolution &c, Wanted wanted) {
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
  // In multiplications of float32, as measured (docs/onednn-backend.md): those of bfloat16 cost half, direct ones of
  // the filter's gradient a quarter more; a number that is transformed costs 16, one of the filters, which are written
  // to memory and read from it, 150, or 40 where they are only read; rounded to bfloat16 12 and 60.
  const bool halves = tile_kernels(context, wanted, wanted == Wanted::input_gradient ? out : in).packed == 2;
  const double direct = pixels * FILTER * FILTER * in * out * (context.bfloat16 ? 0.5 : 1) *
                        (wanted == Wanted::filter_gradient ? 1.25 : 1);
  const double product = static_cast<double>(in * out), each = halves ? 12 : 16;
  const double filters = product * (halves ? 60 : wanted == Wanted::output_again ? 40 : 150);
  const double transformed = PRODUCTS * (tiling.count * (product * (halves ? 0.5 : 1) + each * (in + out)) + filters);
  return transformed < direct;
}

void winograd_forward(Context &context, const Convolution &c, const Tensor &x, const Tensor &filter,
                      const Finish &finish, bool keep, const Tensor &y) {
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  const Wanted wanted = keep ? Wanted::output_again : Wanted::output;
  convolve(context, wanted, tiling, x, c.source[1], filter, c.destination[1], finish, y);
}

void winograd_backprop_input(Context &context, const Convolution &c, const Tensor &dy, const Tensor &filter,
                             const Tensor &dx) {
  const Tiling tiling(c.destination, c.source, FILTER - 1 - c.padding_before[0], FILTER - 1 - c.padding_before[1]);
  convolve(context, Wanted::input_gradient, tiling, dy, c.destination[1], filter, c.source[1], {nullptr, false, false},
           dx);
}

void winograd_backprop_filter(Context &context, const Convolution &c, const Tensor &x, const Tensor &dy, float *dw,
                              float *sums) {
  const int64_t in = c.source[1], out = c.destination[1];
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  const TileKernels &tiles = tile_kernels(context, Wanted::filter_gradient, in);
  const FilterGradient gradient{context,
                                tiling,
                                tiles,
                                x,
                                dy,
                                in,
                                out,
                                take_zeros(context, std::max(in, out)),
                                sums == nullptr ? Buffer() : take_zeros(context, omp_get_max_threads() * out)};
  const Buffer products = in * out <= FEW_SUMS ? gradient.apart() : gradient.together();
  on_all_threads([&] { tiles.filter_gradient(floats(products), in, out, own_part(in), dw); });
  if (sums == nullptr) return;
  std::fill_n(sums, out, 0.0f);
  for (int thread = 0; thread < omp_get_max_threads(); thread++) {
    for (int64_t i = 0; i < out; i++) sums[i] += floats(gradient.sums)[thread * out + i];
  }
}

}  // namespace vgg
