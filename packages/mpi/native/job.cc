#include "job.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace vgg {
namespace {

constexpr int kHeaderTag = 32766;
constexpr int kSignTag = 1;
// Seconds between two signs of life.
constexpr double kBeat = 0.5;
// Seconds that JavaScript has to end the process by itself after a failure.
constexpr double kGrace = 1;
// Microseconds of the first and the longest sleep while waiting.
constexpr int kFirstSleep = 50, kLongestSleep = 1000;

const char *kNames[] = {"barrier", "allReduceSum", "broadcast", "allGather", "close"};

}  // namespace

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string describe(const Header &header) {
  std::string text = kNames[header.kind];
  if (header.kind == kSum) {
    text += " of " + std::to_string(header.count) + " numbers, " + std::to_string(header.detail) + " terms";
  }
  if (header.kind == kBroadcast) {
    text += " of " + std::to_string(header.count) + " bytes from rank " + std::to_string(header.detail);
  }
  return text;
}

Job::Job(const JobOptions &options, std::function<void(const Place &)> ready) : options_(options) {
  // Detached: a process may exit at any time without waiting for other ranks.
  std::thread([this, ready = std::move(ready)] { work(ready); }).detach();
}

void Job::abort(int code) {
  abort_code_ = code;
  arrived_.notify_one();
  // MPI_Abort can wait for ever for a daemon that is gone.
  std::this_thread::sleep_for(std::chrono::seconds(3));
  _exit(code);
}

void Job::heed_abort() const {
  if (abort_code_ < 0) return;
  const int code = abort_code_;
  std::thread([code] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    _exit(code);
  }).detach();
  // MPICH loses what its processes wrote just before.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  MPI_Abort(MPI_COMM_WORLD, code);
  _exit(code);
}

void Job::submit(std::unique_ptr<Operation> operation) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    operations_.push_back(std::move(operation));
  }
  arrived_.notify_one();
}

Waiting Job::waiting() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return waiting_;
}

void Job::check(int code) const {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw JobError("MPI: " + std::string(text, static_cast<size_t>(length)));
}

