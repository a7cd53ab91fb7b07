// The buffer pool: memory of tensors and scratchpads, kept for reuse between operations.
//
// Fresh memory costs a page fault for each page first touched, several times what a convolution takes to fill it. So
// buffers go back to the pool, large ones are made of huge pages (page_store.h), and the pool has a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "page_store.h"

namespace vgg {

class BufferPool;

// Memory taken from a pool, given back when destroyed. Aligned to 64 bytes.
class Buffer {
 public:
  Buffer() = default;
  Buffer(BufferPool *pool, void *data, size_t capacity) : pool_(pool), data_(data), capacity_(capacity) {}
  Buffer(Buffer &&other) noexcept { swap(other); }
  Buffer &operator=(Buffer &&other) noexcept {
    swap(other);
    return *this;
  }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer();

  void *data() const { return data_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  void swap(Buffer &other) noexcept;

  BufferPool *pool_ = nullptr;
  void *data_ = nullptr;
  size_t capacity_ = 0;
};

struct PoolStatistics {
  size_t bytes_in_use = 0;
  size_t peak_bytes_in_use = 0;
  size_t buffers_in_use = 0;
  size_t bytes_held = 0;
};

// Safe to use from several threads. It must outlive its buffers.
class BufferPool {
 public:
  // `limit`: the most bytes in use and held together. `poison`: fill each buffer with 0xff (NaN) when it is taken, so
  // that a kernel that leaves a part of its output unwritten is caught.
  BufferPool(size_t limit, bool poison) : limit_(limit), poison_(poison) {}
  ~BufferPool();
  BufferPool(const BufferPool &) = delete;
  BufferPool &operator=(const BufferPool &) = delete;

  // Throws std::runtime_error when the limit or the system's memory is reached.
  Buffer take(size_t bytes);

  // Returns what is held for reuse to the system.
  void trim();

  PoolStatistics statistics() const;

 private:
  friend class Buffer;
  // All of these are called with the mutex held. Null where the limit or the system refuses.
  void *take_large(size_t wanted);
  void *take_small(size_t wanted);
  bool would_exceed(size_t fresh) const;
  void trim_locked() noexcept;

  void give(void *data, size_t capacity) noexcept;

  const size_t limit_;
  const bool poison_;
  mutable std::mutex mutex_;
  // From 2 MiB on, and below that by capacity.
  PageStore pages_;
  std::multimap<size_t, void *> small_;
  size_t small_held_ = 0;
  PoolStatistics statistics_;
};

}  // namespace vgg
