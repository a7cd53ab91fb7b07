// The tiles' transforms for any processor that the addon runs on.
#include <algorithm>

#include "winograd_tiles.h"

namespace vgg::winograd {
namespace {
#include "winograd_tiles_body.h"
}  // namespace

const TileKernels baseline_tiles = kernels_here;

}  // namespace vgg::winograd
