// What is done to tiles around the products of winograd.cc, in the widest instructions of the processor at hand.
#pragma once

#include "winograd.h"

namespace vgg::winograd {

constexpr int OUTPUT = 4;
constexpr int FILTER = 3;
constexpr int INPUT = OUTPUT + FILTER - 1;
constexpr int PRODUCTS = INPUT * INPUT;
// Channels that are worked on together: numbers of channels are multiples of it.
constexpr int LANES = 16;

// One convolution's tiles: of its output, and where in its input they begin.
struct Tiling {
  Tiling(const memory::dims &source, const memory::dims &destination, int64_t top, int64_t left)
      : height(source[2]),
        width(source[3]),
        out_height(destination[2]),
        out_width(destination[3]),
        top(top),
        left(left),
        rows((out_height + OUTPUT - 1) / OUTPUT),
        columns((out_width + OUTPUT - 1) / OUTPUT),
        count(source[0] * rows * columns) {}

  int64_t height, width, out_height, out_width, top, left, rows, columns, count;

  struct Place {
    int64_t image, y, x;
  };
  Place place(int64_t tile) const {
    return {tile / (rows * columns), tile / columns % rows * OUTPUT, tile % columns * OUTPUT};
  }
};

// Tiles that are worked on at once: `size` of them, from `first` on.
struct Block {
  int64_t first, size;
};

// Which of them one call is for.
struct Range {
  int64_t first, last;
};

// How numbers lie between the transforms. They are kept in words of 32 bits: one float32, or two in bfloat16 that are
// added up together, of two neighbouring channels where products are summed up over channels, of two neighbouring tiles
// where over tiles. Words of tiles are [36, channels / 16, tiles, 16], products of a part of the filters
// [36, tiles, that part]; filters are cut into parts of `columns` (the last one may be smaller), each of
// them [36, channels, that part]. From one of the 36 to the next it is an odd number of cache lines, so that what is
// written at once falls on different places of the cache.
inline int64_t odd_lines(int64_t floats) { return (floats / LANES | 1) * LANES; }

// Words of `channels` and `tiles`: half as many as there are of those that share a word.
struct Transformed {
  int64_t channels, tiles;
  int64_t panel() const { return tiles * LANES; }
  int64_t product() const { return odd_lines(channels * tiles); }
  int64_t size() const { return PRODUCTS * product(); }
};

// Of `channels` words.
struct FilterPart {
  int64_t channels, first, columns;
  int64_t product() const { return odd_lines(channels * columns); }
  int64_t size() const { return PRODUCTS * product(); }
};

// `from` and `to` of tensors are NHWC numbers of the tensor given, float32 or bfloat16. Words are passed as floats.
struct TileKernels {
  // How many numbers a word holds.
  int64_t packed;
  // Into how many filters at once they are cut.
  int64_t columns;
  // Tiles of x [n,h,w,channels] to words of channels. `zeros`: as many as there are channels.
  void (*input)(const Tiling &tiling, const Tensor &x, const Transformed &layout, Block block, Range part,
                const float *zeros, float *to);
  // The same to words of tiles, of which `part` tells.
  void (*input_for_sums)(const Tiling &tiling, const Tensor &x, const Transformed &layout, Block block, Range part,
                         const float *zeros, float *to);
  // Tiles of dy [n,oh,ow,channels] to words of tiles, of which `part` tells. `sums`: [channels], added to, or null.
  void (*gradient)(const Tiling &tiling, const Tensor &dy, const Transformed &layout, Block block, Range part,
                   const float *zeros, float *to, float *sums);
  // The words of `part` of the filter [3, 3, in, out], or `turned` [3, 3, out, in], for its filters in `to`.
  void (*filter)(const Tensor &filter, int64_t in, int64_t out, bool turned, Range part, const FilterPart &to,
                 float *values);
  // Words of tiles times a part of the filters to products.
  void (*multiply)(const float *tiles, const Transformed &layout, const float *filters, const FilterPart &part,
                   float *products);
  // Products to tiles of y [n,oh,ow,channels], or [n,oh/2,ow/2,channels] of a pool: the part of its channels that they
  // are for.
  void (*output)(const Tiling &tiling, const float *products, const FilterPart &part, int64_t channels, Block block,
                 const Finish &finish, const Tensor &y);
  // For the channels of `part`, in panels of 16 of each of the 36: the sums of x's words times dy's over all tiles,
  // to `products` [36, in, out] or added to them.
  void (*multiply_tiles)(const float *x, const Transformed &x_layout, const float *dy, const Transformed &dy_layout,
                         Range part, bool add, float *products);
  // Products [36, in, out] to dw [3, 3, in, out].
  void (*filter_gradient)(const float *products, int64_t in, int64_t out, Range part, float *dw);
};

// For any processor that the addon runs on, and for those with AVX-512.
extern const TileKernels baseline_tiles;
#if defined(__x86_64__)
extern const TileKernels avx512_tiles;
// Transformed numbers in bfloat16, for processors that multiply it.
extern const TileKernels bf16_tiles;
#endif

}  // namespace vgg::winograd
