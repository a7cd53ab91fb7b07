// The tiles' transforms and products for processors with AVX512_BF16: transformed numbers are rounded to bfloat16, two
// per word, and multiplied twice as fast.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "winograd_tiles.h"

// After the includes: if inline functions of the headers were compiled for AVX-512, the linker might use them for every
// file.
#pragma GCC target("arch=x86-64-v4,avx512bf16,prefer-vector-width=512")
#pragma GCC optimize("fp-contract=fast")

namespace vgg::winograd {
namespace {
// Of 32 registers, 28 (kRows x kWidth) or 16 (kChannels x kWidth) hold sums.
constexpr int kRegister = 16, kRows = 14, kWidth = 2, kChannels = 8;
// clang-format off
#include "winograd_tiles_body.h"
#include "winograd_halves_body.h"
#include "winograd_products_body.h"
#include "winograd_table_body.h"
// clang-format on
}  // namespace

const TileKernels bf16_tiles = kernels_here;

}  // namespace vgg::winograd
#endif
