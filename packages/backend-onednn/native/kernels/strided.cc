// Kernels that move numbers without changing them: transpose, slice, reverse, tile, pad and concatenation are strided
// reads or writes.
#include <algorithm>
#include <cstring>

#include "kernels.h"

namespace vgg {
namespace {

// Iterates over all of `dims` but the last, with strides for the source and the target. Calls row(source, target) with
// the offsets of each row.
template <typename Row>
void walk(const Dims &dims, const Dims &from, const Dims &to, Row row) {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < dims.size(); i++) rows *= dims[i];
#pragma omp parallel for schedule(static) if (rows * dims.back() > 1 << 15)
  for (int64_t n = 0; n < rows; n++) {
    int64_t rest = n, source = 0, target = 0;
    for (size_t i = dims.size() - 1; i-- > 0;) {
      const int64_t at = rest % dims[i];
      rest /= dims[i];
      source += at * from[i];
      target += at * to[i];
    }
    row(source, target);
  }
}

template <typename T>
void copy_strided(const Dims &dims, const T *source, const Dims &from, T *target, const Dims &to) {
  const int64_t length = dims.back(), source_step = from.back(), target_step = to.back();
  walk(dims, from, to, [=](int64_t s, int64_t t) {
    const T *in = source + s;
    T *out = target + t;
    if (source_step == 1 && target_step == 1) {
      std::memcpy(out, in, sizeof(T) * static_cast<size_t>(length));
    } else {
      for (int64_t i = 0; i < length; i++) out[i * target_step] = in[i * source_step];
    }
  });
}

void copy_elements(const Tensor &x, const Tensor &y, const Dims &dims, int64_t source, const Dims &from, int64_t target,
                   const Dims &to) {
  require_type(y, x.type());
  require_inside(dims, source, from, x.count());
  require_inside(dims, target, to, y.count());
  if (size_of(x.type()) == 1) {
    copy_strided(dims, x.data<uint8_t>() + source, from, y.data<uint8_t>() + target, to);
  } else {
    copy_strided(dims, x.data<uint32_t>() + source, from, y.data<uint32_t>() + target, to);
  }
}

Dims row_major(const Dims &dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * dims[i + 1];
  return strides;
}

Dims attributes(const Call &call, size_t from, size_t count) {
  Dims result;
  for (size_t i = 0; i < count; i++) result.push_back(call.integer(from + i));
  return result;
}

}  // namespace

// y[i, j, ...] = x[offset + i * s0 + j * s1 + ...]. Attributes: offset, then all dims of y, then all strides.
void strided_copy(Context &context, const Call &call) {
  require(call.attributes.size() >= 3 && call.attributes.size() % 2 == 1, "the copy has no sizes");
  const size_t rank = (call.attributes.size() - 1) / 2;
  const Dims dims = attributes(call, 1, rank), from = attributes(call, 1 + rank, rank);
  require_count(call.output(), count_of(dims));
  context.allocate<void>(call.output());
  copy_elements(call.input(0), call.output(), dims, call.integer(0), from, 0, row_major(dims));
}

// Copies the inputs one after the other into y [outer, sum of lengths]. Attribute: outer.
void concat(Context &context, const Call &call) {
  const int64_t outer = call.integer(0);
  int64_t total = 0;
  for (const Tensor &x : call.inputs) {
    require(outer > 0 && x.count() % outer == 0, "the parts do not fit together");
    total += x.count();
  }
  require_count(call.output(), total);
  context.allocate<void>(call.output());
  const int64_t length = total / outer;
  int64_t at = 0;
  for (const Tensor &x : call.inputs) {
    const int64_t part = x.count() / outer;
    copy_elements(x, call.output(), {outer, part}, 0, {part, 1}, at, {length, 1});
    at += part;
  }
}

// Copies x into y and fills the rest of y with a constant. Attributes: the constant, the offset of x's first element in
// y.
void pad_v2(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const Tensor &y = call.output();
  require(!x.dims.empty(), "a number cannot be padded");
  require_rank(y, x.dims.size());
  fill(context, call);
  copy_elements(x, y, x.dims, 0, row_major(x.dims), call.integer(1), row_major(y.dims));
}

// Attribute: the number that fills y.
void fill(Context &context, const Call &call) {
  const Tensor &y = call.output();
  context.allocate<void>(y);
  const double constant = call.number(0);
  const int64_t count = y.count();
  switch (y.type()) {
    case Type::f32: std::fill_n(y.data<float>(), count, static_cast<float>(constant)); break;
    case Type::i32: std::fill_n(y.data<int32_t>(), count, static_cast<int32_t>(constant)); break;
    default: std::fill_n(y.data<uint8_t>(), count, static_cast<uint8_t>(constant)); break;
  }
}

}  // namespace vgg
