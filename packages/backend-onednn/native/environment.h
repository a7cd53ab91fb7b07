// The class of the engine's objects in JavaScript, one for each environment. src/native.ts holds its type.
#pragma once

#include <napi.h>

namespace vgg {

Napi::Function define_environment(Napi::Env env);

}  // namespace vgg
