#include "environment.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "command_reader.h"
#include "engine.h"
#include "kernels/kernels.h"
#include "pending_read.h"

namespace vgg {
namespace {

constexpr size_t kCommandCapacity = 1 << 14;

class Environment : public Napi::ObjectWrap<Environment> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Environment",
                       {
                           InstanceMethod<&Environment::submit>("submit"),
                           InstanceMethod<&Environment::upload>("upload"),
                           InstanceMethod<&Environment::release>("release"),
                           InstanceMethod<&Environment::read_sync>("readSync"),
                           InstanceMethod<&Environment::read>("read"),
                           InstanceMethod<&Environment::lend>("lend"),
                           InstanceMethod<&Environment::lend_new>("lendNew"),
                           InstanceMethod<&Environment::take_back>("takeBack"),
                           InstanceMethod<&Environment::drain>("drain"),
                           InstanceMethod<&Environment::trim>("trim"),
                           InstanceMethod<&Environment::statistics>("statistics"),
                           InstanceMethod<&Environment::profile>("profile"),
                           InstanceMethod<&Environment::times>("times"),
                           InstanceMethod<&Environment::close>("close"),
                       });
  }

  // Argument: { threads, memoryLimit, cacheLimit, poison, synchronous, precision }.
  explicit Environment(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Environment>(info) {
    const Napi::Env env = info.Env();
    const Napi::Object options = info[0].As<Napi::Object>();
    EngineOptions engine;
    engine.threads = options.Get("threads").As<Napi::Number>().Int32Value();
    // A choice of the user holds.
    engine.adapts_waiting = std::getenv("GOMP_SPINCOUNT") == nullptr && std::getenv("OMP_WAIT_POLICY") == nullptr;
    engine.memory_limit = static_cast<size_t>(options.Get("memoryLimit").As<Napi::Number>().DoubleValue());
    engine.cache_limit = options.Get("cacheLimit").As<Napi::Number>().Uint32Value();
    engine.poison = options.Get("poison").As<Napi::Boolean>();
    const std::string precision = options.Get("precision").As<Napi::String>();
    engine.bf16 = precision != "float32";
    engine.bf16_tiles = precision == "bfloat16-fast";
    synchronous_ = options.Get("synchronous").As<Napi::Boolean>();
    engine_ = std::make_unique<Engine>(engine);

    auto commands = Napi::Float64Array::New(env, kCommandCapacity);
    commands_ = Napi::Persistent(commands);
    command_data_ = commands.Data();
    info.This().As<Napi::Object>().Set("commands", commands);

    settle_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo &) {}),
                                            "vgg-onednn-read", 0, 1);
    settle_.Unref(env);
    // Runs before the cleanup hooks of the objects created above, so the compute thread has ended by then.
    napi_add_env_cleanup_hook(env, &Environment::clean_up, this);
  }

  ~Environment() override {
    napi_remove_env_cleanup_hook(Env(), &Environment::clean_up, this);
    end();
    // A thread that has borrowed memory may use it until the process ends.
    if (!loans_.empty()) {
      new std::map<void *, std::shared_ptr<Storage>>(std::move(loans_));
      static_cast<void>(engine_.release());
    }
  }

 private:
  class ReadTask : public Task {
   public:
    ReadTask(Environment &environment, std::shared_ptr<Storage> storage, std::unique_ptr<PendingRead> pending)
        : environment_(environment), storage_(std::move(storage)), pending_(std::move(pending)) {}

    void run(Context &context) override {
      pending_->failure = pending_->loan ? prepare_loan(context, *storage_) : copy_out(*storage_, pending_->target);
      storage_.reset();
      PendingRead *pending = pending_.release();
      Environment *environment = &environment_;
      environment_.settle_.NonBlockingCall(pending, [environment](Napi::Env env, Napi::Function, PendingRead *data) {
        const std::unique_ptr<PendingRead> owned(data);
        if (env == nullptr) return;
        environment->settle(env, *owned);
      });
    }

    void drop() override {
      if (environment_.terminating_) return;
      pending_->failure = std::make_shared<const std::string>("the backend was closed before the numbers were read");
      environment_.settle(environment_.Env(), *pending_);
    }

   private:
    Environment &environment_;
    std::shared_ptr<Storage> storage_;
    std::unique_ptr<PendingRead> pending_;
  };

  // Queues the read and returns its promise. Keeps the event loop and this object alive until all reads are settled.
  Napi::Value begin(Napi::Env env, std::shared_ptr<Storage> storage, std::unique_ptr<PendingRead> pending,
                    void (Engine::*submit)(const Storage &, std::unique_ptr<Task>)) {
    const Napi::Value promise = pending->deferred.Promise();
    if (pending_reads_++ == 0) {
      settle_.Ref(env);
      Ref();
    }
    const Storage &read = *storage;
    ((*engine_).*submit)(read, std::make_unique<ReadTask>(*this, std::move(storage), std::move(pending)));
    return promise;
  }

  void end_read(Napi::Env env) {
    if (--pending_reads_ > 0) return;
    settle_.Unref(env);
    Unref();
  }

  void settle(Napi::Env env, PendingRead &pending) {
    try {
      const Napi::HandleScope scope(env);
      end_read(env);
      std::shared_ptr<const std::string> failure = engine_->take_failure(pending.failure);
      if (!failure && pending.loan && !loans_.emplace(pending.loan->buffer.data(), pending.loan).second) {
        failure = std::make_shared<const std::string>("a storage was lent twice");
      }
      if (failure) {
        pending.deferred.Reject(Napi::Error::New(env, *failure).Value());
      } else {
        pending.deferred.Resolve(pending.loan
                                     ? Napi::ArrayBuffer::New(env, pending.loan->buffer.data(), pending.loan->bytes())
                                     : pending.result.Value());
      }
    } catch (const Napi::Error &) {
      // The environment is being terminated and runs no more JavaScript: nothing waits for the promise.
    }
  }

  std::shared_ptr<Storage> &slot(size_t id) {
    if (id >= storages_.size()) storages_.resize(id + 1);
    return storages_[id];
  }

  std::shared_ptr<Storage> storage_of(const Napi::Value &id) {
    const std::shared_ptr<Storage> storage = slot(id.As<Napi::Number>().Uint32Value());
    if (!storage) throw Napi::Error::New(Env(), "a storage was used after its release");
    return storage;
  }

  // Returns an array for a storage's numbers. Above the limit of memory there are none, and Node would end the process.
  Napi::ArrayBuffer array_for(Napi::Env env, const Storage &storage) {
    if (storage.bytes() > engine_->pool().limit()) {
      engine_->drain();
      throw_failure(env);
      throw Napi::Error::New(env, storage.failure ? *storage.failure : "the numbers were never computed");
    }
    return Napi::ArrayBuffer::New(env, storage.bytes());
  }

  void require_open() const {
    if (closed_) throw Napi::Error::New(Env(), "the backend was closed");
  }

  // Argument: the number of entries of `commands` that describe the operation, in the order in which `Device.submit` of
  // src/device.ts writes them.
  void submit(const Napi::CallbackInfo &info) {
    require_open();
    try {
      CommandReader reader(command_data_, std::min<size_t>(info[0].As<Napi::Number>().Uint32Value(), kCommandCapacity));
      Call call;
      call.kernel = &kernels().at(reader.next_size());
      for (size_t left = reader.next_size(); left > 0; left--) {
        const std::shared_ptr<Storage> storage = slot(reader.next_size());
        Tensor input{storage, reader.next_dims()};
        if (!storage) throw std::runtime_error("an input was used after its release");
        if (count_of(input.dims) != storage->count) throw std::runtime_error("an input's shape does not fit its size");
        if (storage->count == 0) throw std::runtime_error("an input is empty");
        call.inputs.push_back(std::move(input));
      }
      for (size_t left = reader.next_size(); left > 0; left--) {
        std::shared_ptr<Storage> &storage = slot(reader.next_size());
        const size_t type = reader.next_size();
        Dims dims = reader.next_dims();
        const int64_t count = count_of(dims);
        if (count == 0) throw std::runtime_error("an output is empty");
        if (type > static_cast<size_t>(Type::u8)) throw std::runtime_error("an output has an unknown type");
        if (!storage) storage = std::make_shared<Storage>(static_cast<Type>(type), count);
        if (storage->type != static_cast<Type>(type) || storage->count != count) {
          throw std::runtime_error("an output's shape or type does not fit the tensor");
        }
        for (const Tensor &input : call.inputs) {
          if (input.storage == storage) throw std::runtime_error("an output is an input, too");
        }
        call.outputs.push_back(Tensor{storage, std::move(dims)});
      }
      const size_t attributes = reader.next_size();
      for (size_t i = 0; i < attributes; i++) call.attributes.push_back(reader.next());
      engine_->submit(std::move(call));
    } catch (const std::exception &error) {
      throw Napi::Error::New(info.Env(), error.what());
    }
    if (synchronous_) {
      engine_->drain();
      throw_failure(info.Env());
    }
  }

  // Returns a storage of `count` numbers that are not set.
  std::shared_ptr<Storage> create(Napi::Env env, Type type, int64_t count) {
    if (count < 0 || count > kMostElements) throw Napi::Error::New(env, "a size is negative or above 2^48 elements");
    auto storage = std::make_shared<Storage>(type, count);
    try {
      storage->buffer = engine_->pool().take(storage->bytes());
    } catch (const std::exception &error) {
      throw Napi::Error::New(env, error.what());
    }
    return storage;
  }

  // Arguments: id, type, typed array.
  void upload(const Napi::CallbackInfo &info) {
    require_open();
    const size_t id = info[0].As<Napi::Number>().Uint32Value();
    const auto type = static_cast<Type>(info[1].As<Napi::Number>().Uint32Value());
    const auto values = info[2].As<Napi::TypedArray>();
    auto storage = create(info.Env(), type, static_cast<int64_t>(values.ElementLength()));
    if (storage->bytes() != values.ByteLength()) throw Napi::Error::New(info.Env(), "the type does not fit the array");
    // Not by the array's ArrayBuffer: the memory may be shared.
    void *source = nullptr;
    napi_get_typedarray_info(info.Env(), values, nullptr, nullptr, &source, nullptr, nullptr);
    if (storage->bytes() > 0) std::memcpy(storage->buffer.data(), source, storage->bytes());
    slot(id) = std::move(storage);
  }

  // Argument: id.
  void release(const Napi::CallbackInfo &info) {
    if (closed_) return;
    std::shared_ptr<Storage> &storage = slot(info[0].As<Napi::Number>().Uint32Value());
    if (storage) engine_->release(std::exchange(storage, nullptr));
  }

  // Argument: id. Waits for the numbers and returns them.
  Napi::Value read_sync(const Napi::CallbackInfo &info) {
    require_open();
    const std::shared_ptr<Storage> storage = storage_of(info[0]);
    auto buffer = array_for(info.Env(), *storage);
    std::shared_ptr<const std::string> failure;
    std::promise<void> done;
    const std::future<void> read = done.get_future();
    engine_->submit_read(*storage, std::make_unique<SyncReadTask>(storage, buffer.Data(), &failure, std::move(done)));
    read.wait();
    throw_failure(info.Env(), failure);
    return buffer;
  }

  // Argument: id. Returns a promise of the numbers.
  Napi::Value read(const Napi::CallbackInfo &info) {
    require_open();
    std::shared_ptr<Storage> storage = storage_of(info[0]);
    auto pending = std::make_unique<PendingRead>(info.Env(), array_for(info.Env(), *storage));
    return begin(info.Env(), std::move(storage), std::move(pending), &Engine::submit_read);
  }

  // Argument: id. Returns a promise of the storage's own memory, once the operations queued so far that use it have
  // run. No other may use it until `takeBack`.
  Napi::Value lend(const Napi::CallbackInfo &info) {
    require_open();
    std::shared_ptr<Storage> storage = storage_of(info[0]);
    auto pending = std::make_unique<PendingRead>(info.Env(), storage);
    return begin(info.Env(), std::move(storage), std::move(pending), &Engine::submit_loan);
  }

  // Arguments: id, number of elements. Creates a float32 storage and returns its memory, whose numbers are not set. No
  // operation may use it until `takeBack`.
  Napi::Value lend_new(const Napi::CallbackInfo &info) {
    require_open();
    const auto storage = create(info.Env(), Type::f32, info[1].As<Napi::Number>().Int64Value());
    loans_.emplace(storage->buffer.data(), storage);
    slot(info[0].As<Napi::Number>().Uint32Value()) = storage;
    return Napi::ArrayBuffer::New(info.Env(), storage->buffer.data(), storage->bytes());
  }

  // Argument: memory that `lend` or `lendNew` has lent. Detaches it.
  void take_back(const Napi::CallbackInfo &info) {
    auto memory = info[0].As<Napi::ArrayBuffer>();
    void *data = memory.Data();
    memory.Detach();
    loans_.erase(data);
  }

  void drain(const Napi::CallbackInfo &) {
    require_open();
    engine_->drain();
  }

  void trim(const Napi::CallbackInfo &) {
    require_open();
    engine_->drain();
    engine_->pool().trim();
  }

  Napi::Value statistics(const Napi::CallbackInfo &info) {
    require_open();
    const PoolStatistics pool = engine_->pool().statistics();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("bytesInUse", static_cast<double>(pool.bytes_in_use));
    result.Set("peakBytesInUse", static_cast<double>(pool.peak_bytes_in_use));
    result.Set("buffersInUse", static_cast<double>(pool.buffers_in_use));
    result.Set("bytesHeld", static_cast<double>(pool.bytes_held));
    result.Set("cachedPrimitives", static_cast<double>(engine_->cached_primitives()));
    result.Set("queued", static_cast<double>(engine_->queued()));
    result.Set("sleeps", engine_->sleeps());
    return result;
  }

  // Argument: true to measure operations from now on. Earlier measurements are discarded.
  void profile(const Napi::CallbackInfo &info) {
    require_open();
    engine_->drain();
    engine_->profile(info[0].As<Napi::Boolean>());
  }

  // Returns the time of each operation, by name and shapes.
  Napi::Value times(const Napi::CallbackInfo &info) {
    require_open();
    engine_->drain();
    Napi::Array result = Napi::Array::New(info.Env());
    for (const auto &[operation, time] : engine_->times()) {
      Napi::Object entry = Napi::Object::New(info.Env());
      entry.Set("operation", operation);
      entry.Set("calls", static_cast<double>(time.calls));
      entry.Set("seconds", time.seconds);
      entry.Set("processorSeconds", time.processor_seconds);
      entry.Set("primitiveSeconds", time.primitive_seconds);
      result.Set(result.Length(), entry);
    }
    return result;
  }

  void close(const Napi::CallbackInfo &) { end(); }

  // `own`: the failure of the numbers that were read, or null.
  void throw_failure(Napi::Env env, std::shared_ptr<const std::string> own = nullptr) {
    if (const auto failure = engine_->take_failure(std::move(own))) throw Napi::Error::New(env, *failure);
  }

  static void clean_up(void *data) {
    auto *environment = static_cast<Environment *>(data);
    environment->terminating_ = true;
    environment->end();
  }

  void end() {
    if (std::exchange(closed_, true)) return;
    engine_->stop();
    settle_.Release();
    storages_.clear();
  }

  // Declared before the storages, so it is destroyed after them: their buffers return to its pool.
  std::unique_ptr<Engine> engine_;
  std::vector<std::shared_ptr<Storage>> storages_;
  // Storages that are lent, by the address of their memory.
  std::map<void *, std::shared_ptr<Storage>> loans_;
  Napi::Reference<Napi::Float64Array> commands_;
  double *command_data_ = nullptr;
  Napi::ThreadSafeFunction settle_;
  size_t pending_reads_ = 0;
  bool synchronous_ = false;
  bool closed_ = false;
  // True once the environment runs no more JavaScript.
  bool terminating_ = false;
};

}  // namespace

Napi::Function define_environment(Napi::Env env) { return Environment::define(env); }

}  // namespace vgg