void Job::initialise() {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_dup(MPI_COMM_WORLD, &data_);
  MPI_Comm_dup(MPI_COMM_WORLD, &life_);
  MPI_Comm_set_errhandler(data_, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(life_, MPI_ERRORS_RETURN);
  MPI_Comm_rank(data_, &place_.rank);
  MPI_Comm_size(data_, &place_.size);
  MPI_Comm local;
  MPI_Comm_split_type(data_, MPI_COMM_TYPE_SHARED, place_.rank, MPI_INFO_NULL, &local);
  MPI_Comm_rank(local, &place_.local_rank);
  MPI_Comm_size(local, &place_.local_size);
  MPI_Comm_free(&local);

  std::vector<char> names(static_cast<size_t>(place_.size) * MPI_MAX_PROCESSOR_NAME);
  char own[MPI_MAX_PROCESSOR_NAME] = {};
  int length = 0;
  MPI_Get_processor_name(own, &length);
  MPI_Allgather(own, MPI_MAX_PROCESSOR_NAME, MPI_CHAR, names.data(), MPI_MAX_PROCESSOR_NAME, MPI_CHAR, data_);
  for (int i = 0; i < place_.size; i++) hosts_.emplace_back(names.data() + i * MPI_MAX_PROCESSOR_NAME);
  place_.host = own;

  char version[MPI_MAX_LIBRARY_VERSION_STRING];
  MPI_Get_library_version(version, &length);
  place_.library = std::string(version, static_cast<size_t>(length));
  waiting_.by_rank.resize(static_cast<size_t>(place_.size));
  last_heard_ = last_beat_ = now();
}

void Job::work(const std::function<void(const Place &)> &ready) {
  initialise();
  ready(place_);
  std::unique_ptr<Operation> operation;
  try {
    while (!closed_) {
      heed_abort();
      beat();
      {
        std::unique_lock<std::mutex> lock(mutex_);
        if (operations_.empty()) {
          arrived_.wait_for(lock, std::chrono::milliseconds(place_.size == 1 ? 10'000 : 250));
        }
        if (operations_.empty()) continue;
        operation = std::move(operations_.front());
        operations_.pop_front();
      }
      run(*operation);
      operation->done(nullptr);
      operation.reset();
    }
  } catch (const std::exception &error) {
    const std::string failure = error.what();
    if (operation) operation->done(&failure);
    end_job(failure);
  }
}

void Job::end_job(const std::string &failure) {
  // Calls that come now fail with the same words, so that JavaScript can say why and end the process by itself.
  const double start = now();
  while (now() - start < kGrace) {
    heed_abort();
    std::unique_lock<std::mutex> lock(mutex_);
    arrived_.wait_for(lock, std::chrono::milliseconds(50));
    std::deque<std::unique_ptr<Operation>> rest;
    rest.swap(operations_);
    lock.unlock();
    for (const auto &one : rest) one->done(&failure);
  }
  const std::string line = "error: " + failure + "\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) _exit(1);
  abort_code_ = 1;
  heed_abort();
  _exit(1);
}

void Job::run(Operation &operation) {
  Header own = operation.header();
  own.call = calls_++;
  const std::vector<Header> headers = agree(own);
  operation.run(*this, headers);
  if (own.kind != kClose) return;
  closed_ = true;
  if (receiving_ != MPI_REQUEST_NULL) {
    MPI_Cancel(&receiving_);
    MPI_Request_free(&receiving_);
  }
  if (sending_ != MPI_REQUEST_NULL) MPI_Request_free(&sending_);
  finalise();
}

// MPI_Finalize waits for all ranks and watches over none.
void Job::finalise() {
  auto finished = std::make_shared<std::atomic<bool>>(false);
  const double deadline = 1.5 * options_.lost_after;
  std::thread([finished, deadline] {
    std::this_thread::sleep_for(std::chrono::duration<double>(deadline));
    if (*finished) return;
    const std::string line = "error: not all ranks have left the job within " +
                             std::to_string(static_cast<int>(deadline)) + " s: one of them has stopped\n";
    if (write(STDERR_FILENO, line.data(), line.size()) < 0) _exit(1);
    _exit(1);
  }).detach();
  MPI_Finalize();
  *finished = true;
}

std::vector<Header> Job::agree(const Header &own) {
  const auto size = static_cast<size_t>(place_.size);
  const auto bytes = static_cast<int>(sizeof(Header));
  std::vector<Header> headers(size, own);
  std::vector<MPI_Request> receives(size, MPI_REQUEST_NULL), sends(size, MPI_REQUEST_NULL);
  for (int step = 1; step < place_.size; step++) {
    const int to = (place_.rank + step) % place_.size, from = (place_.rank - step + place_.size) % place_.size;
    check(MPI_Irecv(&headers[from], bytes, MPI_BYTE, from, kHeaderTag, data_, &receives[from]));
    check(MPI_Isend(&own, bytes, MPI_BYTE, to, kHeaderTag, data_, &sends[to]));
  }
  const double start = now();
  int last = place_.rank;
  progress();
  for (size_t left = size - 1; left > 0;) {
    bool came = false;
    for (int rank = 0; rank < place_.size; rank++) {
      if (receives[rank] == MPI_REQUEST_NULL) continue;
      int ready = 0;
      check(MPI_Test(&receives[rank], &ready, MPI_STATUS_IGNORE));
      if (!ready) continue;
      came = true;
      last = rank;
      left--;
      const Header &other = headers[rank];
      if (other.call == own.call && other.kind == own.kind && other.count == own.count && other.detail == own.detail) {
        continue;
      }
      // Rank 0 always sees it, and one rank is enough to say so.
      if (place_.rank > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
      const bool first = place_.rank < rank;
      const auto clause = [&](bool mine) {
        return name_of(mine ? place_.rank : rank) + " calls " + describe(mine ? own : other);
      };
      const std::string call = std::to_string(own.call);
      throw JobError("ranks disagree at call " + call + ": " + clause(first) + ", " + clause(!first));
    }
    if (left == 0) break;
    if (came) {
      progress();
      continue;
    }
    if (now() - start > options_.late_after) {
      const auto missing = std::find_if(receives.begin(), receives.end(),
                                        [](MPI_Request request) { return request != MPI_REQUEST_NULL; });
      throw JobError(name_of(static_cast<int>(missing - receives.begin())) + " has not come to call " +
                     std::to_string(own.call) + ", " + describe(own) + ", for " +
                     std::to_string(static_cast<int>(options_.late_after)) + " s");
    }
    pause();
  }
  note_waiting(now() - start, last);
  wait(sends);
  return headers;
}

void Job::note_waiting(double seconds, int last) {
  const std::lock_guard<std::mutex> lock(mutex_);
  waiting_.seconds += seconds;
  if (last != place_.rank) waiting_.by_rank[static_cast<size_t>(last)] += seconds;
}

void Job::wait(std::vector<MPI_Request> &requests) {
  progress();
  for (;;) {
    int ready = 0;
    check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &ready, MPI_STATUSES_IGNORE));
    if (ready) return;
    pause();
  }
}

void Job::progress() {
  heed_abort();
  last_progress_ = now();
  sleep_ = kFirstSleep;
}

void Job::pause() {
  heed_abort();
  const double waited = now() - last_progress_;
  if (waited < options_.spin) return;
  std::this_thread::sleep_for(std::chrono::microseconds(sleep_));
  // Short waits end soon; from 10 ms on a sleep may be a tenth of what was waited so far.
  if (waited > 10e-3) sleep_ = std::min(kLongestSleep, sleep_ + sleep_ / 2);
  beat();
}

void Job::beat() {
  if (place_.size == 1) return;
  const double time = now();
  // A process that was suspended hears the others again before it judges them.
  if (time - last_beat_ > 2) last_heard_ = time;
  last_beat_ = time;
  const int next = (place_.rank + 1) % place_.size, previous = (place_.rank - 1 + place_.size) % place_.size;
  if (time - last_sent_ > kBeat) {
    int ready = 1;
    if (sending_ != MPI_REQUEST_NULL) check(MPI_Test(&sending_, &ready, MPI_STATUS_IGNORE));
    if (ready) {
      check(MPI_Isend(&sign_out_, 1, MPI_CHAR, next, kSignTag, life_, &sending_));
      last_sent_ = time;
    }
  }
  for (int ready = 1; ready;) {
    if (receiving_ != MPI_REQUEST_NULL) {
      check(MPI_Test(&receiving_, &ready, MPI_STATUS_IGNORE));
      if (ready) last_heard_ = time;
    }
    if (ready) check(MPI_Irecv(&sign_in_, 1, MPI_CHAR, previous, kSignTag, life_, &receiving_));
  }
  if (time - last_heard_ > options_.lost_after) {
    throw JobError(name_of(previous) + " gave no sign of life for " +
                   std::to_string(static_cast<int>(options_.lost_after)) + " s");
  }
}

std::string Job::name_of(int rank) const {
  return "rank " + std::to_string(rank) + " (" + hosts_[static_cast<size_t>(rank)] + ")";
}

}  // namespace vgg
