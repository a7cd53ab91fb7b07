// The tiles' transforms and products for any processor that the addon runs on.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "winograd_tiles.h"

#pragma GCC optimize("fp-contract=fast")

namespace vgg::winograd {
namespace {
// Of 16 registers, 12 (kRows x kWidth) or 8 (kChannels x kWidth) hold sums.
constexpr int kRegister = 8, kRows = 6, kWidth = 2, kChannels = 4;
// clang-format off
#include "winograd_tiles_body.h"
#include "winograd_floats_body.h"
#include "winograd_products_body.h"
#include "winograd_table_body.h"
// clang-format on
}  // namespace

const TileKernels baseline_tiles = kernels_here;

}  // namespace vgg::winograd
