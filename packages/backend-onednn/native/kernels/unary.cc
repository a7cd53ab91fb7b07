// Element-wise operations of one input.
#include <algorithm>
#include <cmath>

#include "kernels.h"

namespace vgg {
namespace {

constexpr int64_t kParallel = 1 << 15;

// Comparisons are written so that NaN stays NaN where TF.js keeps it.
struct Relu6 {
  static float apply(float x, const double *) { return x < 0 ? 0.0f : (x > 6 ? 6.0f : x); }
};
struct LeakyRelu {
  static float apply(float x, const double *p) { return x < 0 ? static_cast<float>(p[0]) * x : x; }
};
struct Step {
  static float apply(float x, const double *p) { return x > 0 ? 1.0f : (x == x ? static_cast<float>(p[0]) : x); }
};
struct ClipByValue {
  static float apply(float x, const double *p) {
    const float low = static_cast<float>(p[0]), high = static_cast<float>(p[1]);
    return x < low ? low : (x > high ? high : x);
  }
};
struct Neg {
  static float apply(float x, const double *) { return -x; }
};
struct Abs {
  static float apply(float x, const double *) { return std::fabs(x); }
};
struct Square {
  static float apply(float x, const double *) { return x * x; }
};
struct Sqrt {
  static float apply(float x, const double *) { return std::sqrt(x); }
};
struct Rsqrt {
  static float apply(float x, const double *) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x))); }
};
struct Reciprocal {
  static float apply(float x, const double *) { return 1.0f / x; }
};
struct Exp {
  static float apply(float x, const double *) { return std::exp(x); }
};
struct Log {
  static float apply(float x, const double *) { return std::log(x); }
};
struct Sigmoid {
  static float apply(float x, const double *) { return 1.0f / (1.0f + std::exp(-x)); }
};
struct Tanh {
  static float apply(float x, const double *) { return std::tanh(x); }
};
struct Floor {
  static float apply(float x, const double *) { return std::floor(x); }
};
struct Ceil {
  static float apply(float x, const double *) { return std::ceil(x); }
};

}  // namespace

// Input: x, float32. Attributes: the operation's own numbers.
template <typename Operation>
void unary(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  const float *source = x.data<float>();
  const int64_t count = x.count();
  require_count(call.output(), count);
  const double parameters[2] = {call.attributes.empty() ? 0 : call.number(0),
                                call.attributes.size() > 1 ? call.number(1) : 0};
  float *target = context.allocate<float>(call.output());
#pragma omp parallel for simd schedule(static) if (count > kParallel)
  for (int64_t i = 0; i < count; i++) target[i] = Operation::apply(source[i], parameters);
}

// Separate functions, because compilers do not vectorise loops over variables that a lambda captures by reference.
template <typename T>
void rectify(const T *__restrict x, T *__restrict y, int64_t count) {
#pragma omp parallel for simd schedule(static) if (count > kParallel)
  for (int64_t i = 0; i < count; i++) narrow_to(kept_if(!(widen(x[i]) < 0), widen(x[i])), y[i]);
}

template <typename T, typename Output>
void mask(const T *__restrict dy, const Output *__restrict y, T *__restrict dx, int64_t count) {
#pragma omp parallel for simd schedule(static) if (count > kParallel)
  for (int64_t i = 0; i < count; i++) narrow_to(kept_if(widen(y[i]) > 0, widen(dy[i])), dx[i]);
}

// Input: x. Output: max(x, 0), NaN kept, held in the type of x.
void relu(Context &context, const Call &call) {
  require_count(call.output(), call.input(0).count());
  with_numbers(call.input(0), [&](const auto *x) {
    rectify(x, context.allocate<std::decay_t<decltype(*x)>>(call.output()), call.input(0).count());
  });
}

// Inputs: dy and the ReLU's output y. Output: dy where y is positive, else 0, held in the type of dy.
void relu_grad(Context &context, const Call &call) {
  require_count(call.input(1), call.input(0).count());
  require_count(call.output(), call.input(0).count());
  with_numbers(call.input(0), [&](const auto *dy) {
    auto *dx = context.allocate<std::decay_t<decltype(*dy)>>(call.output());
    with_numbers(call.input(1), [&](const auto *y) { mask(dy, y, dx, call.input(0).count()); });
  });
}

const std::vector<Kernel> &unary_kernels() {
  static const std::vector<Kernel> table{
      {"Relu", relu, 1},
      {"Relu6", unary<Relu6>},
      {"LeakyRelu", unary<LeakyRelu>},
      {"Step", unary<Step>},
      {"ClipByValue", unary<ClipByValue>},
      {"Neg", unary<Neg>},
      {"Abs", unary<Abs>},
      {"Square", unary<Square>},
      {"Sqrt", unary<Sqrt>},
      {"Rsqrt", unary<Rsqrt>},
      {"Reciprocal", unary<Reciprocal>},
      {"Exp", unary<Exp>},
      {"Log", unary<Log>},
      {"Sigmoid", unary<Sigmoid>},
      {"Tanh", unary<Tanh>},
      {"Floor", unary<Floor>},
      {"Ceil", unary<Ceil>},
  };
  return table;
}

}  // namespace vgg
