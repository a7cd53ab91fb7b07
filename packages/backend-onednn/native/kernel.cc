#include "kernel.h"

#include <chrono>
#include <utility>

namespace vgg {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::shared_ptr<Storage> wide_copy(Context &context, const Storage &storage) {
  auto copy = std::make_shared<Storage>(storage.type, storage.count);
  copy->buffer = context.pool.take(copy->bytes());
  widen_numbers(static_cast<const bf16 *>(storage.buffer.data()), static_cast<float *>(copy->buffer.data()),
                storage.count);
  return copy;
}

void hold_wide(Context &context, Storage &storage) {
  if (!storage.narrow) return;
  storage.buffer = std::move(wide_copy(context, storage)->buffer);
  storage.narrow = false;
}

void widen_numbers(const bf16 *from, float *to, int64_t count) {
#pragma omp parallel for simd schedule(static) if (count > 1 << 15)
  for (int64_t i = 0; i < count; i++) to[i] = widen(from[i]);
}

}  // namespace vgg
