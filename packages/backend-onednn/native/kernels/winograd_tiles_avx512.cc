// The tiles' transforms for processors with AVX-512.
#if defined(__x86_64__)
#include <algorithm>

#include "winograd_tiles.h"

// From here on only: were what the headers define inline compiled for AVX-512, the linker might take it for every file.
#pragma GCC target("arch=x86-64-v4")

namespace vgg::winograd {
namespace {
#include "winograd_tiles_body.h"
}  // namespace

const TileKernels avx512_tiles = kernels_here;

}  // namespace vgg::winograd
#endif
