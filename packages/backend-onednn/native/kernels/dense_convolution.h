// Convolutions of pictures of a few pixels as one matrix product: every input pixel meets every output pixel.
//
// Of 2 x 2 pixels a padded filter of 3 x 3 sees four at a time, and five of its nine products are with zeros, which a
// direct convolution multiplies, too. Here the filter [3, 3, in, out] becomes a matrix [4 in, 4 out] of its taps.
#pragma once

#include "convolution.h"

namespace vgg {

// Whether that is less work. It depends on shapes and the processor only.
bool is_dense(const Context &context, const Convolution &convolution);

// y from x and the filter. `bias`: [out] in float32, or null.
void dense_forward(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &filter,
                   const float *bias, bool relu, const Tensor &y);

// dx from dy and the filter.
void dense_backprop_input(Context &context, const Convolution &convolution, const Tensor &dy, const Tensor &filter,
                          const Tensor &dx);

// dw from x and dy and, unless null, the sums of dy over all but channels.
void dense_backprop_filter(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &dy,
                           float *dw, float *sums);

}  // namespace vgg
