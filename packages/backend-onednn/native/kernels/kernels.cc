#include "kernels.h"

namespace vgg {

const std::vector<Kernel> &kernels() {
  static const std::vector<Kernel> table = [] {
    std::vector<Kernel> all{
        {"Conv2D", conv2d},
        {"Conv2DBackpropInput", conv2d_backprop_input},
        {"Conv2DBackpropFilter", conv2d_backprop_filter},
        {"MatMul", mat_mul},
        {"ReluGrad", relu_grad},
        {"Softmax", softmax},
        {"MaxPool", max_pool},
        {"MaxPoolGrad", max_pool_grad},
        {"LRN", lrn},
        {"LRNGrad", lrn_grad},
        {"FusedBatchNorm", batch_norm},
        {"StridedCopy", strided_copy},
        {"Concat", concat},
        {"Pad", pad},
        {"Fill", fill},
        {"Cast", cast},
        {"Select", select},
        {"Gather", gather},
        {"OneHot", one_hot},
        {"TopK", top_k},
        {"ResizeBilinear", resize_bilinear},
        {"MomentumSgd", momentum_sgd},
    };
    for (const auto *family : {&unary_kernels(), &binary_kernels(), &reduce_kernels()}) {
      all.insert(all.end(), family->begin(), family->end());
    }
    return all;
  }();
  return table;
}

}  // namespace vgg
