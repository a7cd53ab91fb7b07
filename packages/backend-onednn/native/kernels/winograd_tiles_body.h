// The transforms of Winograd's F(4 x 4, 3 x 3) (Lavin and Gray, arXiv:1509.09308): an output y of 4 x 4 pixels is
// A' [(G g G') * (B' d B)] A for a filter g of 3 x 3 and an input d of 6 x 6.
//
// The matrices are Toom and Cook's for the points 0, +-kP, +-kQ and infinity. With 5/8 and 3/2 the rounding error
// is 2.8 times that of a direct sum (256 channels), with the usual 1 and 2 six times (decision 0099).
//
// Include this once per instruction set, in an unnamed namespace of vgg::winograd, so that every function is compiled
// for that set. Before it, the includer must include <algorithm>, <array>, <limits>, <utility> and winograd_tiles.h,
// and define these int constants:
//   kRegister  numbers of 32 bits in a register of the processor
//   kRows      tiles that are multiplied at once, by kWidth registers of filters
//   kWidth     registers of filters (or of channels of dy) that are multiplied at once
//   kChannels  channels of x that are multiplied at once, by kWidth registers of channels of dy
// kRows x kWidth and kChannels x kWidth sums must fit in the registers. kLanes must be a multiple of kRegister and of
// kChannels.
//
// After it, include winograd_floats_body.h or winograd_halves_body.h, then winograd_products_body.h and
// winograd_table_body.h.

// The numbers of sixteen adjacent channels, and their bits.
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using Words = uint32_t __attribute__((vector_size(kLanes * sizeof(uint32_t))));
using Halves = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));

// The numbers in a register of the processor.
using Register = float __attribute__((vector_size(kRegister * sizeof(float))));

constexpr float kP = 0.625f, kQ = 1.5f;
constexpr float kP2 = kP * kP, kQ2 = kQ * kQ;
// Factors of the filter transform's rows: one over the product of a point's distances from the other points.
constexpr float kAtZero = 1 / (kP2 * kQ2), kAtP = 1 / (2 * kP2 * (kP2 - kQ2)), kAtQ = 1 / (2 * kQ2 * (kQ2 - kP2));

inline Lanes load(const float *from) {
  Lanes result;
  __builtin_memcpy(&result, from, sizeof result);
  return result;
}

inline Lanes load(const bf16 *from) {
  Halves halves;
  __builtin_memcpy(&halves, from, sizeof halves);
  return reinterpret_cast<Lanes>(__builtin_convertvector(halves, Words) << 16);
}

inline void store(const Lanes &lanes, float *to) { __builtin_memcpy(to, &lanes, sizeof lanes); }

// Rounds to the nearest, ties to even; NaN stays NaN (bf16.h).
inline void store(const Lanes &lanes, bf16 *to) {
  const Words bits = reinterpret_cast<Words>(lanes), high = bits >> 16;
  const Words nan = reinterpret_cast<Words>(lanes != lanes);
  const Words rounded = (bits + 0x7fff + (high & 1)) >> 16;
  const Halves halves = __builtin_convertvector((rounded & ~nan) | ((high | 0x40) & nan), Halves);
  __builtin_memcpy(to, &halves, sizeof halves);
}

// B' d: six input pixels of a line.
struct InputTransform {
  static constexpr int kFrom = kInput, kTo = kInput;
  static void apply(const Lanes *d, Lanes *to) {
    const Lanes d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4], d5 = d[5];
    const Lanes even_p = d4 - kQ2 * d2, odd_p = kP * (d3 - kQ2 * d1);
    const Lanes even_q = d4 - kP2 * d2, odd_q = kQ * (d3 - kP2 * d1);
    to[0] = kP2 * kQ2 * d0 - (kP2 + kQ2) * d2 + d4;
    to[1] = even_p + odd_p;
    to[2] = even_p - odd_p;
    to[3] = even_q + odd_q;
    to[4] = even_q - odd_q;
    to[5] = kP2 * kQ2 * d1 - (kP2 + kQ2) * d3 + d5;
  }
};

// A' m: four output pixels.
struct OutputTransform {
  static constexpr int kFrom = kInput, kTo = kOutput;
  static void apply(const Lanes *m, Lanes *to) {
    const Lanes m1 = m[1], m2 = m[2], m3 = m[3], m4 = m[4];
    const Lanes even_p = m1 + m2, odd_p = m1 - m2, even_q = m3 + m4, odd_q = m3 - m4;
    to[0] = m[0] + even_p + even_q;
    to[1] = kP * odd_p + kQ * odd_q;
    to[2] = kP2 * even_p + kQ2 * even_q;
    to[3] = kP2 * kP * odd_p + kQ2 * kQ * odd_q + m[5];
  }
};

