// Batch normalisation with one mean, variance, scale and offset per channel: FusedBatchNorm with or without ReLU, the
// moments of a batch, and the gradient through both (Ioffe & Szegedy 2015, section 3). x is [..., channels].
// Activations are held in the type of x.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"

namespace vgg {
namespace {

constexpr int64_t kParallel = 1 << 15;
// Number of rows that are summed in float before the sum is added to a double.
constexpr int64_t kRows = 64;

using Vector = std::vector<float>;

// Returns scale / sqrt(variance + epsilon) of every channel.
Vector factors(const float *variance, const float *scale, double epsilon, int64_t channels) {
  Vector factor(static_cast<size_t>(channels));
  for (int64_t c = 0; c < channels; c++) {
    factor[static_cast<size_t>(c)] =
        static_cast<float>((scale == nullptr ? 1.0 : scale[c]) / std::sqrt(variance[c] + epsilon));
  }
  return factor;
}

// Returns the number of parts of rows that are summed in parallel. It does not depend on the number of threads, so
// neither do the bits.
int parts_of(int64_t count, int64_t rows) { return count > kParallel && rows >= 2 * kRows ? 16 : 1; }

// Mean and sum of squared differences from it, joined from disjoint sets of rows (Chan, Golub & LeVeque 1983).
struct Moments {
  explicit Moments(int64_t channels) : mean(static_cast<size_t>(channels)), squares(static_cast<size_t>(channels)) {}

  void join(double rows, const double *other_mean, const double *other_squares) {
    const double total = count + rows, share = rows / total, weight = count * share;
    for (size_t c = 0; c < mean.size(); c++) {
      const double difference = other_mean[c] - mean[c];
      mean[c] += difference * share;
      squares[c] += other_squares[c] + difference * difference * weight;
    }
    count = total;
  }

  double count = 0;
  std::vector<double> mean, squares;
};

template <typename T>
void add_moments(const T *x, int64_t from, int64_t to, int64_t channels, Moments &moments) {
  Vector sum(static_cast<size_t>(channels)), rest(static_cast<size_t>(channels)),
      squares(static_cast<size_t>(channels));
  std::vector<double> mean_of(static_cast<size_t>(channels)), squares_of(static_cast<size_t>(channels));
  for (int64_t start = from; start < to; start += kRows) {
    const int64_t end = std::min(to, start + kRows);
    const auto rows = static_cast<float>(end - start);
    std::fill(sum.begin(), sum.end(), 0.0f);
    std::fill(rest.begin(), rest.end(), 0.0f);
    std::fill(squares.begin(), squares.end(), 0.0f);
    float *__restrict s = sum.data();
    float *__restrict r = rest.data();
    float *__restrict q = squares.data();
    for (int64_t row = start; row < end; row++) {
      const T *__restrict values = x + row * channels;
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) s[c] += widen(values[c]);
    }
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) s[c] /= rows;
    // The rows are in the first-level cache now. The sum of their differences from the mean, 0 but for rounding,
    // corrects the mean.
    for (int64_t row = start; row < end; row++) {
      const T *__restrict values = x + row * channels;
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) {
        const float difference = widen(values[c]) - s[c];
        r[c] += difference;
        q[c] += difference * difference;
      }
    }
    for (size_t c = 0; c < sum.size(); c++) {
      const double correction = static_cast<double>(r[c]) / rows;
      mean_of[c] = s[c] + correction;
      squares_of[c] = q[c] - correction * r[c];
    }
    moments.join(rows, mean_of.data(), squares_of.data());
  }
}

// Numbers per channel that the gradient reads.
struct Channels {
  const float *mean, *factor, *shift, *inverse;
};

// Returns dy, or 0 where the ReLU after the normalisation gave 0.
template <bool relu, typename T, typename Gradient>
inline float gradient_at(const Channels &per_channel, T x, Gradient dy, int64_t c) {
  if constexpr (!relu) return widen(dy);
  return kept_if((widen(x) - per_channel.mean[c]) * per_channel.factor[c] + per_channel.shift[c] > 0, widen(dy));
}

