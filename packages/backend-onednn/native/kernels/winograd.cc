#include "winograd.h"

#include <algorithm>

#include "../team.h"
#include "winograd_tiles.h"

namespace vgg {
namespace {

using namespace winograd;

// Number of tiles that a thread processes at a time: as many as fill kCache bytes of its own cache, but at least
// kFewestTiles, so that the filters are not read too often. If the transformed filters exceed kSharedCache, the cache
// that all cores share, at least kFewestTilesOfManyFilters.
constexpr int64_t kCache = 128 << 10;
constexpr int64_t kSharedCache = 16 << 20;
constexpr int64_t kFewestTiles = 14;
constexpr int64_t kFewestTilesOfManyFilters = 56;
// For the filter's gradient. Up to kFewSums input channels times filters, the tiles are divided into parts of blocks of
// kApartTiles, whose products are summed apart: as many parts as take kSums sums, but at least kFewestParts. Beyond
// kFewSums, all threads share blocks of kGradientTiles tiles and divide the products among themselves. Products are
// read and written once per block. The sums of dy are those of kSlices parts of each block.
constexpr int64_t kFewSums = 64 * 128;
constexpr int64_t kSums = 1 << 16;
constexpr int64_t kFewestParts = 8;
constexpr int64_t kApartTiles = 28;
constexpr int64_t kGradientTiles = 112;
constexpr int64_t kSlices = 16;
// Largest size in bytes of all transformed tiles for which threads share the tiles and divide the filters among
// themselves.
constexpr int64_t kLargestShared = 4 << 20;

// Plan for the tiles of a convolution. They are processed in blocks of `size` tiles, where each thread has its own
// blocks. Or they are processed all at once (`shared`): then threads divide the filters among themselves, and each
// transforms a part of the filters just before it multiplies by that part. This suits tiles that take less memory than
// the filters: each part of the filters is used once, while it is in the cache.
struct Plan {
  int64_t size, blocks;
  bool shared;
};

Plan plan_of(int64_t tiles, int64_t in, int64_t out, int64_t threads) {
  const int64_t bytes = kProducts * in * static_cast<int64_t>(sizeof(float));
  if (tiles < out && tiles * bytes <= kLargestShared) return {tiles, 1, true};
  const int64_t fewest = bytes * out <= kSharedCache ? kFewestTiles : kFewestTilesOfManyFilters;
  const int64_t most = std::max(fewest, kCache / bytes) * threads;
  const int64_t rounds = (tiles + most - 1) / most;
  const int64_t size = (tiles + rounds * threads - 1) / (rounds * threads);
  return {size, (tiles + size - 1) / size, false};
}

// Returns the functions to compute `result`. `in`: channels of the tensor that is transformed, x, or dy for the input's
// gradient.
const TileKernels &tile_kernels(const Context &context, Result result, int64_t in) {
#if defined(__x86_64__)
  const bool paired = in % (2 * kLanes) == 0 || result == Result::filter_gradient;
  if (context.bfloat16_tiles && paired && processor_has(dnnl_cpu_isa_avx512_core_bf16)) return bf16_tiles;
  if (processor_has(dnnl_cpu_isa_avx512_core)) return avx512_tiles;
#endif
  return baseline_tiles;
}

// Returns the calling thread's part of [0, count).
Range own_part(int64_t count) {
  const Share share = own_share(count);
  return {share.first, share.last};
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

// Divides the filters into parts of `columns` filters, which are multiplied at once.
struct FilterParts {
  FilterParts(int64_t channels, int64_t filters, int64_t columns)
      : channels(channels), filters(filters), columns(columns), count((filters + columns - 1) / columns) {}

  FilterPart part(int64_t i) const { return {channels, i * columns, std::min(columns, filters - i * columns)}; }
  // Returns the offset of a part's first number.
  int64_t offset(int64_t i) const { return i * FilterPart{channels, 0, columns}.size(); }
  int64_t size() const { return offset(count); }

  int64_t channels, filters, columns, count;
};

// Computes `y` of `out` channels from `x` of `in` channels and the filter [3, 3, in, out]. For an input's gradient, `x`
// is dy, `y` is dx and the filter is [3, 3, out, in].
void convolve(Context &context, Result result, const Tiling &tiling, const Tensor &x, int64_t in, const Tensor &filter,
              int64_t out, const Finish &finish, const Tensor &y) {
  const bool rotated = result == Result::input_gradient, kept = result == Result::output_again;
  const TileKernels &tiles = tile_kernels(context, result, in);
  const int64_t threads = omp_get_max_threads();
  // `packed` channels share a word.
  const int64_t words = in / tiles.packed;
  const FilterParts parts(words, out, tiles.columns);
  const Plan plan = plan_of(tiling.count, words, out, threads);
  const Transformed whole{words, plan.size};
  const int64_t products = kProducts * odd_lines(plan.size * tiles.columns);
  context.allocate_activation(y);
  const Buffer zeros = take_zeros(context, in);
  const Buffer all_numbers = take_floats(context, (plan.shared ? 1 : threads) * whole.size());
  const Buffer all_products = take_floats(context, threads * products);
  const auto transform_filters = [&](int64_t i, Range panels, float *to) {
    const Range part{panels.first * kLanes, panels.last * kLanes};
    tiles.filter(filter, in, out, rotated, part, parts.part(i), to);
  };

  // If threads share the tiles, each transforms a part of the filters just before it multiplies by it, unless the
  // transformed filters are kept.
  const bool at_once = kept || !plan.shared;
  const auto transformed = [&] {
    Buffer fresh = take_floats(context, at_once ? parts.size() : threads * parts.offset(1));
    if (at_once) {
      on_all_threads([&] {
        const Range panels = own_part(words / kLanes);
        for (int64_t i = 0; i < parts.count; i++) transform_filters(i, panels, floats(fresh) + parts.offset(i));
      });
    }
    return fresh;
  };
  // The same storage may be seen as filters of different shapes.
  const Arrangement arrangement(Key("winograd").add(in).add(out).text());
  const Buffer for_now = kept ? Buffer() : transformed();
  auto *filters = static_cast<float *>(kept ? filter.storage->copies.get(arrangement, transformed) : for_now.data());

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
        float *part = filters + parts.offset(at_once ? i : omp_get_thread_num());
        if (!at_once) transform_filters(i, {0, words / kLanes}, part);
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
      for (int64_t k = 0; k < parts.count; k++) multiply(k, block, own, filters + parts.offset(k));
    }
  });
}

