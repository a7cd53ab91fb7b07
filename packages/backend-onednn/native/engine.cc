#include "engine.h"

#include <omp.h>
#include <time.h>

#include <cstring>
#include <exception>
#include <future>
#include <utility>

#include "waiting.h"

namespace vgg {
namespace {

constexpr size_t kQueueLimit = 1 << 14;

std::string shape_text(const Tensor &tensor) {
  std::string text = "[";
  for (const int64_t dim : tensor.dims) text += (text.size() > 1 ? "," : "") + std::to_string(dim);
  return text + "]";
}

std::string describe_call(const Call &call) {
  std::string text = call.kernel->name;
  for (const Tensor &input : call.inputs) text += " " + shape_text(input);
  text += " ->";
  for (const Tensor &output : call.outputs) text += " " + shape_text(output);
  return text;
}

void fail_outputs(const Call &call, const std::shared_ptr<const std::string> &failure) {
  for (const Tensor &output : call.outputs) {
    if (!call.kernel->updates || !output.storage->buffer) output.storage->failure = failure;
  }
}

class ReleaseTask : public Task {
 public:
  explicit ReleaseTask(std::shared_ptr<Storage> storage) : storage_(std::move(storage)) {}
  void run(Context &) override { storage_.reset(); }

 private:
  std::shared_ptr<Storage> storage_;
};

class FenceTask : public Task {
 public:
  explicit FenceTask(std::promise<void> reached) : reached_(std::move(reached)) {}
  void run(Context &) override { reached_.set_value(); }

 private:
  std::promise<void> reached_;
};

// Returns the processor time of the calling thread in seconds.
double processor_now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Measures the time from its construction to its destruction and adds it to the call's operation, if profiling is on.
class Timer {
 public:
  Timer(Engine &engine, Context &context, const Call &call)
      : engine_(engine), context_(context), call_(call), measures_(engine.profiles()) {
    if (!measures_) return;
    context.primitive_seconds = 0;
    start_ = now();
    processor_start_ = processor_now();
  }
  ~Timer() {
    if (!measures_) return;
    engine_.add_time(describe_call(call_),
                     {1, now() - start_, processor_now() - processor_start_, context_.primitive_seconds});
  }
  Timer(const Timer &) = delete;
  Timer &operator=(const Timer &) = delete;

 private:
  Engine &engine_;
  Context &context_;
  const Call &call_;
  const bool measures_;
  double start_ = 0, processor_start_ = 0;
};

}  // namespace

class CallTask : public Task {
 public:
  CallTask(Engine &engine, Call call) : engine_(engine), call_(std::move(call)) {}

  const Call &call() const { return call_; }

  void run(Context &context) override {
    if (const auto failure = earlier_failure()) return engine_.skip(failure, call_);
    try {
      const Timer timer(engine_, context, call_);
      for (const Tensor &input : call_.inputs) {
        require(static_cast<bool>(input.storage->buffer), "an input holds no numbers");
        require(input.type() == Type::f32 || call_.kernel->takes_any_type, "the kernel takes float32 tensors");
      }
      for (size_t i = call_.kernel->narrow_inputs; i < call_.inputs.size(); i++) {
        Tensor &input = call_.inputs[i];
        if (input.narrow()) input.storage = wide_copy(context, *input.storage);
      }
      call_.kernel->run(context, call_);
      engine_.cached_primitives_.store(context.primitives.size(), std::memory_order_relaxed);
    } catch (const dnnl::error &error) {
      engine_.fail(std::string("oneDNN: ") + error.message + " (status " + std::to_string(error.status) + ")", call_);
    } catch (const std::exception &error) {
      engine_.fail(error.what(), call_);
    }
  }

 private:
  // Returns the reason why numbers that the operation needs are not there, or null.
  std::shared_ptr<const std::string> earlier_failure() const {
    for (const Tensor &input : call_.inputs) {
      if (input.storage->failure) return input.storage->failure;
    }
    if (!call_.kernel->updates) return nullptr;
    for (const Tensor &output : call_.outputs) {
      if (output.storage->failure) return output.storage->failure;
    }
    return nullptr;
  }

