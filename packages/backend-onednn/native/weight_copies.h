// Copies of weights in the layouts and types that kernels need.
//
// A copy is found by what it is, not by the operation that made it: the weights of a net that gets images of many sizes
// are copied once, as long as oneDNN asks for the same layout.
#pragma once

#include <algorithm>
#include <list>
#include <string>
#include <utility>

#include "dnnl_versions.h"
#include "pool.h"

namespace vgg {

// The text of a kernel's own arrangement of the weights, or the layouts from which and to which oneDNN copies them.
struct Arrangement {
  explicit Arrangement(std::string text) : text(std::move(text)) {}
  // `from` is part of it, because the same storage may be seen as weights of other shapes.
  Arrangement(memory::desc from, memory::desc to) : from(std::move(from)), to(std::move(to)) {}

  bool operator==(const Arrangement &other) const {
    return text == other.text && (!text.empty() || (from == other.from && to == other.to));
  }

  std::string text;
  memory::desc from, to;
};

// The copies of one storage. oneDNN asks for up to three layouts of the same weights, by the size of the input. Beyond
// kMost copies the least recently used one goes first.
class WeightCopies {
 public:
  // Returns the numbers of the copy, which `make` returns if there is none. They stay until the next call: operations
  // run one after another, and none needs two copies of a storage.
  template <typename Make>
  void *get(const Arrangement &arrangement, Make make) {
    const auto found =
        std::find_if(copies_.begin(), copies_.end(), [&](const auto &copy) { return copy.first == arrangement; });
    if (found != copies_.end()) {
      copies_.splice(copies_.begin(), copies_, found);
    } else {
      // First, so that no more memory is needed at any time.
      if (copies_.size() == kMost) copies_.pop_back();
      copies_.emplace_front(arrangement, make());
    }
    return copies_.front().second.data();
  }

  void clear() { copies_.clear(); }

 private:
  static constexpr size_t kMost = 4;
  std::list<std::pair<Arrangement, Buffer>> copies_;
};

}  // namespace vgg
