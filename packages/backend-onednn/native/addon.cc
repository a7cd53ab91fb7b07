// The N-API surface of the addon. src/native.ts holds its types.
#include <napi.h>

#include <string>
#include <vector>

#include "environment.h"
#include "kernels/kernels.h"
#include "waiting.h"

namespace vgg {
namespace {

// Argument: pairs of seconds of work and of threads that waited. Returns the decisions of a SpinPolicy.
Napi::Value sleeps_after(const Napi::CallbackInfo &info) {
  const Napi::Array measurements = info[0].As<Napi::Array>();
  Napi::Array result = Napi::Array::New(info.Env(), measurements.Length());
  SpinPolicy policy;
  for (uint32_t i = 0; i < measurements.Length(); i++) {
    const Napi::Array pair = measurements.Get(i).As<Napi::Array>();
    const double seconds = pair.Get(0u).As<Napi::Number>().DoubleValue();
    result.Set(i, policy.sleeps_after(seconds, pair.Get(1u).As<Napi::Number>().DoubleValue()));
  }
  return result;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("Environment", define_environment(env));
  const std::vector<Kernel> &table = kernels();
  Napi::Array names = Napi::Array::New(env, table.size());
  for (uint32_t i = 0; i < table.size(); i++) names.Set(i, table[i].name);
  exports.Set("kernels", names);
  const dnnl_version_t *version = dnnl_version();
  exports.Set("version", std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
                             std::to_string(version->patch));
  exports.Set("sleepsAfter", Napi::Function::New<sleeps_after>(env, "sleepsAfter"));
  exports.Set("bf16", processor_has(dnnl_cpu_isa_avx512_core_bf16));
  exports.Set("amx", chooses_for_amx());
  return exports;
}

}  // namespace
}  // namespace vgg

static Napi::Object initialise_module(Napi::Env env, Napi::Object exports) { return vgg::initialise(env, exports); }

NODE_API_MODULE(vgg_onednn, initialise_module)
