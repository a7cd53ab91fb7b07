#include "few_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <utility>

// After the includes: if inline functions of the headers were compiled for AVX-512, the linker might use them for every
// file.
#pragma GCC target("arch=x86-64-v4,avx512bf16,prefer-vector-width=512")

namespace vgg {
namespace {

// Numbers of float32 in a register.
constexpr int kRegister = 16;
// Registers of terms that are added to a sum while it is in a register.
constexpr int kRegisters = 8;
// Columns whose sums stay in the second-level cache.
constexpr int64_t kColumns = 2048;
// Rows of a, and rows of a transposed b, whose sums stay in registers.
constexpr int kRows = 8, kRowsOfB = 2;

inline __mmask16 mask_of(int64_t count) {
  return static_cast<__mmask16>(count >= kRegister ? 0xffff : (1 << std::max<int64_t>(0, count)) - 1);
}

// Returns `first` and `second` rounded, first those of `first`.
inline __m512bh rounded(__m512 first, __m512 second) { return _mm512_cvtne2ps_pbh(second, first); }

// Same with one number of `first` and one of `second` in turns.
inline __m512bh rounded_in_turns(__m512 first, __m512 second) {
  const __m512i in_turn = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const auto both = reinterpret_cast<__m512i>(rounded(first, second));
  return reinterpret_cast<__m512bh>(_mm512_permutexvar_epi16(in_turn, both));
}

// Products of pairs of terms in bfloat16, and of single ones in float32. `get` returns a row of b.
struct Halves {
  using Number = bf16;
  static constexpr int kTerms = 2;
  using Register = __m512bh;

  template <typename Get>
  static Register terms(Get get, int64_t first) {
    return rounded_in_turns(get(first), get(first + 1));
  }
  static __m512 add(__m512 sum, Register terms, const bf16 *a) {
    int32_t both;
    __builtin_memcpy(&both, a, sizeof both);
    return _mm512_dpbf16_ps(sum, terms, reinterpret_cast<__m512bh>(_mm512_set1_epi32(both)));
  }
};

struct Floats {
  using Number = float;
  static constexpr int kTerms = 1;
  using Register = __m512;

  template <typename Get>
  static Register terms(Get get, int64_t first) {
    return get(first);
  }
  static __m512 add(__m512 sum, Register terms, const float *a) {
    return _mm512_fmadd_ps(_mm512_set1_ps(*a), terms, sum);
  }
};

// Adds the products of `kRegisters * Type::kTerms` terms, beginning with `term`, to the sums of a register of columns.
template <typename Type>
inline void add_terms(const FewRows<typename Type::Number> &p, int64_t term, int64_t column) {
  const __mmask16 mask = mask_of(p.columns - column);
  const auto row_of_b = [&](int64_t row) {
    return row < p.terms ? _mm512_maskz_loadu_ps(mask, p.b + row * p.columns + column) : _mm512_setzero_ps();
  };
  typename Type::Register terms[kRegisters];
#pragma GCC unroll 8
  for (int i = 0; i < kRegisters; i++) terms[i] = Type::terms(row_of_b, term + i * Type::kTerms);
  for (int64_t row = 0; row < p.rows; row++) {
    float *to = p.y + row * p.columns + column;
    const auto *from = p.a + row * p.row_of_a() + term;
    __m512 sum = _mm512_maskz_loadu_ps(mask, to);
#pragma GCC unroll 8
    for (int i = 0; i < kRegisters; i++) sum = Type::add(sum, terms[i], from + i * Type::kTerms);
    _mm512_mask_storeu_ps(to, mask, sum);
  }
}

template <typename Type>
void multiply_plain(const FewRows<typename Type::Number> &p, Share columns) {
  for (int64_t row = 0; row < p.rows; row++) {
    float *to = p.y + row * p.columns;
    if (p.bias == nullptr)
      std::fill(to + columns.first, to + columns.last, 0.0F);
    else
      std::copy(p.bias + columns.first, p.bias + columns.last, to + columns.first);
  }
  for (int64_t first = columns.first; first < columns.last; first += kColumns) {
    const int64_t last = std::min(columns.last, first + kColumns);
    for (int64_t term = 0; term < p.terms; term += kRegisters * Type::kTerms) {
      for (int64_t column = first; column < last; column += kRegister) add_terms<Type>(p, term, column);
    }
  }
}

// Computes y of `rows` rows of a, beginning with `row`, and `rows_of_b` rows of b, beginning with `column`.
template <int rows, int rows_of_b>
void multiply_rows(const FewRows<bf16> &p, int64_t row, int64_t column) {
  const int64_t step = p.row_of_a();
  __m512 sums[rows_of_b][rows];
#pragma GCC unroll 2
  for (int j = 0; j < rows_of_b; j++) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) sums[j][i] = _mm512_setzero_ps();
  }
  for (int64_t term = 0; term < p.terms; term += 2 * kRegister) {
    const __mmask16 low = mask_of(p.terms - term), high = mask_of(p.terms - term - kRegister);
    __m512bh of_b[rows_of_b];
#pragma GCC unroll 2
    for (int j = 0; j < rows_of_b; j++) {
      const float *from = p.b + (column + j) * p.terms + term;
      of_b[j] = rounded(_mm512_maskz_loadu_ps(low, from), _mm512_maskz_loadu_ps(high, from + kRegister));
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const auto of_a = reinterpret_cast<__m512bh>(_mm512_loadu_si512(p.a + (row + i) * step + term));
#pragma GCC unroll 2
      for (int j = 0; j < rows_of_b; j++) sums[j][i] = _mm512_dpbf16_ps(sums[j][i], of_b[j], of_a);
    }
  }
#pragma GCC unroll 2
  for (int j = 0; j < rows_of_b; j++) {
    const float start = p.bias == nullptr ? 0.0F : p.bias[column + j];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) p.y[(row + i) * p.columns + column + j] = start + _mm512_reduce_add_ps(sums[j][i]);
  }
}

