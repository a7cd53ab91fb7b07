#include "waiting.h"

#include <fcntl.h>
#include <omp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

namespace vgg {
namespace {

// Seconds of work between two looks at the scheduler's statistics: many slices of processor time.
constexpr double kWindow = 0.1;
// Numbers of threads waiting for a processor, on average, above which the team sleeps and below which it spins.
// Measured on two cores: a quiet machine with a busy JavaScript thread has 0.45 (spinning) and 0.35 (sleeping), one
// endless loop 0.65 and 0.55.
constexpr double kBusy = 0.6;
constexpr double kQuiet = 0.44;
constexpr double kLongestPause = 5;
// Seconds after which a trial of spinning has succeeded.
constexpr double kProven = 0.5;
// Busy looks in a row that end proven spinning: on a quiet machine with a busy JavaScript thread, one look in twenty is
// busy by chance.
constexpr int kBusyWindows = 2;

}  // namespace

bool SpinPolicy::sleeps_after(double seconds, double waiting) {
  since_change_ += seconds;
  if (sleeps_) {
    if (waiting > kQuiet || since_change_ < pause_) return true;
  } else {
    busy_windows_ = waiting < kBusy ? 0 : busy_windows_ + 1;
    if (busy_windows_ < (since_change_ > kProven ? kBusyWindows : 1)) return false;
    busy_windows_ = 0;
    pause_ = since_change_ > kProven ? kShortestPause : std::min(2 * pause_, kLongestPause);
  }
  sleeps_ = !sleeps_;
  since_change_ = 0;
  return sleeps_;
}

// A team of threads that do nothing. While it exists there are more OpenMP threads than processors, and then GCC's
// runtime lets all threads spin 100 rounds in place of 300,000 (its manual, GOMP_SPINCOUNT).
class Waiting::Sleepers {
 public:
  explicit Sleepers(int threads) : thread_([this, threads] { work(threads); }) {}
  ~Sleepers() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ends_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }
  Sleepers(const Sleepers &) = delete;
  Sleepers &operator=(const Sleepers &) = delete;

 private:
  void work(int threads) {
    omp_set_num_threads(threads);
    // A region that does something: the compiler removes an empty one, and with it the team.
    std::atomic<int> started{0};
#pragma omp parallel
    started++;
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return ends_; });
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ends_ = false;
  std::thread thread_;
};

Waiting::Waiting(int threads) : threads_(threads) {
  if (threads < 2) return;
  std::vector<int> files(static_cast<size_t>(threads), -1);
#pragma omp parallel num_threads(threads)
  {
    const std::string path = "/proc/self/task/" + std::to_string(syscall(SYS_gettid)) + "/schedstat";
    files[static_cast<size_t>(omp_get_thread_num())] = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  for (const int file : files) {
    if (file >= 0) files_.push_back(file);
  }
  waited_ = waited();
}

Waiting::~Waiting() {
  for (const int file : files_) close(file);
}

double Waiting::waited() const {
  double nanoseconds = 0;
  for (const int file : files_) {
    char text[96] = "";
    // "time on a processor, time runnable without one, slices", in nanoseconds.
    if (pread(file, text, sizeof text - 1, 0) <= 0) continue;
    unsigned long long ran = 0, waited = 0;
    if (std::sscanf(text, "%llu %llu", &ran, &waited) == 2) nanoseconds += static_cast<double>(waited);
  }
  return 1e-9 * nanoseconds;
}

bool Waiting::worked(double seconds) {
  seconds_ += seconds;
  if (files_.empty() || seconds_ < kWindow) return sleepers_ != nullptr;
  const double total = waited();
  const bool sleeps = policy_.sleeps_after(seconds_, (total - waited_) / seconds_);
  waited_ = total;
  seconds_ = 0;
  if (sleeps && !sleepers_) {
    sleepers_ = std::make_unique<Sleepers>(std::max(2, omp_get_num_procs() - threads_ + 2));
  }
  if (!sleeps) sleepers_.reset();
  return sleeps;
}

}  // namespace vgg
