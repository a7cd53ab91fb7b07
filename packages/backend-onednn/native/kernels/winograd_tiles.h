// Transforms and products of tiles for winograd.cc, one variant per instruction set.
#pragma once

#include "winograd.h"

namespace vgg::winograd {

constexpr int kOutput = 4;
constexpr int kFilter = 3;
constexpr int kInput = kOutput + kFilter - 1;
constexpr int kProducts = kInput * kInput;
// Number of channels that are processed together. All numbers of channels are multiples of it.
constexpr int kLanes = 16;

// The tiles of a convolution's output, and where in its input they begin.
struct Tiling {
  Tiling(const memory::dims &source, const memory::dims &destination, int64_t top, int64_t left)
      : height(source[2]),
        width(source[3]),
        out_height(destination[2]),
        out_width(destination[3]),
        top(top),
        left(left),
        rows((out_height + kOutput - 1) / kOutput),
        columns((out_width + kOutput - 1) / kOutput),
        count(source[0] * rows * columns) {}

  int64_t height, width, out_height, out_width, top, left, rows, columns, count;

  struct Place {
    int64_t image, y, x;
  };
  Place place(int64_t tile) const {
    return {tile / (rows * columns), tile / columns % rows * kOutput, tile % columns * kOutput};
  }
};

// Tiles that are processed at once: `size` tiles, beginning with `first`.
struct Block {
  int64_t first, size;
};

// The part [first, last) of the work that one call does.
struct Range {
  int64_t first, last;
};

// Layout of the numbers between the transforms.
//
// Numbers are kept in words of 32 bits: one float32, or two bfloat16 whose products are added together. These two
// belong to adjacent channels where products are summed over channels, and to adjacent tiles where products are summed
// over tiles.
//
// Words of tiles are [36, channels / 16, tiles, 16]. Filters are divided into parts of `columns` filters (the last may
// be smaller); each part is [36, channels, filters of the part]. Products of a part are [36, tiles, filters of the
// part]. The distance from one of the 36 to the next is an odd number of cache lines, so that numbers written at the
// same time go to different sets of the cache.

// Rounds a number of floats to an odd number of cache lines.
inline int64_t odd_lines(int64_t floats) { return (floats / kLanes | 1) * kLanes; }

// Shape of transformed tiles in words. If two channels or two tiles share a word, their number here is half of the real
// one.
struct Transformed {
  int64_t channels, tiles;
  int64_t panel() const { return tiles * kLanes; }
  int64_t product() const { return odd_lines(channels * tiles); }
  int64_t size() const { return kProducts * product(); }
};

// A part of the transformed filters: `columns` filters, beginning with `first`, of `channels` words each.
struct FilterPart {
  int64_t channels, first, columns;
  int64_t product() const { return odd_lines(channels * columns); }
  int64_t size() const { return kProducts * product(); }
};

// Functions of one instruction set. Tensors are NHWC and hold float32 or bfloat16. Words are passed as floats.
struct TileKernels {
  // Number of numbers in a word.
  int64_t packed;
  // Number of filters in a part.
  int64_t columns;
  // Transforms tiles of x [n,h,w,channels] to words of channels. `zeros`: [channels].
  void (*input)(const Tiling &tiling, const Tensor &x, const Transformed &layout, Block block, Range part,
                const float *zeros, float *to);
  // Same to words of tiles. `part` counts words.
  void (*input_for_sums)(const Tiling &tiling, const Tensor &x, const Transformed &layout, Block block, Range part,
                         const float *zeros, float *to);
  // Transforms tiles of dy [n,oh,ow,channels] to words of tiles. `part` counts words. Adds dy to `sums` [channels],
  // unless null.
  void (*gradient)(const Tiling &tiling, const Tensor &dy, const Transformed &layout, Block block, Range part,
                   const float *zeros, float *to, float *sums);
  // Transforms the words `part` of the channels of a filter [3, 3, in, out] or, if `rotated`, [3, 3, out, in], for the
  // filters of the part `to`.
  void (*filter)(const Tensor &filter, int64_t in, int64_t out, bool rotated, Range part, const FilterPart &to,
                 float *values);
  // Multiplies words of tiles by a part of the filters.
  void (*multiply)(const float *tiles, const Transformed &layout, const float *filters, const FilterPart &part,
                   float *products);
  // Transforms products to tiles of y [n,oh,ow,channels], or [n,oh/2,ow/2,channels] with a pool. Writes only the
  // channels of `part`.
  void (*output)(const Tiling &tiling, const float *products, const FilterPart &part, int64_t channels, Block block,
                 const Finish &finish, const Tensor &y);
  // Multiplies words of x by words of dy and sums over all tiles. `part` counts panels of 16 channels of x, of all of
  // the 36. Writes the sums to `products` [36, in, out], or adds them if `add`.
  void (*multiply_tiles)(const float *x, const Transformed &x_layout, const float *dy, const Transformed &dy_layout,
                         Range part, bool add, float *products);
  // Transforms products [36, in, out] to dw [3, 3, in, out], for the input channels `part`.
  void (*filter_gradient)(const float *products, int64_t in, int64_t out, Range part, float *dw);
};

// For any processor that the addon runs on, and for those with AVX-512.
extern const TileKernels baseline_tiles;
#if defined(__x86_64__)
extern const TileKernels avx512_tiles;
// For processors that multiply bfloat16: rounds transformed numbers to bfloat16.
extern const TileKernels bf16_tiles;
#endif

}  // namespace vgg::winograd
