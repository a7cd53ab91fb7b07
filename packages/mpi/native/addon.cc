// The N-API surface: one job per process. src/native.ts holds its types.
#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "operations.h"

namespace vgg {
namespace {

// Never destroyed: its thread is detached, and a process may exit while the thread runs.
Job *the_job = nullptr;

// A promise that the job's thread will settle, and the buffers that its operation works on. Made and destroyed on the
// JavaScript thread.
struct Pending {
  explicit Pending(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise::Deferred deferred;
  Napi::ObjectReference buffers;
  std::unique_ptr<std::string> failure;
  std::vector<std::vector<uint8_t>> results;
  Place place;
};

Napi::ThreadSafeFunction make_settler(Napi::Env env) {
  return Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo &) {}), "vgg-mpi", 0,
                                       1);
}

template <typename Result>
void settle(Napi::ThreadSafeFunction settler, Pending *pending, Result result) {
  settler.NonBlockingCall(pending, [result](Napi::Env env, Napi::Function, Pending *data) {
    const std::unique_ptr<Pending> owned(data);
    if (env == nullptr) return;
    const Napi::HandleScope scope(env);
    if (owned->failure) {
      owned->deferred.Reject(Napi::Error::New(env, *owned->failure).Value());
    } else {
      owned->deferred.Resolve(result(env, *owned));
    }
  });
  settler.Release();
}

Napi::Value nothing(Napi::Env env, const Pending &) { return env.Undefined(); }

Napi::Value gathered(Napi::Env env, const Pending &pending) {
  Napi::Array list = Napi::Array::New(env, pending.results.size());
  for (size_t i = 0; i < pending.results.size(); i++) {
    list.Set(static_cast<uint32_t>(i),
             Napi::Buffer<uint8_t>::Copy(env, pending.results[i].data(), pending.results[i].size()));
  }
  return list;
}

Napi::Value described(Napi::Env env, const Pending &pending) {
  const Place &place = pending.place;
  Napi::Object object = Napi::Object::New(env);
  object.Set("rank", place.rank);
  object.Set("size", place.size);
  object.Set("localRank", place.local_rank);
  object.Set("localSize", place.local_size);
  object.Set("host", place.host);
  object.Set("library", place.library);
  return object;
}

// Arguments: { lostAfter, lateAfter, spin } in seconds.
Napi::Value start(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (the_job != nullptr) throw Napi::Error::New(env, "this process has joined the job already");
  const Napi::Object given = info[0].As<Napi::Object>();
  JobOptions options;
  options.lost_after = given.Get("lostAfter").As<Napi::Number>().DoubleValue();
  options.late_after = given.Get("lateAfter").As<Napi::Number>().DoubleValue();
  options.spin = given.Get("spin").As<Napi::Number>().DoubleValue();
  auto *pending = new Pending(env);
  const Napi::Value promise = pending->deferred.Promise();
  Napi::ThreadSafeFunction settler = make_settler(env);
  // JavaScript waits for it with a deadline of its own, and the process may end after that.
  settler.Unref(env);
  the_job = new Job(options, [settler, pending](const Place &place) {
    pending->place = place;
    settle(settler, pending, described);
  });
  return promise;
}

template <typename Result>
Napi::Value submit(const Napi::CallbackInfo &info, std::unique_ptr<Operation> operation, Result result) {
  const Napi::Env env = info.Env();
  if (the_job == nullptr) throw Napi::Error::New(env, "this process has not joined the job");
  auto *pending = new Pending(env);
  // All arguments, so that no buffer is collected before the operation has run.
  Napi::Array buffers = Napi::Array::New(env, info.Length());
  for (size_t i = 0; i < info.Length(); i++) buffers.Set(static_cast<uint32_t>(i), info[i]);
  pending->buffers = Napi::Persistent(buffers.As<Napi::Object>());
  const Napi::Value promise = pending->deferred.Promise();
  Napi::ThreadSafeFunction settler = make_settler(env);
  Operation *raw = operation.get();
  operation->done = [settler, pending, raw, result](const std::string *failure) {
    if (failure != nullptr) pending->failure = std::make_unique<std::string>(*failure);
    if (auto *gather = dynamic_cast<Gather *>(raw)) pending->results = std::move(gather->results);
    settle(settler, pending, result);
  };
  the_job->submit(std::move(operation));
  return promise;
}

std::vector<int32_t> integers(const Napi::Value &value) {
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

// Arguments: result, parts, terms, parts of each rank, merges after each part.
Napi::Value all_reduce_sum(const Napi::CallbackInfo &info) {
  auto result = info[0].As<Napi::Float32Array>();
  const auto list = info[1].As<Napi::Array>();
  std::vector<const float *> parts;
  for (uint32_t i = 0; i < list.Length(); i++) parts.push_back(list.Get(i).As<Napi::Float32Array>().Data());
  Plan plan{integers(info[3]), integers(info[4])};
  const int64_t terms = info[2].As<Napi::Number>().Int64Value();
  return submit(info,
                std::make_unique<Sum>(result.Data(), result.ElementLength(), std::move(parts), std::move(plan), terms),
                nothing);
}

Napi::Value broadcast(const Napi::CallbackInfo &info) {
  auto bytes = info[0].As<Napi::Uint8Array>();
  const int root = info[1].As<Napi::Number>().Int32Value();
  return submit(info, std::make_unique<Broadcast>(bytes.Data(), bytes.ByteLength(), root), nothing);
}

Napi::Value all_gather(const Napi::CallbackInfo &info) {
  const auto bytes = info[0].As<Napi::Uint8Array>();
  return submit(info, std::make_unique<Gather>(bytes.Data(), bytes.ByteLength()), gathered);
}

Napi::Value barrier(const Napi::CallbackInfo &info) { return submit(info, std::make_unique<Barrier>(), nothing); }

Napi::Value close(const Napi::CallbackInfo &info) { return submit(info, std::make_unique<Close>(), nothing); }

void abort(const Napi::CallbackInfo &info) {
  if (the_job != nullptr) the_job->abort(info[0].As<Napi::Number>().Int32Value());
}

Napi::Value waiting(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const Waiting waited = the_job == nullptr ? Waiting{} : the_job->waiting();
  Napi::Object object = Napi::Object::New(env);
  Napi::Array by_rank = Napi::Array::New(env, waited.by_rank.size());
  for (size_t i = 0; i < waited.by_rank.size(); i++) by_rank.Set(static_cast<uint32_t>(i), waited.by_rank[i]);
  object.Set("seconds", waited.seconds);
  object.Set("byRank", by_rank);
  return object;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("start", Napi::Function::New(env, start));
  exports.Set("allReduceSum", Napi::Function::New(env, all_reduce_sum));
  exports.Set("broadcast", Napi::Function::New(env, broadcast));
  exports.Set("allGather", Napi::Function::New(env, all_gather));
  exports.Set("barrier", Napi::Function::New(env, barrier));
  exports.Set("close", Napi::Function::New(env, close));
  exports.Set("abort", Napi::Function::New(env, abort));
  exports.Set("waiting", Napi::Function::New(env, waiting));
  return exports;
}

}  // namespace
}  // namespace vgg

namespace {
Napi::Object initialise(Napi::Env env, Napi::Object exports) { return vgg::initialise(env, exports); }
}  // namespace
NODE_API_MODULE(mpi, initialise)
