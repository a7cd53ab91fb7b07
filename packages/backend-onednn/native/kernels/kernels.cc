#include "kernels.h"

namespace vgg {

const std::vector<Kernel> &kernels() {
  static const std::vector<Kernel> table = [] {
    std::vector<Kernel> all{
        {"Conv2D", conv2d, 3},
        {"Conv2DBackpropInput", conv2d_backprop_input, 2},
        {"Conv2DBackpropFilter", conv2d_backprop_filter, 2},
        {"BatchMatMul", batch_mat_mul, 3},
        {"ReluGrad", relu_grad, 2},
        {"Softmax", softmax},
        {"MaxPool", max_pool, 1},
        {"MaxPoolGrad", max_pool_grad, 3},
        {"LRN", lrn},
        {"LRNGrad", lrn_grad},
        {"FusedBatchNorm", fused_batch_norm, 1},
        {"ChannelMoments", channel_moments, 1},
        {"ChannelNormGrad", channel_norm_grad, 2},
        {"AddressedDropout", addressed_dropout},
        {"StridedCopy", strided_copy, 0, true},
        {"Concat", concat, 0, true},
        {"PadV2", pad_v2, 0, true},
        {"Fill", fill},
        {"Cast", cast, 0, true},
        {"Select", select, 0, true},
        {"GatherV2", gather_v2, 0, true},
        {"OneHot", one_hot, 0, true},
        {"TopK", top_k},
        {"ResizeBilinear", resize_bilinear},
        {"MomentumSgd", momentum_sgd, 0, false, true},
    };
    for (const auto *family : {&unary_kernels(), &binary_kernels(), &reduce_kernels()}) {
      all.insert(all.end(), family->begin(), family->end());
    }
    return all;
  }();
  return table;
}

}  // namespace vgg
