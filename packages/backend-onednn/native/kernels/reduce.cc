// Reductions over any set of axes. Bits do not depend on the number of threads.
#include <algorithm>
#include <limits>

#include "kernels.h"

namespace vgg {
namespace {

// Merges adjacent axes that are all kept or all reduced.
struct ReducePlan {
  Dims dims;
  std::vector<bool> reduced;

  explicit ReducePlan(const Call &call, size_t first_attribute) {
    const Dims &shape = call.input(0).dims;
    int64_t results = 1;
    for (size_t i = 0; i < shape.size(); i++) {
      if (shape[i] == 1) continue;
      const bool reduce = call.integer(first_attribute + i) == 1;
      if (!reduce) results *= shape[i];
      if (!dims.empty() && reduced.back() == reduce) {
        dims.back() *= shape[i];
      } else {
        dims.push_back(shape[i]);
        reduced.push_back(reduce);
      }
    }
    require_count(call.output(), results);
  }
};

struct Sum {
  static constexpr double start = 0;
  static double apply(double a, double b) { return a + b; }
};
struct Max {
  static constexpr double start = -std::numeric_limits<double>::infinity();
  static double apply(double a, double b) { return b > a || b != b ? b : a; }
};
struct Min {
  static constexpr double start = std::numeric_limits<double>::infinity();
  static double apply(double a, double b) { return b < a || b != b ? b : a; }
};
struct Product {
  static constexpr double start = 1;
  static double apply(double a, double b) { return a * b; }
};

constexpr int kLanes = 16;
constexpr int64_t kBlock = 1024;
// Number of parts of rows whose sums are computed in parallel.
constexpr int kParts = 16;

// Reduces `length` adjacent numbers to one. Sums in float stay short: 64 terms in each of 16 lanes. Those are added in
// double.
template <typename Operation>
double reduce_row(const float *x, int64_t length) {
  double total = Operation::start;
  for (int64_t from = 0; from < length; from += kBlock) {
    const int64_t size = std::min(kBlock, length - from);
    if (size < kLanes) {
      for (int64_t i = 0; i < size; i++) total = Operation::apply(total, x[from + i]);
      continue;
    }
    float lanes[kLanes];
    std::copy_n(x + from, kLanes, lanes);
    int64_t i = kLanes;
    for (; i + kLanes <= size; i += kLanes) {
#pragma omp simd
      for (int lane = 0; lane < kLanes; lane++) {
        lanes[lane] = static_cast<float>(Operation::apply(lanes[lane], x[from + i + lane]));
      }
    }
    for (const float lane : lanes) total = Operation::apply(total, lane);
    for (; i < size; i++) total = Operation::apply(total, x[from + i]);
  }
  return total;
}

template <>
double reduce_row<Sum>(const float *x, int64_t length) {
  double total = 0;
  for (int64_t from = 0; from < length; from += kBlock) {
    const int64_t size = std::min(kBlock, length - from);
    float lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
#pragma omp simd
      for (int lane = 0; lane < kLanes; lane++) lanes[lane] += x[from + i + lane];
    }
    for (const float lane : lanes) total += lane;
    for (; i < size; i++) total += x[from + i];
  }
  return total;
}

// Adds rows [from, to) of `columns` numbers each into `totals`.
template <typename Operation>
void reduce_columns(const float *x, int64_t from, int64_t to, int64_t columns, double *totals) {
  for (int64_t row = from; row < to; row++) {
    const float *values = x + row * columns;
#pragma omp simd
    for (int64_t i = 0; i < columns; i++) totals[i] = Operation::apply(totals[i], values[i]);
  }
}

}  // namespace

