#include "pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace vgg {
namespace {

constexpr size_t kAlignment = 64;

bool is_large(size_t capacity) { return capacity >= PageStore::kPage; }

// Rounds up to whole huge pages from 2 MiB on, and below that to quarter steps between powers of two, so that buffers
// of similar sizes can be reused.
size_t round_up(size_t bytes) {
  if (is_large(bytes)) return (bytes + PageStore::kPage - 1) / PageStore::kPage * PageStore::kPage;
  size_t power = 256;
  while (power * 2 <= bytes) power *= 2;
  const size_t step = power / 4;
  return bytes <= power ? power : (bytes + step - 1) / step * step;
}

}  // namespace

Buffer::~Buffer() {
  if (pool_ != nullptr) pool_->put(data_, capacity_);
}

void Buffer::swap(Buffer &other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
}

BufferPool::~BufferPool() { trim(); }

Buffer BufferPool::take(size_t bytes) {
  const size_t capacity = round_up(bytes);
  void *data = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (statistics_.bytes_in_use + capacity > limit_) {
      throw std::runtime_error("out of memory: " + std::to_string(bytes) + " bytes wanted, " +
                               std::to_string(statistics_.bytes_in_use) + " in use of a limit of " +
                               std::to_string(limit_) + "; use a smaller batch or raise memoryLimit");
    }
    data = is_large(capacity) ? take_large(capacity) : take_small(capacity);
    if (data == nullptr) {
      trim_locked();
      data = is_large(capacity) ? pages_.take(capacity) : std::aligned_alloc(kAlignment, capacity);
    }
    if (data == nullptr) {
      throw std::runtime_error("out of memory: the system refused " + std::to_string(capacity) + " bytes");
    }
    statistics_.bytes_in_use += capacity;
    statistics_.peak_bytes_in_use = std::max(statistics_.peak_bytes_in_use, statistics_.bytes_in_use);
    statistics_.buffers_in_use += 1;
  }
  if (poison_) std::memset(data, 0xff, capacity);
  return Buffer(this, data, capacity);
}

void *BufferPool::take_large(size_t wanted) {
  const size_t fresh = wanted > pages_.held() ? wanted - pages_.held() : 0;
  return would_exceed(fresh) ? nullptr : pages_.take(wanted);
}

void *BufferPool::take_small(size_t wanted) {
  const auto held = small_.find(wanted);
  if (held == small_.end()) return would_exceed(wanted) ? nullptr : std::aligned_alloc(kAlignment, wanted);
  void *data = held->second;
  small_held_ -= wanted;
  small_.erase(held);
  return data;
}

bool BufferPool::would_exceed(size_t fresh) const {
  return statistics_.bytes_in_use + small_held_ + pages_.held() + fresh > limit_;
}

void BufferPool::put(void *data, size_t capacity) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  statistics_.bytes_in_use -= capacity;
  statistics_.buffers_in_use -= 1;
  if (is_large(capacity)) {
    pages_.put(data, capacity);
    return;
  }
  try {
    small_.emplace(capacity, data);
    small_held_ += capacity;
  } catch (const std::bad_alloc &) {
    std::free(data);
  }
}

void BufferPool::trim() {
  const std::lock_guard<std::mutex> lock(mutex_);
  trim_locked();
}

void BufferPool::trim_locked() noexcept {
  for (const auto &[capacity, data] : small_) std::free(data);
  small_.clear();
  small_held_ = 0;
  pages_.trim();
}

PoolStatistics BufferPool::statistics() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  PoolStatistics statistics = statistics_;
  statistics.bytes_held = small_held_ + pages_.held();
  return statistics;
}

}  // namespace vgg