// A dy: the gradient of four output pixels, for the filter's gradient.
struct GradientTransform {
  static constexpr int kFrom = kOutput, kTo = kInput;
  static void apply(const Lanes *d, Lanes *to) {
    const Lanes d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
    const Lanes even_p = d0 + kP2 * d2, odd_p = kP * (d1 + kP2 * d3);
    const Lanes even_q = d0 + kQ2 * d2, odd_q = kQ * (d1 + kQ2 * d3);
    to[0] = d0;
    to[1] = even_p + odd_p;
    to[2] = even_p - odd_p;
    to[3] = even_q + odd_q;
    to[4] = even_q - odd_q;
    to[5] = d3;
  }
};

// G g: three numbers of the filter.
struct FilterTransform {
  static constexpr int kFrom = kFilter, kTo = kInput;
  static void apply(const Lanes *g, Lanes *to) {
    const Lanes g0 = g[0], g1 = g[1], g2 = g[2];
    const Lanes even_p = kAtP * (g0 + kP2 * g2), odd_p = kAtP * kP * g1;
    const Lanes even_q = kAtQ * (g0 + kQ2 * g2), odd_q = kAtQ * kQ * g1;
    to[0] = kAtZero * g0;
    to[1] = even_p + odd_p;
    to[2] = even_p - odd_p;
    to[3] = even_q + odd_q;
    to[4] = even_q - odd_q;
    to[5] = g2;
  }
};

// G' r: back to the gradient of three numbers of the filter.
struct FilterGradientTransform {
  static constexpr int kFrom = kInput, kTo = kFilter;
  static void apply(const Lanes *r, Lanes *to) {
    const Lanes r1 = r[1], r2 = r[2], r3 = r[3], r4 = r[4];
    const Lanes even_p = kAtP * (r1 + r2), odd_p = kAtP * kP * (r1 - r2);
    const Lanes even_q = kAtQ * (r3 + r4), odd_q = kAtQ * kQ * (r3 - r4);
    to[0] = kAtZero * r[0] + even_p + even_q;
    to[1] = odd_p + odd_q;
    to[2] = kP2 * even_p + kQ2 * even_q + r[5];
  }
};

// Transforms the columns, then the rows. `from(row, column)` returns the kFrom x kFrom inputs, `to(row, column, value)`
// receives the kTo x kTo results.
template <typename Transform, typename From, typename To>
inline void transform_tile(From from, To to) {
  Lanes half[Transform::kTo][Transform::kFrom];
#pragma GCC unroll 6
  for (int column = 0; column < Transform::kFrom; column++) {
    Lanes inputs[Transform::kFrom], result[Transform::kTo];
#pragma GCC unroll 6
    for (int row = 0; row < Transform::kFrom; row++) inputs[row] = from(row, column);
    Transform::apply(inputs, result);
#pragma GCC unroll 6
    for (int row = 0; row < Transform::kTo; row++) half[row][column] = result[row];
  }
#pragma GCC unroll 6
  for (int row = 0; row < Transform::kTo; row++) {
    Lanes result[Transform::kTo];
    Transform::apply(half[row], result);
#pragma GCC unroll 6
    for (int column = 0; column < Transform::kTo; column++) to(row, column, result[column]);
  }
}

// Pointers to the pixels of a square whose first pixel is (y, x). Pixels outside the image are `zeros`, [channels].
template <int size, typename T>
struct Square {
  Square(const T *pixels_of_image, int64_t height, int64_t width, int64_t channels, int64_t y, int64_t x,
         const float *zeros) {
    const T *outside = reinterpret_cast<const T *>(zeros);
    for (int i = 0; i < size; i++) {
      const bool line = y + i >= 0 && y + i < height;
      for (int j = 0; j < size; j++) {
        const bool inside = line && x + j >= 0 && x + j < width;
        pixels[i][j] = inside ? pixels_of_image + ((y + i) * width + x + j) * channels : outside;
      }
    }
  }

  // All outside.
  explicit Square(const float *zeros) {
    for (auto &line : pixels) std::fill_n(line, size, reinterpret_cast<const T *>(zeros));
  }

  const T *pixels[size][size];
};

