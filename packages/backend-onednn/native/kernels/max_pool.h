// The pool that a convolution can be fused with.
#pragma once

#include "../kernel.h"

namespace vgg {

// Computes y [n,h/2,w/2,channels], the largest number of each 2 x 2 of x [n,h,w,channels]. y is held in the type of x.
void max_pool_squares(Context &context, const Tensor &x, const Tensor &y);

}  // namespace vgg
