// The kernel table and its functions.
#pragma once

#include "../kernel.h"

namespace vgg {

// Returns all kernels. A kernel's index is its number in commands.
const std::vector<Kernel> &kernels();

void conv2d(Context &context, const Call &call);
void conv2d_backprop_input(Context &context, const Call &call);
void conv2d_backprop_filter(Context &context, const Call &call);
void batch_mat_mul(Context &context, const Call &call);
void relu_grad(Context &context, const Call &call);
void softmax(Context &context, const Call &call);
void max_pool(Context &context, const Call &call);
void max_pool_grad(Context &context, const Call &call);
void lrn(Context &context, const Call &call);
void lrn_grad(Context &context, const Call &call);
void fused_batch_norm(Context &context, const Call &call);
void channel_norm_grad(Context &context, const Call &call);
void channel_moments(Context &context, const Call &call);
void addressed_dropout(Context &context, const Call &call);
void strided_copy(Context &context, const Call &call);
void concat(Context &context, const Call &call);
void pad_v2(Context &context, const Call &call);
void fill(Context &context, const Call &call);
void cast(Context &context, const Call &call);
void select(Context &context, const Call &call);
void gather_v2(Context &context, const Call &call);
void one_hot(Context &context, const Call &call);
void top_k(Context &context, const Call &call);
void resize_bilinear(Context &context, const Call &call);
void momentum_sgd(Context &context, const Call &call);

const std::vector<Kernel> &unary_kernels();
const std::vector<Kernel> &binary_kernels();
const std::vector<Kernel> &reduce_kernels();

}  // namespace vgg
