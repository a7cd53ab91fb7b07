// The pool that convolutions take in.
#pragma once

#include "../kernel.h"

namespace vgg {

// y [n,h/2,w/2,channels], the largest of each 2 x 2 of x [n,h,w,channels]; held as x is.
void max_pool_squares(Context &context, const Tensor &x, const Tensor &y);

}  // namespace vgg
