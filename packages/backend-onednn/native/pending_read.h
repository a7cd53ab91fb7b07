// Reads of numbers, and loans of their memory, that have begun.
#pragma once

#include <napi.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "engine.h"
#include "tensor.h"

namespace vgg {

// A promise that the compute thread will settle. Created and destroyed on the JavaScript thread.
struct PendingRead {
  PendingRead(Napi::Env env, Napi::ArrayBuffer buffer)
      : deferred(Napi::Promise::Deferred::New(env)), result(Napi::Persistent(buffer)), target(buffer.Data()) {}
  PendingRead(Napi::Env env, std::shared_ptr<Storage> storage)
      : deferred(Napi::Promise::Deferred::New(env)), loan(std::move(storage)) {}

  Napi::Promise::Deferred deferred;
  // A copy of the numbers, or the storage that is lent.
  Napi::Reference<Napi::ArrayBuffer> result;
  void *target = nullptr;
  std::shared_ptr<Storage> loan;
  std::shared_ptr<const std::string> failure;
};

// A read that the JavaScript thread waits for.
class SyncReadTask : public Task {
 public:
  // `done` is set after the read, or broken if the compute thread ends before it.
  SyncReadTask(std::shared_ptr<Storage> storage, void *target, std::shared_ptr<const std::string> *failure,
               std::promise<void> done)
      : storage_(std::move(storage)), target_(target), failure_(failure), done_(std::move(done)) {}
  void run(Context &) override {
    *failure_ = copy_out(*storage_, target_);
    storage_.reset();
    done_.set_value();
  }

 private:
  std::shared_ptr<Storage> storage_;
  void *target_;
  std::shared_ptr<const std::string> *failure_;
  std::promise<void> done_;
};

}  // namespace vgg
