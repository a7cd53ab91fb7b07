// Work that is divided among OpenMP's threads.
//
// Sums must not depend on the number of threads: they are divided into a fixed number of parts, each thread computes
// its own parts, and the sums of the parts are added in order.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

namespace vgg {

// Half-open range of integers.
struct Share {
  int64_t first, last;
};

// Returns part `part` of [0, count), divided into `parts` parts whose sizes differ by at most 1.
inline Share share_of(int64_t count, int64_t part, int64_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

// Returns the calling thread's part of [0, count).
inline Share own_share(int64_t count) { return share_of(count, omp_get_thread_num(), omp_get_num_threads()); }

// Runs `body` once on each thread. No exception may leave a parallel region, so the first one is rethrown after it.
template <typename Body>
void on_all_threads(Body body) {
  std::exception_ptr failure;
#pragma omp parallel
  try {
    body();
  } catch (...) {
#pragma omp critical
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

// Limits the threads of the parallel regions that the calling thread begins, as long as it exists.
class ThreadLimit {
 public:
  explicit ThreadLimit(int most) : before_(omp_get_max_threads()) { omp_set_num_threads(std::min(before_, most)); }
  ~ThreadLimit() { omp_set_num_threads(before_); }
  ThreadLimit(const ThreadLimit &) = delete;
  ThreadLimit &operator=(const ThreadLimit &) = delete;

 private:
  int before_;
};

}  // namespace vgg
