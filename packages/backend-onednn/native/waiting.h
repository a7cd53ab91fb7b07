// How long OpenMP's threads spin before they sleep (decision 0154).
//
// A thread that waits for its colleagues spins for some milliseconds. On a quiet machine that is fastest. On a busy one
// it takes the processor from the very thread it waits for. So the compute thread watches how long its team waits for a
// processor, and while that is long, its threads sleep at once.
#pragma once

#include <limits>
#include <memory>
#include <vector>

namespace vgg {

// Decides whether threads spin or sleep, from the time that they waited for a processor. Has no clock of its own.
class SpinPolicy {
 public:
  // Takes `seconds` of work, in which `waiting` of the team's threads, on average, could run but had no processor.
  // Returns true if threads should sleep at once from now on.
  bool sleeps_after(double seconds, double waiting);

 private:
  static constexpr double kShortestPause = 0.1;

  bool sleeps_ = false;
  // Seconds of work since the last change.
  double since_change_ = std::numeric_limits<double>::infinity();
  // Seconds of work before spinning is tried again. Doubles when a trial fails.
  double pause_ = kShortestPause;
  // Sum of the seconds in which threads beyond the bound waited while threads spin, less those in which fewer waited.
  double excess_ = 0;
};

// Watches the calling thread's OpenMP team. Created and used on that thread.
class Waiting {
 public:
  // Does nothing with fewer than two threads, or if the system does not say how long threads wait for a processor.
  explicit Waiting(int threads);
  ~Waiting();
  Waiting(const Waiting &) = delete;
  Waiting &operator=(const Waiting &) = delete;

  // Takes the seconds that a task took. Returns true if threads sleep at once from now on.
  bool worked(double seconds);

 private:
  class Sleepers;

  // What a thread of the team has waited so far.
  struct Watched {
    // The scheduler's statistics of the thread.
    int file = -1;
    double waited = 0;
  };

  // Returns the sum over the team of the seconds since the last call in which a thread was runnable and had no
  // processor.
  double newly_waited();
  // Opens the statistics of threads that are new in the team: OpenMP ends the rest when a smaller team runs.
  void watch();

  std::vector<Watched> team_;
  double seconds_ = 0;
  SpinPolicy policy_;
  // False where threads cannot be watched or made to sleep: then they spin.
  bool adapts_;
  // Present while threads sleep at once.
  std::unique_ptr<Sleepers> sleepers_;
};

}  // namespace vgg