using MultiplyRows = void (*)(const FewRows<bf16> &product, int64_t row, int64_t column);

template <int rows_of_b, size_t... rows>
constexpr std::array<MultiplyRows, sizeof...(rows)> multiply_by_rows(std::index_sequence<rows...>) {
  return {multiply_rows<static_cast<int>(rows) + 1, rows_of_b>...};
}

void multiply_transposed(const FewRows<bf16> &p, Share columns) {
  constexpr auto pairs = multiply_by_rows<kRowsOfB>(std::make_index_sequence<kRows>());
  constexpr auto singles = multiply_by_rows<1>(std::make_index_sequence<kRows>());
  for (int64_t column = columns.first; column < columns.last; column += kRowsOfB) {
    const auto &by_rows = columns.last - column < kRowsOfB ? singles : pairs;
    for (int64_t row = 0; row < p.rows; row += kRows) {
      by_rows[static_cast<size_t>(std::min<int64_t>(kRows, p.rows - row) - 1)](p, row, column);
    }
  }
}

// Calls `multiply` with the columns of each thread, then applies ReLU to them.
template <typename Number, typename Multiply>
void on_columns(const FewRows<Number> &p, Multiply multiply) {
  on_all_threads([&] {
    const Share registers = own_share((p.columns + kRegister - 1) / kRegister);
    const Share columns{registers.first * kRegister, std::min(p.columns, registers.last * kRegister)};
    if (columns.first >= columns.last) return;
    multiply(columns);
    if (!p.relu) return;
    for (int64_t row = 0; row < p.rows; row++) {
      float *to = p.y + row * p.columns;
      for (int64_t i = columns.first; i < columns.last; i++) to[i] = to[i] < 0 ? 0.0F : to[i];
    }
  });
}

}  // namespace

void multiply_few_rows(const FewRows<bf16> &p, bool transposed) {
  if (transposed) return on_columns(p, [&](Share columns) { multiply_transposed(p, columns); });
  on_columns(p, [&](Share columns) { multiply_plain<Halves>(p, columns); });
}

void multiply_few_rows(const FewRows<float> &p) {
  on_columns(p, [&](Share columns) { multiply_plain<Floats>(p, columns); });
}

}  // namespace vgg
#endif
