// Large blocks of memory, whole huge pages each, kept for reuse.
//
// A training step takes blocks of many sizes, and what one phase gives back seldom fits what the next one takes. Kept
// as they are, free blocks of all these sizes add up to as much as is in use. So a free block is cut when a smaller one
// is wanted, and when no free block is large enough, a new one is put together of the pages of several: moving a huge
// page to another address costs about a microsecond, where a fresh one costs a page fault and the zeroing of two
// megabytes.
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

  // A block of `bytes`, a multiple of kPage, aligned to it. Fresh memory is taken only for what is not held. Null when
  // the system refuses.
  void *take(size_t bytes);

  // Keeps a block, or a part of one, for reuse.
  void give(void *data, size_t bytes) noexcept;

  // Returns what is held to the system.
  void trim() noexcept;

  size_t held() const { return held_; }

 private:
  bool move_last_page(size_t &length, uintptr_t start, char *target);

  // Lengths by address; neighbours are joined.
  std::map<uintptr_t, size_t> free_;
  size_t held_ = 0;
};

}  // namespace vgg
