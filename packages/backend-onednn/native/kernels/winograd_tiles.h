// What is done to tiles around the products of winograd.cc, in the widest instructions of the processor at hand.
#pragma once

#include "convolution.h"

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

// Tiles that are worked on at once: those from `first` on, `size` at most.
struct Block {
  int64_t first, size;
};

// Which of them one call is for.
struct Range {
  int64_t first, last;
};

// `from` and `to` of tensors are NHWC numbers of the tensor given, float32 or bfloat16.
struct TileKernels {
  // Tiles of x [n,h,w,channels] to `to` [36, block.size, channels].
  void (*input)(const Tiling &tiling, const Tensor &x, int64_t channels, Block block, Range part, float *to);
  // Tiles of dy [n,oh,ow,channels] to `to` [36, block.size, channels]. `sums`: [channels], added to, or null.
  void (*gradient)(const Tiling &tiling, const Tensor &dy, int64_t channels, Block block, Range part, float *to,
                   float *sums);
  // Products [36, block.size, channels] to tiles of y [n,oh,ow,channels]. `bias`: [channels], or null.
  void (*output)(const Tiling &tiling, const float *products, int64_t channels, Block block, Range part,
                 const float *bias, bool relu, const Tensor &y);
  // The filter [3, 3, in, out] to `to` [36, in, out]; `turned` by half a turn, as the input's gradient wants it.
  void (*filter)(const Tensor &filter, int64_t in, int64_t out, bool turned, Range part, float *to);
  // Products [36, in, out] to dw [3, 3, in, out].
  void (*filter_gradient)(const float *products, int64_t in, int64_t out, Range part, float *dw);
};

// For any processor that the addon runs on, and for those with AVX-512.
extern const TileKernels baseline_tiles;
#if defined(__x86_64__)
extern const TileKernels avx512_tiles;
#endif

}  // namespace vgg::winograd
