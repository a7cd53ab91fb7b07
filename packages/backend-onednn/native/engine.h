// One compute thread with a queue: operations and frees run in the order in which they were submitted. A read runs as
// soon as the operations that write to its storage have run.
//
// All oneDNN and OpenMP work of an environment runs on this thread. With a second team of OpenMP threads the two teams
// would spin against each other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel.h"

namespace vgg {

struct EngineOptions {
  int threads = 1;
  // Let threads sleep as soon as they wait while other programs need the processors.
  bool adapts_waiting = true;
  size_t memory_limit = 0;
  size_t cache_limit = 256;
  bool poison = false;
  // Multiply in bfloat16.
  bool bf16 = false;
  // Also hold the numbers between Winograd's transforms in bfloat16.
  bool bf16_tiles = false;
};

// Total time of the calls of one operation with the same shapes.
struct KernelTime {
  int64_t calls = 0;
  double seconds = 0;
  // Processor time of the compute thread, without the time in which another program used its processor.
  double processor_seconds = 0;
  // Time inside oneDNN's own primitives.
  double primitive_seconds = 0;
};

// One unit of work of the compute thread.
class Task {
 public:
  virtual ~Task() = default;
  virtual void run(Context &context) = 0;
  // Called in place of `run` if the engine stops before it, on the thread that stops it.
  virtual void drop() {}
};

class Engine {
 public:
  explicit Engine(const EngineOptions &options);
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  // Appends a task. Blocks while the queue is full, so that a program that never awaits cannot queue work without
  // limit.
  void submit(std::unique_ptr<Task> task);

  // Queues an operation. If it fails, its outputs keep the message and `take_failure` returns it. Outputs that it would
  // have changed in place keep their numbers instead.
  void submit(Call call);

  // Queues a task that reads a storage. It runs after the last operation queued so far that writes to the storage,
  // before any later one.
  void submit_read(const Storage &storage, std::unique_ptr<Task> read);

  // Queues a task after which another thread may change a storage. It runs after the last operation queued so far that
  // uses the storage in any way.
  void submit_loan(const Storage &storage, std::unique_ptr<Task> loan);

  // Releases a storage after everything queued so far: memory is reused in queue order.
  void release(std::shared_ptr<Storage> storage);

  // Waits until everything queued so far has run.
  void drain();

  // Finishes the current task, drops the others and ends the thread. Later submissions are dropped.
  void stop();

  // Returns the failure to report: `own`, that of the numbers that were read, else the first one since the last report,
  // or null. A report is about everything queued before it.
  std::shared_ptr<const std::string> take_failure(std::shared_ptr<const std::string> own = nullptr);

  // Starts measuring operations from zero, or stops measuring.
  void profile(bool on);
  bool profiles() const { return profiles_.load(std::memory_order_relaxed); }
  void add_time(const std::string &operation, const KernelTime &time);
  // Returns times by operation and shapes.
  std::map<std::string, KernelTime> times() const;

  BufferPool &pool() { return pool_; }
  size_t queued() const;
  // True while OpenMP's threads sleep as soon as they wait.
  bool sleeps() const { return sleeps_.load(std::memory_order_relaxed); }
  size_t cached_primitives() const { return cached_primitives_.load(std::memory_order_relaxed); }

 private:
  friend class CallTask;

  // A task, and the reads and loans that run after it.
  struct Entry {
    std::unique_ptr<Task> task;
    std::vector<std::unique_ptr<Task>> reads;
  };

  // Queues a task that runs right after the operation of that number: next, if that one has run.
  void submit_after(uint64_t number, std::unique_lock<std::mutex> &lock, std::unique_ptr<Task> task);
  // Appends a task and returns its number, or 0 if the thread is ending.
  uint64_t append(std::unique_lock<std::mutex> &lock, std::unique_ptr<Task> task);
  void work(const EngineOptions &options);
  void fail(std::string message, const Call &call);
  // Passes on the failure of an earlier operation. That an update did not happen is a failure of its own, unless it was
  // queued before the last report.
  void skip(const std::shared_ptr<const std::string> &failure, const Call &call);

  // Destroyed last: buffers of dropped tasks return to it.
  BufferPool pool_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable taken_;
  std::deque<Entry> tasks_;
  // Reads and loans of storages that no queued operation writes to or uses.
  std::deque<std::unique_ptr<Task>> ready_;
  // Number of tasks ever queued: the number of the last one.
  uint64_t appended_ = 0;
  bool stopping_ = false;
  std::shared_ptr<const std::string> failure_;
  // Number of the last task that was queued before the last report of a failure.
  uint64_t reported_ = 0;
  std::atomic<size_t> cached_primitives_{0};
  std::atomic<bool> sleeps_{false};
  std::atomic<bool> profiles_{false};
  std::map<std::string, KernelTime> times_;
  std::thread thread_;
};

// Prepares a storage for changes by another thread. Returns null, or the reason if there are no numbers.
std::shared_ptr<const std::string> prepare_loan(Context &context, Storage &storage);

// Copies a storage's numbers to `target`. Returns null, or the reason if there are no numbers.
std::shared_ptr<const std::string> copy_out(const Storage &storage, void *target);

}  // namespace vgg
