// The buffer pool: memory of tensors and scratchpads, kept for reuse between operations.
//
// Fresh memory costs a page fault when a page is first touched, which takes several times as long as a convolution
// takes to fill the page. So buffers return to the pool, large ones consist of huge pages (page_store.h), and the pool
// has a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "page_store.h"

namespace vgg {

class BufferPool;

// Memory taken from a pool and returned to it on destruction. Aligned to 64 bytes.
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
  // `limit`: largest sum of bytes in use and bytes held. `poison`: fill each buffer with 0xff (NaN) when it is taken,
  // so that tests find kernels that leave a part of their output unwritten.
  BufferPool(size_t limit, bool poison) : limit_(limit), poison_(poison) {}
  ~BufferPool();
  BufferPool(const BufferPool &) = delete;
  BufferPool &operator=(const BufferPool &) = delete;

  // Throws std::runtime_error when the limit or the system's memory is reached.
  Buffer take(size_t bytes);

  size_t limit() const { return limit_; }

  // Returns the memory held for reuse to the system.
  void trim();

  PoolStatistics statistics() const;

 private:
  friend class Buffer;
  // Call these four only with the mutex held. The first two return null if the limit or the system refuses.
  void *take_large(size_t wanted);
  void *take_small(size_t wanted);
  bool would_exceed(size_t fresh) const;
  void trim_locked() noexcept;

  void put(void *data, size_t capacity) noexcept;

  const size_t limit_;
  const bool poison_;
  mutable std::mutex mutex_;
  // Memory held for reuse: blocks of 2 MiB and more, and smaller ones by capacity.
  PageStore pages_;
  std::multimap<size_t, void *> small_;
  size_t small_held_ = 0;
  PoolStatistics statistics_;
};

}  // namespace vgg
