#include "page_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <new>

namespace vgg {
namespace {

constexpr int kAccess = PROT_READ | PROT_WRITE;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

char *map_aligned(size_t bytes) {
  // Map one huge page more than needed, then unmap the parts before and after the aligned block.
  const size_t mapped = bytes + PageStore::kPage;
  void *raw = mmap(nullptr, mapped, kAccess, kPrivate, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (start + PageStore::kPage - 1) / PageStore::kPage * PageStore::kPage;
  if (aligned > start) munmap(raw, aligned - start);
  const size_t after = mapped - (aligned - start) - bytes;
  if (after > 0) munmap(reinterpret_cast<void *>(aligned + bytes), after);
  auto *data = reinterpret_cast<char *>(aligned);
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

}  // namespace

// Moves a single page: mremap takes a range of one mapping only, and a free block may consist of several.
bool PageStore::move_last_page(size_t &length, uintptr_t start, char *target) {
  void *page = reinterpret_cast<void *>(start + length - kPage);
  if (mremap(page, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target) == MAP_FAILED) return false;
  length -= kPage;
  held_ -= kPage;
  return true;
}

void *PageStore::take(size_t bytes) {
  const auto shorter = [](const auto &a, const auto &b) { return a.second < b.second; };
  auto best = free_.end();
  for (auto block = free_.begin(); block != free_.end(); ++block) {
    if (block->second >= bytes && (best == free_.end() || shorter(*block, *best))) best = block;
  }
  if (best != free_.end()) {
    best->second -= bytes;
    held_ -= bytes;
    void *data = reinterpret_cast<void *>(best->first + best->second);
    if (best->second == 0) free_.erase(best);
    return data;
  }
  char *data = map_aligned(bytes);
  if (data == nullptr) return nullptr;
  for (size_t filled = 0; filled < bytes && !free_.empty(); filled += kPage) {
    const auto block = std::min_element(free_.begin(), free_.end(), shorter);
    if (!move_last_page(block->second, block->first, data + filled)) {
      // The system allows no more mappings. The failed move may have unmapped the page's place, so map it again; the
      // rest of the block is fresh memory.
      if (mmap(data + filled, kPage, kAccess, kPrivate | MAP_FIXED, -1, 0) != MAP_FAILED) return data;
      munmap(data, bytes);
      return nullptr;
    }
    if (block->second == 0) free_.erase(block);
  }
  return data;
}

void PageStore::put(void *data, size_t bytes) noexcept {
  const auto start = reinterpret_cast<uintptr_t>(data);
  const auto after = free_.lower_bound(start);
  const auto before = after == free_.begin() ? free_.end() : std::prev(after);
  const bool joins_before = before != free_.end() && before->first + before->second == start;
  const bool joins_after = after != free_.end() && start + bytes == after->first;
  try {
    if (!joins_before) {
      free_.emplace(start, bytes + (joins_after ? after->second : 0));
    } else {
      before->second += bytes + (joins_after ? after->second : 0);
    }
    if (joins_after) free_.erase(after);
    held_ += bytes;
  } catch (const std::bad_alloc &) {
    munmap(data, bytes);
  }
}

void PageStore::trim() noexcept {
  for (const auto &[start, length] : free_) munmap(reinterpret_cast<void *>(start), length);
  free_.clear();
  held_ = 0;
}

}  // namespace vgg