// Adds the sums over rows [from, to) of dy and of dy times the normalised x.
template <bool relu, typename T, typename Gradient>
void add_sums(const T *x, const Gradient *dy, int64_t from, int64_t to, int64_t channels, const Channels &per_channel,
              double *totals) {
  Vector first(static_cast<size_t>(channels)), second(static_cast<size_t>(channels));
  for (int64_t start = from; start < to; start += kRows) {
    std::fill(first.begin(), first.end(), 0.0f);
    std::fill(second.begin(), second.end(), 0.0f);
    float *__restrict a = first.data();
    float *__restrict b = second.data();
    for (int64_t row = start; row < std::min(to, start + kRows); row++) {
      const T *__restrict values = x + row * channels;
      const Gradient *__restrict gradient = dy + row * channels;
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) {
        const float g = gradient_at<relu>(per_channel, values[c], gradient[c], c);
        a[c] += g;
        b[c] += g * (widen(values[c]) - per_channel.mean[c]);
      }
    }
    for (int64_t c = 0; c < channels; c++) {
      totals[c] += a[c];
      totals[channels + c] += static_cast<double>(b[c]) * per_channel.inverse[c];
    }
  }
}

template <bool relu, typename T, typename Gradient>
void channel_norm_gradient(Context &context, const Call &call, const T *x, const Gradient *dy) {
  const int64_t channels = call.input(0).dims.back(), count = call.input(0).count(), rows = count / channels;
  const auto size = static_cast<size_t>(channels);
  for (size_t i = 2; i < 6; i++) require_count(call.input(i), channels);
  for (size_t i = 1; i < 3; i++) require_count(call.output(i), channels);
  require_count(call.input(1), count);
  require_count(call.output(), count);
  const float *mean = call.input(2).data<float>();
  const float *variance = call.input(3).data<float>();
  const Vector factor = factors(variance, call.input(4).data<float>(), call.number(0), channels);
  const Vector inverse = factors(variance, nullptr, call.number(0), channels);
  const Channels per_channel{mean, factor.data(), call.input(5).data<float>(), inverse.data()};

  const int parts = parts_of(count, rows);
  std::vector<double> sums(static_cast<size_t>(parts) * 2 * size);
#pragma omp parallel for schedule(static) if (parts > 1)
  for (int part = 0; part < parts; part++) {
    add_sums<relu>(x, dy, rows * part / parts, rows * (part + 1) / parts, channels, per_channel,
                   sums.data() + static_cast<size_t>(part) * 2 * size);
  }
  for (int part = 1; part < parts; part++) {
    for (size_t i = 0; i < 2 * size; i++) sums[i] += sums[static_cast<size_t>(part) * 2 * size + i];
  }
  float *d_scale = context.allocate<float>(call.output(1));
  float *d_offset = context.allocate<float>(call.output(2));
  const bool of_batch = call.integer(2) == 1;
  // dx = factor · (dy - mean of dy - normalised x · mean of dy · normalised x), as a · dy + b · x + c.
  Vector slope(size), constant(size);
  for (size_t c = 0; c < size; c++) {
    d_offset[c] = static_cast<float>(sums[c]);
    d_scale[c] = static_cast<float>(sums[size + c]);
    const double share = of_batch ? -static_cast<double>(factor[c]) / static_cast<double>(rows) : 0;
    slope[c] = static_cast<float>(share * sums[size + c] * inverse[c]);
    constant[c] = static_cast<float>(share * sums[c]);
  }
  T *dx = context.allocate<T>(call.output(0));
  const float *__restrict b = slope.data();
  const float *__restrict d = constant.data();
#pragma omp parallel for schedule(static) if (count > kParallel)
  for (int64_t row = 0; row < rows; row++) {
    const T *__restrict values = x + row * channels;
    const Gradient *__restrict gradient = dy + row * channels;
    T *__restrict result = dx + row * channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) {
      const float g = gradient_at<relu>(per_channel, values[c], gradient[c], c);
      narrow_to(g * per_channel.factor[c] + ((widen(values[c]) - per_channel.mean[c]) * b[c] + d[c]), result[c]);
    }
  }
}

}  // namespace

