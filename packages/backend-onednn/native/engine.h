// One compute thread with a queue: operations, frees and reads run in the order in which they were submitted.
//
// All oneDNN and OpenMP work of an environment runs on this thread: a second OpenMP master would spin against the
// first.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "kernel.h"

namespace vgg {

struct EngineOptions {
  int threads = 1;
  size_t memory_limit = 0;
  size_t cache_limit = 256;
  bool poison = false;
  // Multiply in bfloat16, and hold it between Winograd's transforms, too.
  bool bf16 = false, bf16_tiles = false;
};

// What one kind of operation has taken.
struct KernelTime {
  int64_t calls = 0;
  double seconds = 0;
  // Of the compute thread alone: without the time in which another program had its processor.
  double processor_seconds = 0;
  // Within oneDNN's own primitives.
  double primitive_seconds = 0;
};

// What the compute thread does next.
class Task {
 public:
  virtual ~Task() = default;
  virtual void run(Context &context) = 0;
};

class Engine {
 public:
  explicit Engine(const EngineOptions &options);
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  // Appends a task. Blocks while the queue is full: a program that never awaits must not outrun the machine without
  // end.
  void submit(std::unique_ptr<Task> task);

  // Queues an operation. Its failure is kept in its outputs and in `take_failure`.
  void submit(Call call);

  // Lets go of a storage after everything queued so far: memory is reused in queue order.
  void release(std::shared_ptr<Storage> storage);

  // Waits until everything queued so far has run.
  void drain();

  // Finishes the task at hand, drops the others and ends the thread. Further submissions are dropped.
  void stop();

  // The first failure since the last call, or nothing.
  std::shared_ptr<const std::string> take_failure();

  // Starts measuring operations anew, or stops.
  void profile(bool on);
  bool profiles() const { return profiles_.load(std::memory_order_relaxed); }
  void add_time(const std::string &operation, const KernelTime &time);
  // By operation and shapes.
  std::map<std::string, KernelTime> times() const;

  BufferPool &pool() { return pool_; }
  size_t queued() const;
  size_t cached_primitives() const { return cached_primitives_.load(std::memory_order_relaxed); }

 private:
  friend class CallTask;
  void work(const EngineOptions &options);
  void fail(std::string message, const Call &call);

  // Destroyed last: buffers of dropped tasks go back to it.
  BufferPool pool_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable taken_;
  std::deque<std::unique_ptr<Task>> tasks_;
  bool stopping_ = false;
  std::shared_ptr<const std::string> failure_;
  std::atomic<size_t> cached_primitives_{0};
  std::atomic<bool> profiles_{false};
  std::map<std::string, KernelTime> times_;
  std::thread thread_;
};

// Copies a storage's numbers to `target`. Returns why it cannot, or nothing.
std::shared_ptr<const std::string> copy_out(const Storage &storage, void *target);

}  // namespace vgg
