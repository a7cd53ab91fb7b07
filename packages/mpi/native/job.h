// This process's part in an MPI job. One thread makes every MPI call: it runs operations in the order in which they
// were submitted, sends signs of life, and ends the job when another rank sends none.
#pragma once

#include <mpi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "plan.h"

namespace vgg {

struct JobOptions {
  // Seconds without a sign of life after which a rank counts as lost.
  double lost_after = 5;
  // Seconds after which a rank that lives but does not come to a call ends the job.
  double late_after = 600;
  // Seconds that waiting spins before it sleeps.
  double spin = 300e-6;
};

struct Place {
  int rank = 0, size = 1, local_rank = 0, local_size = 1;
  std::string host;
  std::string library;
};

// What this process has waited for.
struct Waiting {
  // Seconds from the start of calls until the last rank had come to them.
  double seconds = 0;
  // Seconds by the rank that came last.
  std::vector<double> by_rank;
};

// What ranks agree on at the start of every call.
struct Header {
  int64_t call;
  int64_t kind;
  // Must be the same on all ranks.
  int64_t count;
  int64_t detail;
  // May differ: bytes of an `allGather`.
  int64_t own;
};

class JobError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Job;

// One call. It runs on the job's thread; `done` is called there, with a failure or nullptr.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual Header header() const = 0;
  // Moves the data, once all ranks have come with the same call. `headers` are those of all ranks.
  virtual void run(Job &job, const std::vector<Header> &headers) = 0;

  std::function<void(const std::string *failure)> done;
};

enum Kind : int64_t { kBarrier, kSum, kBroadcast, kGather, kClose };

class Job {
 public:
  // Starts the thread, which initialises MPI and calls `ready`.
  Job(const JobOptions &options, std::function<void(const Place &)> ready);

  void submit(std::unique_ptr<Operation> operation);

  // Ends all processes of the job. Does not return. Not for the job's thread.
  [[noreturn]] void abort(int code);

  Waiting waiting() const;

  // For operations, on the job's thread.
  const Place &place() const { return place_; }
  MPI_Comm data() const { return data_; }
  // Waits for all requests.
  void wait(std::vector<MPI_Request> &requests);
  // Once between two looks at requests that were not ready.
  void pause();
  // After a request was ready.
  void progress();
  // Throws unless `code` is MPI_SUCCESS.
  void check(int code) const;
  // Memory for what comes in, kept from call to call.
  std::vector<float> &scratch() { return scratch_; }

 private:
  void work(const std::function<void(const Place &)> &ready);
  void initialise();
  void run(Operation &operation);
  void finalise();
  std::vector<Header> agree(const Header &own);
  void note_waiting(double seconds, int last);
  // Sends and takes signs of life; throws when a rank is lost.
  void beat();
  std::string name_of(int rank) const;
  [[noreturn]] void end_job(const std::string &failure);
  // Ends the job if `abort` was called.
  void heed_abort() const;

  const JobOptions options_;
  Place place_;
  std::vector<std::string> hosts_;
  MPI_Comm data_ = MPI_COMM_NULL, life_ = MPI_COMM_NULL;
  int64_t calls_ = 0;
  std::vector<float> scratch_;

  // Signs of life go around a ring: from each rank to the next.
  MPI_Request sending_ = MPI_REQUEST_NULL, receiving_ = MPI_REQUEST_NULL;
  char sign_out_ = 0, sign_in_ = 0;
  double last_sent_ = 0, last_heard_ = 0, last_beat_ = 0;

  double last_progress_ = 0;
  int sleep_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::unique_ptr<Operation>> operations_;
  std::string failure_;
  Waiting waiting_;
  bool closed_ = false;
  // Exit code of `abort`, or -1.
  std::atomic<int> abort_code_{-1};
};

// Seconds since some start.
double now();

std::string describe(const Header &header);

}  // namespace vgg
