// The tiles' transforms and products for processors with AVX-512.
#if defined(__x86_64__)
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "winograd_tiles.h"

// After the includes: if inline functions of the headers were compiled for AVX-512, the linker might use them for every
// file.
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#pragma GCC optimize("fp-contract=fast")

namespace vgg::winograd {
namespace {
// Of 32 registers, 28 (kRows x kWidth) or 16 (kChannels x kWidth) hold sums.
constexpr int kRegister = 16, kRows = 14, kWidth = 2, kChannels = 8;
// clang-format off
#include "winograd_tiles_body.h"
#include "winograd_floats_body.h"
#include "winograd_products_body.h"
#include "winograd_table_body.h"
// clang-format on
}  // namespace

const TileKernels avx512_tiles = kernels_here;

}  // namespace vgg::winograd
#endif
