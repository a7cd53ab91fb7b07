// Large blocks of memory, made of whole huge pages and kept for reuse.
//
// A training step takes blocks of many sizes, and a block freed by one phase seldom has a size that the next phase
// needs. If free blocks kept their sizes, they would add up to as much memory as is in use. So a free block is split
// when a smaller one is needed. When no free block is large enough, a new one is assembled from the pages of several:
// moving a huge page to another address takes about a microsecond, whereas a fresh page costs a page fault and clearing
// two megabytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace vgg {

// Not safe to use from several threads.
class PageStore {
 public:
  static constexpr size_t kPage = size_t{2} << 20;

  PageStore() = default;
  ~PageStore() { trim(); }
  PageStore(const PageStore &) = delete;
  PageStore &operator=(const PageStore &) = delete;

  // Returns a block of `bytes` (a multiple of kPage), aligned to kPage. Takes held pages first, then fresh memory.
  // Returns null if the system refuses.
  void *take(size_t bytes);

  // Keeps a block, or a part of one, for reuse.
  void put(void *data, size_t bytes) noexcept;

  // Returns all held memory to the system.
  void trim() noexcept;

  size_t held() const { return held_; }

 private:
  bool move_last_page(size_t &length, uintptr_t start, char *target);

  // Lengths of free blocks by address. Adjacent blocks are joined.
  std::map<uintptr_t, size_t> free_;
  size_t held_ = 0;
};

}  // namespace vgg
