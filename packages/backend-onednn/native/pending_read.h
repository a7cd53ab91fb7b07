// A read of numbers, or a loan of their memory, that has begun.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <utility>

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

}  // namespace vgg
