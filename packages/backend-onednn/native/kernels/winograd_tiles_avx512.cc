// The tiles' transforms and products for processors with AVX-512.
#if defined(__x86_64__)
#include <algorithm>
#include <array>
#include <utility>

#include "winograd_tiles.h"

// From here on only: were what the headers define inline compiled for AVX-512, the linker might take it for every file.
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#pragma GCC optimize("fp-contract=fast")

namespace vgg::winograd {
namespace {
// Of 32 registers of sixteen numbers.
constexpr int ROWS = 14, WIDTH = 2, TURNED_ROWS = 8;
#include "winograd_tiles_body.h"
}  // namespace

const TileKernels avx512_tiles = kernels_here;

}  // namespace vgg::winograd
#endif
