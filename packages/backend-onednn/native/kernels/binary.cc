// Element-wise operations of two inputs with broadcasting.
#include <cmath>
#include <type_traits>

#include "broadcast.h"
#include "kernels.h"

namespace vgg {
namespace {

struct Add {
  template <typename T>
  static T apply(T a, T b) {
    return a + b;
  }
};
struct Sub {
  template <typename T>
  static T apply(T a, T b) {
    return a - b;
  }
};
struct Multiply {
  template <typename T>
  static T apply(T a, T b) {
    return a * b;
  }
};
struct RealDiv {
  template <typename T>
  static T apply(T a, T b) {
    return a / b;
  }
};
struct SquaredDifference {
  template <typename T>
  static T apply(T a, T b) {
    return (a - b) * (a - b);
  }
};
// Same as Math.max and Math.min of JavaScript: NaN if either number is NaN.
struct Maximum {
  template <typename T>
  static T apply(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Minimum {
  template <typename T>
  static T apply(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
struct Power {
  template <typename T>
  static T apply(T a, T b) {
    return std::pow(a, b);
  }
};
struct Equal {
  template <typename T>
  static uint8_t apply(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <typename T>
  static uint8_t apply(T a, T b) {
    return a != b;
  }
};
struct Greater {
  template <typename T>
  static uint8_t apply(T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <typename T>
  static uint8_t apply(T a, T b) {
    return a >= b;
  }
};
struct Less {
  template <typename T>
  static uint8_t apply(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <typename T>
  static uint8_t apply(T a, T b) {
    return a <= b;
  }
};

}  // namespace

// Inputs: a and b of one type.
template <typename Operation>
void arithmetic(Context &context, const Call &call) {
  float *target = context.allocate<float>(call.output());
  broadcast<float, float>(call, target, [](float a, float b) { return Operation::apply(a, b); });
}

template <typename Operation>
void comparison(Context &context, const Call &call) {
  require_type(call.input(1), call.input(0).type());
  uint8_t *target = context.allocate<uint8_t>(call.output());
  const auto apply = [](auto a, auto b) { return Operation::apply(a, b); };
  switch (call.input(0).type()) {
    case Type::f32: return broadcast<float, uint8_t>(call, target, apply);
    case Type::i32: return broadcast<int32_t, uint8_t>(call, target, apply);
    default: return broadcast<uint8_t, uint8_t>(call, target, apply);
  }
}

const std::vector<Kernel> &binary_kernels() {
  static const std::vector<Kernel> table{
      {"Add", arithmetic<Add>},
      {"Sub", arithmetic<Sub>},
      {"Multiply", arithmetic<Multiply>},
      {"RealDiv", arithmetic<RealDiv>},
      {"SquaredDifference", arithmetic<SquaredDifference>},
      {"Maximum", arithmetic<Maximum>},
      {"Minimum", arithmetic<Minimum>},
      {"Pow", arithmetic<Power>},
      {"Equal", comparison<Equal>, 0, true},
      {"NotEqual", comparison<NotEqual>, 0, true},
      {"Greater", comparison<Greater>, 0, true},
      {"GreaterEqual", comparison<GreaterEqual>, 0, true},
      {"Less", comparison<Less>, 0, true},
      {"LessEqual", comparison<LessEqual>, 0, true},
  };
  return table;
}

}  // namespace vgg
