// Convolutions of small images as one matrix product of every input pixel with every output pixel.
//
// In an image of 2 x 2 pixels, a padded 3 x 3 filter covers only four pixels at a time. A direct convolution also
// multiplies the five zeros. Here the filter [3, 3, in, out] becomes a matrix [4 in, 4 out] of its taps.
#pragma once

#include "convolution.h"

namespace vgg {

// Returns true if the matrix product is less work. Depends only on shapes, the processor and the precision.
bool matrix_pays(const Context &context, const Convolution &convolution);

// Computes y from x and the filter. `bias`: [out] in float32, or null.
void matrix_forward(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &filter,
                    const float *bias, bool relu, const Tensor &y);

// Computes dx from dy and the filter.
void matrix_backprop_input(Context &context, const Convolution &convolution, const Tensor &dy, const Tensor &filter,
                           const Tensor &dx);

// Computes dw from x and dy and, unless `sums` is null, the sums of dy over all axes but channels.
void matrix_backprop_filter(Context &context, const Convolution &convolution, const Tensor &x, const Tensor &dy,
                            float *dw, float *sums);

}  // namespace vgg