// Inputs: x, mean, variance, offset, scale. Attributes: epsilon, has offset, has scale, 1 for ReLU.
void fused_batch_norm(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  require(!x.dims.empty(), "a number has no channels");
  const int64_t channels = x.dims.back(), rows = x.count() / channels;
  for (size_t i = 1; i < call.inputs.size(); i++) require_count(call.input(i), channels);
  require_count(call.output(), x.count());
  const bool has_offset = call.integer(1) == 1, has_scale = call.integer(2) == 1, relu = call.integer(3) == 1;
  const float *mean = call.input(1).data<float>();
  const float *scale = has_scale ? call.input(has_offset ? 4 : 3).data<float>() : nullptr;
  const Vector factors_of = factors(call.input(2).data<float>(), scale, call.number(0), channels);
  const Vector zeros(has_offset ? 0 : static_cast<size_t>(channels));
  const float *factor = factors_of.data();
  const float *shift = has_offset ? call.input(3).data<float>() : zeros.data();
  with_numbers(x, [&](const auto *in) {
    using T = std::decay_t<decltype(*in)>;
    T *out = context.allocate<T>(call.output());
#pragma omp parallel for schedule(static) if (x.count() > kParallel)
    for (int64_t row = 0; row < rows; row++) {
      const T *__restrict values = in + row * channels;
      T *__restrict result = out + row * channels;
      if (relu) {
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
          const float z = (widen(values[c]) - mean[c]) * factor[c] + shift[c];
          narrow_to(kept_if(!(z < 0), z), result[c]);
        }
      } else {
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
          narrow_to((widen(values[c]) - mean[c]) * factor[c] + shift[c], result[c]);
        }
      }
    }
  });
}

// Input: x. Outputs: mean and biased variance [channels], in one pass over memory.
void channel_moments(Context &context, const Call &call) {
  const Tensor &x = call.input(0);
  require(!x.dims.empty(), "a number has no channels");
  const int64_t channels = x.dims.back(), rows = x.count() / channels;
  for (size_t i = 0; i < 2; i++) require_count(call.output(i), channels);
  const int parts = parts_of(x.count(), rows);
  std::vector<Moments> moments(static_cast<size_t>(parts), Moments(channels));
  with_numbers(x, [&](const auto *values) {
#pragma omp parallel for schedule(static) if (parts > 1)
    for (int part = 0; part < parts; part++) {
      add_moments(values, rows * part / parts, rows * (part + 1) / parts, channels, moments[static_cast<size_t>(part)]);
    }
  });
  Moments &all = moments[0];
  for (size_t part = 1; part < moments.size(); part++) {
    const Moments &other = moments[part];
    all.join(other.count, other.mean.data(), other.squares.data());
  }
  float *mean = context.allocate<float>(call.output(0));
  float *variance = context.allocate<float>(call.output(1));
  for (size_t c = 0; c < all.mean.size(); c++) {
    mean[c] = static_cast<float>(all.mean[c]);
    variance[c] = static_cast<float>(all.squares[c] / all.count);
  }
}

// Inputs: x, dy, mean, variance, scale, offset. Outputs: gradients of x, scale and offset. Attributes: epsilon, 1 if a
// ReLU follows, 1 if mean and variance were computed from x, so that the gradient passes through them.
void channel_norm_grad(Context &context, const Call &call) {
  require(!call.input(0).dims.empty(), "a number has no channels");
  with_numbers(call.input(0), [&](const auto *x) {
    with_numbers(call.input(1), [&](const auto *dy) {
      if (call.integer(1) == 1) return channel_norm_gradient<true>(context, call, x, dy);
      channel_norm_gradient<false>(context, call, x, dy);
    });
  });
}

}  // namespace vgg
