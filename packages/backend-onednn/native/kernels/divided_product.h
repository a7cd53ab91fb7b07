// Matrix products that oneDNN adds up in an order that depends on its number of threads: without AVX-512 all of them,
// with it those of a transposed first factor with many terms. Here a product is split into parts whose number depends
// only on its shape, and one thread computes each part.
#pragma once

#include "convolution.h"

namespace vgg {

// y [batch, rows, columns] = a [batch, rows, terms] * b [batch, terms, columns] + bias, and ReLU. A transposed a is
// [batch, terms, rows], a transposed b [batch, columns, terms].
struct PlainProduct {
  int64_t batch, rows, terms, columns;
  bool transpose_a, transpose_b, relu;
  // In the type in which the context multiplies.
  void *a, *b;
  // [columns], or null.
  float *bias;
  float *y;
};

// Returns true if a product must be divided for bits that do not depend on the number of threads.
inline bool divides_product(bool transpose_a, int64_t terms) {
  // With AVX-512, oneDNN divides only the terms of a transposed a, and only if there are many.
  constexpr int64_t many = 1024;
  return !processor_has(dnnl_cpu_isa_avx512_core) || (transpose_a && terms > many);
}

void multiply_divided(Context &context, const PlainProduct &product);

}  // namespace vgg
