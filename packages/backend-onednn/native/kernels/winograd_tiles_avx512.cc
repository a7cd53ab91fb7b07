// The tiles' transforms and products for processors with AVX-512.
#if defined(__x86_64__)
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "winograd_tiles.h"

// From here on only: were what the headers define inline compiled for AVX-512, the linker might take it for every file.
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#pragma GCC optimize("fp-contract=fast")

namespace vgg::winograd {
namespace {
// 28 or 16 sums of 32 registers.
constexpr int REGISTER = 16, ROWS = 14, WIDTH = 2, CHANNELS = 8;
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
