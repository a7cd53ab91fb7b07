// Convolutions of 3 x 3 at stride 1 by Winograd's F(4 x 4, 3 x 3): this takes a quarter of the multiplications. They
// are in float32, or in bfloat16 if the precision is bfloat16-fast.
//
// The output is cut into tiles of 4 x 4 pixels. A block of tiles at a time is transformed, multiplied as 36 matrix
// products (tiles x input channels x filters) and transformed back, so that the numbers between the steps stay in the
// cache.
#pragma once

#include "convolution.h"

namespace vgg {

// The result to compute. `output_again` is the output where the same filter is expected again, as in inference: the
// transformed filter is kept.
enum class Result { output, output_again, input_gradient, filter_gradient };

// Returns true if the transforms cost less than the multiplications that they save. Depends only on shapes, the
// processor, the precision and `result`, so that the same program computes the same bits.
bool winograd_pays(const Context &context, const Convolution &convolution, Result result);

// Steps applied to an output, in this order: add the bias [out] (float32, or null for none), apply ReLU, take the
// largest number of each 2 x 2.
struct Finish {
  const float *bias;
  bool relu, pool;
};

// Computes y [n,oh,ow,out], or [n,oh/2,ow/2,out] with a pool, from x [n,h,w,in] and the filter. If `keep`, the
// transformed filter stays in the filter's storage.
void winograd_forward(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &filter,
                      const Finish &finish, bool keep, const Tensor &y);

// Computes dx from dy and the filter.
void winograd_backprop_input(Context &context, const Convolution &convolution, const Tensor &dy, const Tensor &filter,
                             const Tensor &dx);

// Computes dw from x and dy and, unless `sums` is null, the sums of dy over all axes but channels.
void winograd_backprop_filter(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &dy,
                              float *dw, float *sums);

}  // namespace vgg
