// The tiles' transforms and products for any processor that the addon runs on.
#include <algorithm>
#include <array>
#include <utility>

#include "winograd_tiles.h"

#pragma GCC optimize("fp-contract=fast")

namespace vgg::winograd {
namespace {
// Of 16 registers of eight numbers.
constexpr int ROWS = 6, WIDTH = 1, TURNED_ROWS = 4;
#include "winograd_tiles_body.h"
}  // namespace

const TileKernels baseline_tiles = kernels_here;

}  // namespace vgg::winograd
