// Products of few rows, as those of fully-connected layers with small batches. They take as long as reading the matrix.
//
// oneDNN reads it at half the speed of memory. In bfloat16 it first copies it to a layout of its own, which takes five
// times as long as this product and pays only where the copy is used again.
#pragma once

#include "../bf16.h"
#include "../team.h"

namespace vgg {

// Largest number of rows in bfloat16, and in float32.
constexpr int64_t kFewRows = 32, kFewFloatRows = 4;

// y [rows, columns] = a [rows, terms] * b [terms, columns] + bias, and ReLU. Sums are float32. If Number is bf16, b is
// rounded where it is read.
template <typename Number>
struct FewRows {
  int64_t rows, terms, columns;
  // Rows of `row_of_a` numbers: after the terms there are zeros.
  const Number *a;
  const float *b;
  // [columns], or null.
  const float *bias;
  bool relu;
  float *y;

  // An odd number of cache lines, so that the rows are at different places of the cache.
  int64_t row_of_a() const {
    constexpr int64_t line = 64 / sizeof(Number);
    return ((terms + line - 1) / line | 1) * line;
  }
};

#if defined(__x86_64__)
// Computes the product on all threads, with bits that do not depend on their number. If `transposed`, b is
// [columns, terms]. For processors with AVX512_BF16.
void multiply_few_rows(const FewRows<bf16> &product, bool transposed);

// Same in float32, for processors with AVX-512.
void multiply_few_rows(const FewRows<float> &product);
#endif

}  // namespace vgg
