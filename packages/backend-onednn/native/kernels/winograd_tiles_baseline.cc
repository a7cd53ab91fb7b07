// The tiles' transforms and products for any processor that the addon runs on.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "winograd_tiles.h"

#pragma GCC optimize("fp-contract=fast")

namespace vgg::winograd {
namespace {
// 12 or 8 sums of 16 registers.
constexpr int REGISTER = 8, ROWS = 6, WIDTH = 2, CHANNELS = 4;
// clang-format off
#include "winograd_tiles_body.h"
#include "winograd_floats_body.h"
#include "winograd_products_body.h"
#include "winograd_table_body.h"
// clang-format on
}  // namespace

const TileKernels baseline_tiles = kernels_here;

}  // namespace vgg::winograd
