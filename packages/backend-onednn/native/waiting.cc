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
#include <system_error>
#include <thread>
#include <vector>

namespace vgg {
namespace {

// Seconds of work between two looks at the scheduler's statistics: many slices of processor time.
constexpr double kWindow = 0.1;
// Numbers of threads waiting for a processor, on average, above which spinning is in the way and below which it is
// tried again. Measured on two cores: a quiet machine with a busy JavaScript thread has 0.46 (spinning; 0.9 to 0.6 in
// the first second, while JavaScript is compiled) and 0.35 (sleeping), one endless loop 0.75 to 0.85 and 0.55.
constexpr double kBusy = 0.6;
constexpr double kQuiet = 0.44;
// Excess over `kBusy` that ends spinning, in threads times seconds. One look varies by 0.2 threads.
constexpr double kEvidence = 0.04;
constexpr double kLongestPause = 5;
// Seconds after which a trial of spinning has succeeded.
constexpr double kProven = 0.5;

// Returns the seconds that a thread was runnable and had no processor, or a negative number if it has ended.
double waited_by(int file) {
  // "time on a processor, time runnable without one, slices", in nanoseconds.
  char text[96] = "";
  unsigned long long ran = 0, waited = 0;
  if (pread(file, text, sizeof text - 1, 0) <= 0 || std::sscanf(text, "%llu %llu", &ran, &waited) != 2) return -1;
  return 1e-9 * static_cast<double>(waited);
}

int open_own_statistics() {
  const std::string path = "/proc/self/task/" + std::to_string(syscall(SYS_gettid)) + "/schedstat";
  return open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

bool SpinPolicy::sleeps_after(double seconds, double waiting) {
  since_change_ += seconds;
  if (sleeps_) {
    if (waiting > kQuiet || since_change_ < pause_) return true;
  } else {
    excess_ = std::max(0.0, excess_ + seconds * (waiting - kBusy));
    if (excess_ < kEvidence) return false;
    excess_ = 0;
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
  // Returns nothing if the system refuses so many threads: OpenMP would end the process.
  static std::unique_ptr<Sleepers> start(int threads) {
    std::vector<std::thread> trial;
    std::mutex gate;
    std::unique_lock<std::mutex> closed(gate);
    try {
      for (int i = 0; i <= threads; i++)
        trial.emplace_back([&gate] { const std::lock_guard<std::mutex> passed(gate); });
    } catch (const std::system_error &) {
    }
    closed.unlock();
    for (std::thread &thread : trial) thread.join();
    return static_cast<int>(trial.size()) <= threads ? nullptr : std::make_unique<Sleepers>(threads);
  }

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

Waiting::Waiting(int threads) : team_(static_cast<size_t>(threads)), adapts_(threads > 1) {
  if (!adapts_) return;
  watch();
  newly_waited();
}

Waiting::~Waiting() {
  for (const Watched &thread : team_) {
    if (thread.file >= 0) close(thread.file);
  }
}

void Waiting::watch() {
#pragma omp parallel num_threads(static_cast <int>(team_.size()))
  {
    Watched &own = team_[static_cast<size_t>(omp_get_thread_num())];
    if (waited_by(own.file) < 0) {
      if (own.file >= 0) close(own.file);
      own = {open_own_statistics(), 0};
    }
  }
}

double Waiting::newly_waited() {
  double sum = 0;
  // Returns true if all threads of the team are still there.
  const auto look = [this, &sum] {
    bool all = true;
    for (Watched &thread : team_) {
      const double waited = waited_by(thread.file);
      if (waited < 0) {
        all = false;
        continue;
      }
      sum += waited - thread.waited;
      thread.waited = waited;
    }
    return all;
  };
  if (!look()) {
    watch();
    adapts_ = look();
  }
  return sum;
}

bool Waiting::worked(double seconds) {
  seconds_ += seconds;
  if (!adapts_ || seconds_ < kWindow) return sleepers_ != nullptr;
  const bool sleeps = policy_.sleeps_after(seconds_, newly_waited() / seconds_);
  seconds_ = 0;
  if (!sleeps || !adapts_) sleepers_.reset();
  if (sleeps && adapts_ && !sleepers_) {
    // So many that there are more threads than processors even while the team is smaller.
    sleepers_ = Sleepers::start(omp_get_num_procs() + 1);
    adapts_ = sleepers_ != nullptr;
  }
  return sleepers_ != nullptr;
}

}  // namespace vgg