  Engine &engine_;
  Call call_;
};

Engine::Engine(const EngineOptions &options)
    : pool_(options.memory_limit, options.poison), thread_([this, options] { work(options); }) {}

Engine::~Engine() { stop(); }

uint64_t Engine::append(std::unique_lock<std::mutex> &lock, std::unique_ptr<Task> task) {
  taken_.wait(lock, [this] { return stopping_ || tasks_.size() < kQueueLimit; });
  if (stopping_) return 0;
  tasks_.push_back({std::move(task), {}});
  return ++appended_;
}

void Engine::submit(std::unique_ptr<Task> task) {
  std::unique_lock<std::mutex> lock(mutex_);
  append(lock, std::move(task));
  lock.unlock();
  arrived_.notify_one();
}

void Engine::submit(Call call) {
  auto task = std::make_unique<CallTask>(*this, std::move(call));
  const Call &queued = task->call();
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t number = append(lock, std::move(task));
  if (number == 0) return;
  // The task cannot be taken from the queue before the lock is released.
  for (const Tensor &input : queued.inputs) input.storage->user = number;
  for (const Tensor &output : queued.outputs) output.storage->writer = output.storage->user = number;
  lock.unlock();
  arrived_.notify_one();
}

void Engine::submit_read(const Storage &storage, std::unique_ptr<Task> read) {
  std::unique_lock<std::mutex> lock(mutex_);
  submit_after(storage.writer, lock, std::move(read));
}

void Engine::submit_loan(const Storage &storage, std::unique_ptr<Task> loan) {
  std::unique_lock<std::mutex> lock(mutex_);
  submit_after(storage.user, lock, std::move(loan));
}

void Engine::submit_after(uint64_t number, std::unique_lock<std::mutex> &lock, std::unique_ptr<Task> task) {
  if (stopping_) return;
  // Tasks with greater numbers than this one are still queued.
  const uint64_t begun = appended_ - tasks_.size();
  if (number > begun) {
    tasks_[number - begun - 1].reads.push_back(std::move(task));
  } else {
    ready_.push_back(std::move(task));
  }
  lock.unlock();
  arrived_.notify_one();
}

void Engine::release(std::shared_ptr<Storage> storage) { submit(std::make_unique<ReleaseTask>(std::move(storage))); }

void Engine::drain() {
  std::promise<void> reached;
  std::future<void> future = reached.get_future();
  submit(std::make_unique<FenceTask>(std::move(reached)));
  future.wait();
}

void Engine::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_all();
  taken_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::deque<Entry> dropped;
  std::deque<std::unique_ptr<Task>> dropped_reads;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    dropped.swap(tasks_);
    dropped_reads.swap(ready_);
  }
  for (const std::unique_ptr<Task> &read : dropped_reads) read->drop();
  for (const Entry &entry : dropped) {
    entry.task->drop();
    for (const std::unique_ptr<Task> &read : entry.reads) read->drop();
  }
}

std::shared_ptr<const std::string> Engine::take_failure(std::shared_ptr<const std::string> own) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<const std::string> failure = std::exchange(failure_, nullptr);
  if (own) failure = std::move(own);
  if (failure) reported_ = appended_;
  return failure;
}

size_t Engine::queued() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return tasks_.size();
}

void Engine::profile(bool on) {
  const std::lock_guard<std::mutex> lock(mutex_);
  times_.clear();
  profiles_.store(on, std::memory_order_relaxed);
}

void Engine::add_time(const std::string &operation, const KernelTime &time) {
  const std::lock_guard<std::mutex> lock(mutex_);
  KernelTime &total = times_[operation];
  total.calls += time.calls;
  total.seconds += time.seconds;
  total.processor_seconds += time.processor_seconds;
  total.primitive_seconds += time.primitive_seconds;
}

std::map<std::string, KernelTime> Engine::times() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return times_;
}

void Engine::fail(std::string message, const Call &call) {
  const auto failure = std::make_shared<const std::string>(describe_call(call) + ": " + message);
  fail_outputs(call, failure);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_) failure_ = failure;
}

void Engine::skip(const std::shared_ptr<const std::string> &failure, const Call &call) {
  fail_outputs(call, failure);
  if (!call.kernel->updates) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  // Tasks with greater numbers than the running one are still queued.
  const uint64_t number = appended_ - tasks_.size();
  if (!failure_ && number > reported_) failure_ = failure;
}

void Engine::work(const EngineOptions &options) {
  omp_set_num_threads(options.threads);
  Context context(pool_, options.cache_limit, options.bf16, options.bf16_tiles);
  Waiting waiting(options.adapts_waiting ? options.threads : 1);
  for (;;) {
    Entry entry;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      arrived_.wait(lock, [this] { return stopping_ || !tasks_.empty() || !ready_.empty(); });
      if (stopping_) return;
      if (!ready_.empty()) {
        entry.task = std::move(ready_.front());
        ready_.pop_front();
      } else {
        entry = std::move(tasks_.front());
        tasks_.pop_front();
      }
    }
    taken_.notify_one();
    const double start = now();
    entry.task->run(context);
    for (const std::unique_ptr<Task> &read : entry.reads) read->run(context);
    sleeps_.store(waiting.worked(now() - start), std::memory_order_relaxed);
  }
}

std::shared_ptr<const std::string> prepare_loan(Context &context, Storage &storage) {
  if (storage.failure) return storage.failure;
  if (!storage.buffer) return std::make_shared<const std::string>("the numbers were never computed");
  try {
    hold_wide(context, storage);
  } catch (const std::exception &error) {
    return std::make_shared<const std::string>(error.what());
  }
  storage.copies.clear();
  return nullptr;
}

std::shared_ptr<const std::string> copy_out(const Storage &storage, void *target) {
  if (storage.failure) return storage.failure;
  if (!storage.buffer) return std::make_shared<const std::string>("the numbers were never computed");
  if (storage.narrow) {
    widen_numbers(static_cast<const bf16 *>(storage.buffer.data()), static_cast<float *>(target), storage.count);
  } else if (storage.count > 0) {
    std::memcpy(target, storage.buffer.data(), storage.bytes());
  }
  return nullptr;
}

}  // namespace vgg
