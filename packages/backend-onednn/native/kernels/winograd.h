// Convolutions of 3 x 3 at stride 1 by Winograd's F(4 x 4, 3 x 3): a quarter of the multiplications, all in float32.
//
// The output is cut into tiles of 4 x 4 pixels. A block of tiles at a time is transformed, multiplied as 36 matrix
// products (tiles x input channels x filters) and transformed back, so that what lies between stays in cache.
#pragma once

#include "convolution.h"

namespace vgg {

// Whether the transforms cost less than the multiplications that they save, in the output, the input's gradient or, as
// `of_filter`, the filter's. It depends on shapes and the processor, so
// that the same program computes the same bits.
bool winograd_pays(const Context &context, const Convolution &convolution, bool of_filter = false);

// y [n,oh,ow,out] from x [n,h,w,in] and the filter. `bias`: [out] in float32, or null.
void winograd_forward(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &filter,
                      const float *bias, bool relu, const Tensor &y);

// dx from dy and the filter.
void winograd_backprop_input(Context &context, const Convolution &convolution, const Tensor &dy, const Tensor &filter,
                             const Tensor &dx);

// dw from x and dy and, unless null, the sums of dy over all but channels.
void winograd_backprop_filter(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &dy,
                              float *dw, float *sums);

}  // namespace vgg