// Input: x, float32. Attributes: a factor for the result, then 1 for each axis that is reduced.
template <typename Operation>
void reduce(Context &context, const Call &call) {
  const float *x = call.input(0).data<float>();
  const double factor = call.number(0);
  const ReducePlan plan(call, 1);
  float *y = context.allocate<float>(call.output());
  const int64_t count = call.input(0).count();
  const int64_t results = call.output().count();
  const bool parallel = count > 1 << 15;

  if (results == 1 || (plan.dims.size() == 2 && plan.reduced[1])) {
    const int64_t length = count / results;
    if (results == 1 && parallel) {
      constexpr int64_t kPart = 1 << 16;
      const int64_t parts = (length + kPart - 1) / kPart;
      std::vector<double> partial(static_cast<size_t>(parts));
#pragma omp parallel for schedule(static)
      for (int64_t part = 0; part < parts; part++) {
        partial[static_cast<size_t>(part)] =
            reduce_row<Operation>(x + part * kPart, std::min(kPart, length - part * kPart));
      }
      double total = Operation::start;
      for (const double value : partial) total = Operation::apply(total, value);
      y[0] = static_cast<float>(total * factor);
      return;
    }
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t row = 0; row < results; row++) {
      y[row] = static_cast<float>(reduce_row<Operation>(x + row * length, length) * factor);
    }
    return;
  }

  if (plan.dims.size() == 2 && plan.reduced[0]) {
    const int64_t rows = plan.dims[0], columns = plan.dims[1];
    const int parts = parallel && rows > 64 ? kParts : 1;
    std::vector<double> totals(static_cast<size_t>(parts * columns), Operation::start);
#pragma omp parallel for schedule(static) if (parts > 1)
    for (int part = 0; part < parts; part++) {
      reduce_columns<Operation>(x, rows * part / parts, rows * (part + 1) / parts, columns,
                                totals.data() + part * columns);
    }
    for (int64_t i = 0; i < columns; i++) {
      double total = totals[static_cast<size_t>(i)];
      for (int part = 1; part < parts; part++) {
        total = Operation::apply(total, totals[static_cast<size_t>(part * columns + i)]);
      }
      y[i] = static_cast<float>(total * factor);
    }
    return;
  }

  // Any other pattern: each result reads its own numbers one by one.
  const size_t rank = plan.dims.size();
  Dims strides(rank, 1);
  for (size_t i = rank - 1; i-- > 0;) strides[i] = strides[i + 1] * plan.dims[i + 1];
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t result = 0; result < results; result++) {
    int64_t rest = result, offset = 0;
    for (size_t i = rank; i-- > 0;) {
      if (plan.reduced[i]) continue;
      offset += rest % plan.dims[i] * strides[i];
      rest /= plan.dims[i];
    }
    double total = Operation::start;
    for (int64_t n = 0; n < count / results; n++) {
      int64_t at = offset, left = n;
      for (size_t i = rank; i-- > 0;) {
        if (!plan.reduced[i]) continue;
        at += left % plan.dims[i] * strides[i];
        left /= plan.dims[i];
      }
      total = Operation::apply(total, x[at]);
    }
    y[result] = static_cast<float>(total * factor);
  }
}

// Input: x [outer, length]. Output: the index of the first largest (attribute 1) or smallest (0) number of each row.
void arg_reduce(Context &context, const Call &call) {
  const float *x = call.input(0).data<float>();
  const bool largest = call.integer(0) == 1;
  const int64_t rows = call.output().count();
  const int64_t length = call.input(0).count() / rows;
  require_sizes(1, {length});
  require_count(call.input(0), rows * length);
  int32_t *y = context.allocate<int32_t>(call.output());
#pragma omp parallel for schedule(static) if (rows * length > 1 << 15)
  for (int64_t row = 0; row < rows; row++) {
    const float *values = x + row * length;
    int64_t best = 0;
    for (int64_t i = 1; i < length; i++) {
      if (largest ? values[i] > values[best] : values[i] < values[best]) best = i;
    }
    y[row] = static_cast<int32_t>(best);
  }
}

const std::vector<Kernel> &reduce_kernels() {
  static const std::vector<Kernel> table{
      {"Sum", reduce<Sum>},      {"Max", reduce<Max>},      {"Min", reduce<Min>},
      {"Prod", reduce<Product>}, {"ArgReduce", arg_reduce},
  };
  return table;
}

}  // namespace vgg