// Computes the sums over all tiles of the 36 products of transformed x and dy, [36, in, out].
struct FilterGradient {
  Context &context;
  const Tiling &tiling;
  const TileKernels &tiles;
  const Tensor &x, &dy;
  int64_t in, out;
  Buffer zeros;
  // Number of rows of `sums`.
  int64_t parts;
  // Sums of dy over all axes but channels, [parts, out], or empty.
  Buffer sums;

  // Sums each part of the tiles, then adds the sums of all parts.
  Buffer divide_tiles() const {
    const int64_t threads = omp_get_max_threads(), count = kProducts * in * out;
    const int64_t size = apart_tiles(tiling), blocks = blocks_of(tiling);
    const int64_t x_size = Transformed{in, words(size)}.size(), dy_size = Transformed{out, words(size)}.size();
    const Buffer numbers = take_floats(context, threads * (x_size + dy_size));
    Buffer products = take_floats(context, parts * count);
    on_all_threads([&] {
      float *own_x = floats(numbers) + omp_get_thread_num() * (x_size + dy_size), *own_dy = own_x + x_size;
      const Range mine = own_part(parts);
      for (int64_t part = mine.first; part < mine.last; part++) {
        const Share share = share_of(blocks, part, parts);
        for (int64_t i = share.first; i < share.last; i++) {
          const Block block = block_of(i, size);
          transform(block, {0, words(block.size)}, own_x, own_dy, part);
          multiply(block, {0, kProducts * in / kLanes}, own_x, own_dy, i > share.first,
                   floats(products) + part * count);
        }
      }
    });
    on_all_threads([&] {
      const Range mine = own_part(count);
      float *total = floats(products);
      for (int64_t part = 1; part < parts; part++) {
        for (int64_t i = mine.first; i < mine.last; i++) total[i] += total[part * count + i];
      }
    });
    return products;
  }

  // All threads transform a block of tiles together, then divide the products of the block among themselves.
  Buffer divide_products() const {
    const int64_t size = std::min(tiling.count, kGradientTiles);
    const Buffer x_numbers = take_floats(context, Transformed{in, words(size)}.size());
    const Buffer dy_numbers = take_floats(context, Transformed{out, words(size)}.size());
    Buffer products = take_floats(context, kProducts * in * out);
    for (int64_t i = 0; i * size < tiling.count; i++) {
      const Block block = block_of(i, size);
      on_all_threads([&] {
        const Range mine = own_part(parts);
        for (int64_t part = mine.first; part < mine.last; part++) {
          const Share share = share_of(words(block.size), part, parts);
          transform(block, {share.first, share.last}, floats(x_numbers), floats(dy_numbers), part);
        }
      });
      on_all_threads([&] {
        multiply(block, own_part(kProducts * in / kLanes), floats(x_numbers), floats(dy_numbers), i > 0,
                 floats(products));
      });
    }
    return products;
  }

  // Returns the size and the number of the blocks of divide_tiles(). Few tiles are at least four blocks.
  static int64_t apart_tiles(const Tiling &tiling) { return std::min((tiling.count + 3) / 4, kApartTiles); }
  static int64_t blocks_of(const Tiling &tiling) {
    const int64_t size = apart_tiles(tiling);
    return (tiling.count + size - 1) / size;
  }

  // Returns the number of words that `count` tiles take.
  int64_t words(int64_t count) const { return (count + tiles.packed - 1) / tiles.packed; }

