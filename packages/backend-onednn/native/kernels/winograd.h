// Convolutions of 3 x 3 at stride 1 by Winograd's F(4 x 4, 3 x 3): a quarter of the multiplications, in
// float32 or, in bfloat16-fast where gradients are asked for, in bfloat16.
//
// The output is cut into tiles of 4 x 4 pixels. A block of tiles at a time is transformed, multiplied as 36 matrix
// products (tiles x input channels x filters) and transformed back, so that what lies between stays in cache.
#pragma once

#include "convolution.h"

namespace vgg {

// What is computed. Of `output_again`, the same filter is expected to come again, as in inference: it is kept
// transformed.
enum class Wanted { output, output_again, input_gradient, filter_gradient };

// Whether the transforms cost less than the multiplications that they save. It depends on shapes, the processor and
// what is wanted, so that the same program computes the same bits.
bool winograd_pays(const Context &context, const Convolution &convolution, Wanted wanted);

// What is done to an output: a bias [out] in float32, or null, is added, then ReLU, then the largest of each 2 x 2 is
// taken.
struct Finish {
  const float *bias;
  bool relu, pool;
};

// y [n,oh,ow,out], or [n,oh/2,ow/2,out] of a pool, from x [n,h,w,in] and the filter, which `keep` keeps transformed
// with its storage.
void winograd_forward(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &filter,
                      const Finish &finish, bool keep, const Tensor &y);

// dx from dy and the filter.
void winograd_backprop_input(Context &context, const Convolution &convolution, const Tensor &dy, const Tensor &filter,
                             const Tensor &dx);

// dw from x and dy and, unless null, the sums of dy over all but channels.
void winograd_backprop_filter(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &dy,
                              float *dw, float *sums);

}  // namespace vgg
