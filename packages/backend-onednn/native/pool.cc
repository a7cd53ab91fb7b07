#include "pool.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace vgg {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kAlignment = 64;

// Whole huge pages from 2 MiB on; below, quarter steps between powers of two, so that sizes meet again.
size_t round_up(size_t bytes) {
  if (bytes >= kHugePage) return (bytes + kHugePage - 1) / kHugePage * kHugePage;
  size_t power = 256;
  while (power * 2 <= bytes) power *= 2;
  const size_t step = power / 4;
  return bytes <= power ? power : (bytes + step - 1) / step * step;
}

void *allocate(size_t capacity) {
  if (capacity < kHugePage) return std::aligned_alloc(kAlignment, capacity);
  // Map a huge page more than wanted, then return what lies before and after the aligned part.
  const size_t mapped = capacity + kHugePage;
  void *raw = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > start) munmap(raw, aligned - start);
  const size_t after = mapped - (aligned - start) - capacity;
  if (after > 0) munmap(reinterpret_cast<void *>(aligned + capacity), after);
  auto *data = reinterpret_cast<void *>(aligned);
  madvise(data, capacity, MADV_HUGEPAGE);
  return data;
}

void deallocate(void *data, size_t capacity) noexcept {
  if (capacity < kHugePage) {
    std::free(data);
  } else {
    munmap(data, capacity);
  }
}

}  // namespace

Buffer::~Buffer() {
  if (pool_ != nullptr) pool_->give(data_, capacity_);
}

void Buffer::swap(Buffer &other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
}

BufferPool::~BufferPool() { trim(); }

Buffer BufferPool::take(size_t bytes) {
  const size_t wanted = round_up(bytes);
  void *data = nullptr;
  size_t capacity = wanted;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto fit = free_.lower_bound(wanted);
    if (fit != free_.end() && fit->first <= wanted + wanted / 4) {
      capacity = fit->first;
      data = fit->second;
      free_.erase(fit);
      statistics_.bytes_held -= capacity;
    } else {
      if (statistics_.bytes_in_use + statistics_.bytes_held + wanted > limit_) trim_locked();
      if (statistics_.bytes_in_use + wanted > limit_) {
        throw std::runtime_error("out of memory: " + std::to_string(bytes) + " bytes wanted, " +
                                 std::to_string(statistics_.bytes_in_use) + " in use of a limit of " +
                                 std::to_string(limit_) + "; use a smaller batch or raise memoryLimit");
      }
    }
    statistics_.bytes_in_use += capacity;
    statistics_.buffers_in_use += 1;
  }
  if (data == nullptr) {
    data = allocate(capacity);
    if (data == nullptr) {
      trim();
      data = allocate(capacity);
    }
    if (data == nullptr) {
      const std::lock_guard<std::mutex> lock(mutex_);
      statistics_.bytes_in_use -= capacity;
      statistics_.buffers_in_use -= 1;
      throw std::runtime_error("out of memory: the system refused " + std::to_string(capacity) + " bytes");
    }
  }
  if (poison_) std::memset(data, 0xff, capacity);
  return Buffer(this, data, capacity);
}

void BufferPool::give(void *data, size_t capacity) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  statistics_.bytes_in_use -= capacity;
  statistics_.buffers_in_use -= 1;
  try {
    free_.emplace(capacity, data);
    statistics_.bytes_held += capacity;
  } catch (const std::bad_alloc &) {
    deallocate(data, capacity);
  }
}

void BufferPool::trim() {
  const std::lock_guard<std::mutex> lock(mutex_);
  trim_locked();
}

void BufferPool::trim_locked() noexcept {
  for (const auto &[capacity, data] : free_) deallocate(data, capacity);
  free_.clear();
  statistics_.bytes_held = 0;
}

PoolStatistics BufferPool::statistics() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return statistics_;
}

}  // namespace vgg