// Returns the pixels that a tile of x [n,h,w,channels] reads.
template <typename T>
Square<kInput, T> input_square(const Tiling &tiling, const T *x, int64_t channels, int64_t tile, const float *zeros) {
  const auto [image, y, left] = tiling.place(tile);
  const T *pixels_of_image = x + image * tiling.height * tiling.width * channels;
  return {pixels_of_image, tiling.height, tiling.width, channels, y - tiling.top, left - tiling.left, zeros};
}

// Returns the pixels of a tile of dy [n,oh,ow,channels].
template <typename T>
Square<kOutput, T> gradient_square(const Tiling &tiling, const T *dy, int64_t channels, int64_t tile,
                                   const float *zeros) {
  const auto [image, y, left] = tiling.place(tile);
  const T *pixels_of_image = dy + image * tiling.out_height * tiling.out_width * channels;
  return {pixels_of_image, tiling.out_height, tiling.out_width, channels, y, left, zeros};
}

// Taps of sixteen filters for sixteen channels, rotated by 180 degrees and transposed.
using Taps = float[kFilter * kFilter][kLanes][kLanes];

template <typename T>
void transpose_taps(const T *from, int64_t in, int64_t out, Taps &taps) {
  for (int i = 0; i < kFilter * kFilter; i++) {
    const T *tap = from + (kFilter * kFilter - 1 - i) * out * in;
    for (int k = 0; k < kLanes; k++) {
      for (int r = 0; r < kLanes; r++) taps[i][r][k] = widen(tap[k * in + r]);
    }
  }
}

// Prefetches the channels from `c` on, once per cache line.
template <int size, typename T>
inline void prefetch(const Square<size, T> &square, int64_t c) {
  if (c * static_cast<int64_t>(sizeof(T)) % 64 != 0) return;
  for (const auto &line : square.pixels) {
    for (const T *pixel : line) __builtin_prefetch(pixel + c);
  }
}

// Transforms products to outputs: kSide x kSide pixels of y per tile.
template <bool pools, typename T>
void transform_output(const Tiling &tiling, const float *products, const FilterPart &filters, int64_t channels,
                      Block block, const Finish &finish, T *y) {
  constexpr int kPool = pools ? 2 : 1, kSide = kOutput / kPool;
  const int64_t step = odd_lines(block.size * filters.columns);
  const int64_t height = tiling.out_height / kPool, width = tiling.out_width / kPool;
  const Lanes lowest = Lanes{} - std::numeric_limits<float>::infinity();
  for (int64_t tile = 0; tile < block.size; tile++) {
    const auto [image, top, left] = tiling.place(block.first + tile);
    T *out = y + ((image * height + top / kPool) * width + left / kPool) * channels + filters.first;
    const int64_t rows = std::min<int64_t>(kSide, height - top / kPool);
    const int64_t columns = std::min<int64_t>(kSide, width - left / kPool);
    for (int64_t c = 0; c < filters.columns; c += kLanes) {
      const float *from = products + tile * filters.columns + c;
      const Lanes added = finish.bias == nullptr ? Lanes{} : load(finish.bias + filters.first + c);
      // Largest number of each window so far. NaN is never the largest (max_pool.cc).
      Lanes largest[kSide];
      transform_tile<OutputTransform>([=](int i, int j) { return load(from + (i * kInput + j) * step); },
                                      [&](int i, int j, Lanes value) {
                                        const int row = i / kPool, column = j / kPool;
                                        if (row >= rows || column >= columns) return;
                                        value += added;
                                        // NaN stays NaN.
                                        if (finish.relu) value = value < 0 ? Lanes{} : value;
                                        T *place = out + (row * width + column) * channels + c;
                                        if (!pools) return store(value, place);
                                        const bool first = i % kPool == 0 && j % kPool == 0;
                                        const Lanes best = first ? lowest : largest[column];
                                        largest[column] = value > best ? value : best;
                                        if (i % kPool == 1 && j % kPool == 1) store(largest[column], place);
                                      });
    }
  }
}

void transform_filter_gradient(const float *products, int64_t in, int64_t out, Range part, float *dw) {
  for (int64_t row = part.first; row < part.last; row++) {
    for (int64_t c = 0; c < out; c += kLanes) {
      const float *from = products + row * out + c;
      float *to = dw + row * out + c;
      transform_tile<FilterGradientTransform>(
          [=](int i, int j) { return load(from + (i * kInput + j) * in * out); },
          [=](int i, int j, const Lanes &value) { store(value, to + (i * kFilter + j) * in * out); });
    }
  }
}
