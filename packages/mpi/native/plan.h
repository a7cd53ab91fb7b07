// Which partial sums each rank holds, and the order in which they are added. Made by `sumPlan` of @vgg/core.
#pragma once

#include <cstdint>
#include <vector>

namespace vgg {

struct Plan {
  // Number of partial sums of each rank.
  std::vector<int32_t> parts;
  // For each partial sum, in order of ranks: how often the last two sums are added after it.
  std::vector<int32_t> merges;

  size_t before(int rank) const {
    size_t count = 0;
    for (int i = 0; i < rank; i++) count += static_cast<size_t>(parts[i]);
    return count;
  }
};

}  // namespace vgg