  Block block_of(int64_t i, int64_t size) const { return {i * size, std::min(size, tiling.count - i * size)}; }

  // `range`: words to transform. `part`: row of `sums` to which dy is added.
  void transform(Block block, Range range, float *x_numbers, float *dy_numbers, int64_t part) const {
    float *own = sums ? floats(sums) + part * out : nullptr;
    tiles.input_for_sums(tiling, x, {in, words(block.size)}, block, range, floats(zeros), x_numbers);
    tiles.gradient(tiling, dy, {out, words(block.size)}, block, range, floats(zeros), dy_numbers, own);
  }

  void multiply(Block block, Range panels, const float *x_numbers, const float *dy_numbers, bool add,
                float *products) const {
    tiles.multiply_tiles(x_numbers, {in, words(block.size)}, dy_numbers, {out, words(block.size)}, panels, add,
                         products);
  }
};

}  // namespace

bool winograd_pays(const Context &context, const Convolution &c, Result result) {
  // Products of bfloat16 on AMX are sixteen times as fast as those of float32.
  if (context.amx) return false;
  const auto all = [](const memory::dims &dims, int64_t value) { return dims[0] == value && dims[1] == value; };
  if (c.weights[2] != kFilter || c.weights[3] != kFilter || !all(c.strides, 1) || !all(c.dilations, 0)) return false;
  const auto padded = [](const memory::dims &dims) { return dims[0] < kFilter && dims[1] < kFilter; };
  if (!padded(c.padding_before) || !padded(c.padding_after)) return false;
  const int64_t in = c.weights[1], out = c.weights[0];
  if (in % kLanes != 0 || out % kLanes != 0) return false;
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  const double pixels = static_cast<double>(c.destination[0] * c.destination[2] * c.destination[3]);
  // Costs in float32 multiplications, as measured. A bfloat16 multiplication costs 0.5, and direct multiplications of
  // the filter's gradient cost a quarter more. Transforming a number costs 16, or 12 if it is rounded to bfloat16. Each
  // number of the filters costs 150 if it is written to memory and read again, 60 if it is rounded to bfloat16. If it
  // is only read, it costs 40, or 20.
  const bool halves = tile_kernels(context, result, result == Result::input_gradient ? out : in).packed == 2;
  const double direct = pixels * kFilter * kFilter * in * out * (context.bfloat16 ? 0.5 : 1) *
                        (result == Result::filter_gradient ? 1.25 : 1);
  const double product = static_cast<double>(in * out), each = halves ? 12 : 16;
  const bool again = result == Result::output_again;
  const double filters = product * (again ? (halves ? 20 : 40) : (halves ? 60 : 150));
  const double transformed = kProducts * (tiling.count * (product * (halves ? 0.5 : 1) + each * (in + out)) + filters);
  return transformed < direct;
}

void winograd_forward(Context &context, const Convolution &c, const Tensor &x, const Tensor &filter,
                      const Finish &finish, bool keep, const Tensor &y) {
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  const Result result = keep ? Result::output_again : Result::output;
  convolve(context, result, tiling, x, c.source[1], filter, c.destination[1], finish, y);
}

void winograd_backprop_input(Context &context, const Convolution &c, const Tensor &dy, const Tensor &filter,
                             const Tensor &dx) {
  const Tiling tiling(c.destination, c.source, kFilter - 1 - c.padding_before[0], kFilter - 1 - c.padding_before[1]);
  convolve(context, Result::input_gradient, tiling, dy, c.destination[1], filter, c.source[1], {nullptr, false, false},
           dx);
}

void winograd_backprop_filter(Context &context, const Convolution &c, const Tensor &x, const Tensor &dy, float *dw,
                              float *sums) {
  const int64_t in = c.source[1], out = c.destination[1];
  const Tiling tiling(c.source, c.destination, c.padding_before[0], c.padding_before[1]);
  const TileKernels &tiles = tile_kernels(context, Result::filter_gradient, in);
  const bool apart = in * out <= kFewSums;
  const int64_t most = std::max(kFewestParts, kSums / (in * out));
  const int64_t parts = apart ? std::min(FilterGradient::blocks_of(tiling), most) : kSlices;
  const FilterGradient gradient{context, tiling,
                                tiles,   x,
                                dy,      in,
                                out,     take_zeros(context, std::max(in, out)),
                                parts,   sums == nullptr ? Buffer() : take_zeros(context, parts * out)};
  const Buffer products = apart ? gradient.divide_tiles() : gradient.divide_products();
  on_all_threads([&] { tiles.filter_gradient(floats(products), in, out, own_part(in), dw); });
  if (sums == nullptr) return;
  std::fill_n(sums, out, 0.0f);
  for (int64_t part = 0; part < parts; part++) {
    for (int64_t i = 0; i < out; i++) sums[i] += floats(gradient.sums)[part * out + i];
  }
}

}  // namespace vgg
