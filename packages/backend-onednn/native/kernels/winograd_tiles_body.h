// The transforms of Winograd's F(4 x 4, 3 x 3) (Lavin and Gray, arXiv:1509.09308): an output y of 4 x 4 pixels is
// A' [(G g G') * (B' d B)] A for a filter g of 3 x 3 and an input d of 6 x 6.
//
// The matrices are Toom and Cook's for the points 0, +-P, +-Q and infinity. With 5/8 and 3/2 the rounding error is
// 2.7 times that of a direct sum (256 channels), with the usual 1 and 2 six times (docs/onednn-backend.md).
//
// Included once for each set of instructions, after the includes and within a namespace without a name: every function
// here must be compiled anew.

// The numbers of sixteen neighbouring channels, and their bits.
using Lanes = float __attribute__((vector_size(LANES * sizeof(float))));
using Words = uint32_t __attribute__((vector_size(LANES * sizeof(uint32_t))));
using Halves = uint16_t __attribute__((vector_size(LANES * sizeof(uint16_t))));

// What a register of the processor holds.
using Register = float __attribute__((vector_size(REGISTER * sizeof(float))));

constexpr float P = 0.625f, Q = 1.5f;
constexpr float P2 = P * P, Q2 = Q * Q;
// What the filter's rows are divided by: the product of a point's distances from the others.
constexpr float AT_ZERO = 1 / (P2 * Q2), AT_P = 1 / (2 * P2 * (P2 - Q2)), AT_Q = 1 / (2 * Q2 * (Q2 - P2));

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

// To the nearest, ties to even; NaN stays NaN (bf16.h).
inline void store(const Lanes &lanes, bf16 *to) {
  const Words bits = reinterpret_cast<Words>(lanes), high = bits >> 16;
  const Words nan = reinterpret_cast<Words>(lanes != lanes);
  const Words rounded = (bits + 0x7fff + (high & 1)) >> 16;
  const Halves halves = __builtin_convertvector((rounded & ~nan) | ((high | 0x40) & nan), Halves);
  __builtin_memcpy(to, &halves, sizeof halves);
}

// B' d: six input pixels of a line.
struct InputTransform {
  static constexpr int FROM = INPUT, TO = INPUT;
  static void apply(const Lanes *d, Lanes *to) {
    const Lanes d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4], d5 = d[5];
    const Lanes even_p = d4 - Q2 * d2, odd_p = P * (d3 - Q2 * d1);
    const Lanes even_q = d4 - P2 * d2, odd_q = Q * (d3 - P2 * d1);
    to[0] = P2 * Q2 * d0 - (P2 + Q2) * d2 + d4;
    to[1] = even_p + odd_p;
    to[2] = even_p - odd_p;
    to[3] = even_q + odd_q;
    to[4] = even_q - odd_q;
    to[5] = P2 * Q2 * d1 - (P2 + Q2) * d3 + d5;
  }
};

// A' m: four output pixels.
struct OutputTransform {
  static constexpr int FROM = INPUT, TO = OUTPUT;
  static void apply(const Lanes *m, Lanes *to) {
    const Lanes m1 = m[1], m2 = m[2], m3 = m[3], m4 = m[4];
    const Lanes even_p = m1 + m2, odd_p = m1 - m2, even_q = m3 + m4, odd_q = m3 - m4;
    to[0] = m[0] + even_p + even_q;
    to[1] = P * odd_p + Q * odd_q;
    to[2] = P2 * even_p + Q2 * even_q;
    to[3] = P2 * P * odd_p + Q2 * Q * odd_q + m[5];
  }
};

// A dy: the gradient of four output pixels, for the filter's gradient.
struct GradientTransform {
  static constexpr int FROM = OUTPUT, TO = INPUT;
  static void apply(const Lanes *d, Lanes *to) {
    const Lanes d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
    const Lanes even_p = d0 + P2 * d2, odd_p = P * (d1 + P2 * d3);
    const Lanes even_q = d0 + Q2 * d2, odd_q = Q * (d1 + Q2 * d3);
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
  static constexpr int FROM = FILTER, TO = INPUT;
  static void apply(const Lanes *g, Lanes *to) {
    const Lanes g0 = g[0], g1 = g[1], g2 = g[2];
    const Lanes even_p = AT_P * (g0 + P2 * g2), odd_p = AT_P * P * g1;
    const Lanes even_q = AT_Q * (g0 + Q2 * g2), odd_q = AT_Q * Q * g1;
    to[0] = AT_ZERO * g0;
    to[1] = even_p + odd_p;
    to[2] = even_p - odd_p;
    to[3] = even_q + odd_q;
    to[4] = even_q - odd_q;
    to[5] = g2;
  }
};

// G' r: back to the gradient of three numbers of the filter.
struct FilterGradientTransform {
  static constexpr int FROM = INPUT, TO = FILTER;
  static void apply(const Lanes *r, Lanes *to) {
    const Lanes r1 = r[1], r2 = r[2], r3 = r[3], r4 = r[4];
    const Lanes even_p = AT_P * (r1 + r2), odd_p = AT_P * P * (r1 - r2);
    const Lanes even_q = AT_Q * (r3 + r4), odd_q = AT_Q * Q * (r3 - r4);
    to[0] = AT_ZERO * r[0] + even_p + even_q;
    to[1] = odd_p + odd_q;
    to[2] = P2 * even_p + Q2 * even_q + r[5];
  }
};

// Both passes: `from(row, column)` gives the FROM x FROM numbers, `to(row, column, value)` takes the TO x TO ones.
template <typename Transform, typename From, typename To>
inline void transform_tile(From from, To to) {
  Lanes half[Transform::TO][Transform::FROM];
#pragma GCC unroll 6
  for (int column = 0; column < Transform::FROM; column++) {
    Lanes given[Transform::FROM], result[Transform::TO];
#pragma GCC unroll 6
    for (int row = 0; row < Transform::FROM; row++) given[row] = from(row, column);
    Transform::apply(given, result);
#pragma GCC unroll 6
    for (int row = 0; row < Transform::TO; row++) half[row][column] = result[row];
  }
#pragma GCC unroll 6
  for (int row = 0; row < Transform::TO; row++) {
    Lanes result[Transform::TO];
    Transform::apply(half[row], result);
#pragma GCC unroll 6
    for (int column = 0; column < Transform::TO; column++) to(row, column, result[column]);
  }
}

// The pixels of a square whose first is (y, x); those outside the picture are `zeros`, as long as a pixel.
template <int size, typename T>
struct Square {
  Square(const T *picture, int64_t height, int64_t width, int64_t channels, int64_t y, int64_t x, const float *zeros) {
    const T *outside = reinterpret_cast<const T *>(zeros);
    for (int i = 0; i < size; i++) {
      const bool line = y + i >= 0 && y + i < height;
      for (int j = 0; j < size; j++) {
        const bool inside = line && x + j >= 0 && x + j < width;
        pixels[i][j] = inside ? picture + ((y + i) * width + x + j) * channels : outside;
      }
    }
  }

  // All outside.
  explicit Square(const float *zeros) {
    for (auto &line : pixels) std::fill_n(line, size, reinterpret_cast<const T *>(zeros));
  }

  const T *pixels[size][size];
};

// What a tile of x [n,h,w,channels] reads.
template <typename T>
Square<INPUT, T> input_square(const Tiling &tiling, const T *x, int64_t channels, int64_t tile, const float *zeros) {
  const auto [image, y, left] = tiling.place(tile);
  const T *picture = x + image * tiling.height * tiling.width * channels;
  return {picture, tiling.height, tiling.width, channels, y - tiling.top, left - tiling.left, zeros};
}

// A tile of dy [n,oh,ow,channels].
template <typename T>
Square<OUTPUT, T> gradient_square(const Tiling &tiling, const T *dy, int64_t channels, int64_t tile,
                                  const float *zeros) {
  const auto [image, y, left] = tiling.place(tile);
  const T *picture = dy + image * tiling.out_height * tiling.out_width * channels;
  return {picture, tiling.out_height, tiling.out_width, channels, y, left, zeros};
}

// Sixteen numbers of sixteen filters, from `from` in the last of the taps [3, 3, out, in], turned about.
using Taps = float[FILTER * FILTER][LANES][LANES];

template <typename T>
void transpose_taps(const T *from, int64_t in, int64_t out, Taps &taps) {
  for (int i = 0; i < FILTER * FILTER; i++) {
    const T *tap = from + (FILTER * FILTER - 1 - i) * out * in;
    for (int k = 0; k < LANES; k++) {
      for (int r = 0; r < LANES; r++) taps[i][r][k] = widen(tap[k * in + r]);
    }
  }
}

// Asks for what lies in memory for the channels that begin at `c`, once for each line of the cache.
template <int size, typename T>
inline void prefetch(const Square<size, T> &square, int64_t c) {
  if (c * static_cast<int64_t>(sizeof(T)) % 64 != 0) return;
  for (const auto &line : square.pixels) {
    for (const T *pixel : line) __builtin_prefetch(pixel + c);
  }
}

// Products to the outputs of their tiles, of which each gets `SIDE` x `SIDE` pixels of y.
template <bool pools, typename T>
void transform_output(const Tiling &tiling, const float *products, const FilterPart &filters, int64_t channels,
                      Block block, const Finish &finish, T *y) {
  constexpr int POOL = pools ? 2 : 1, SIDE = OUTPUT / POOL;
  const int64_t step = odd_lines(block.size * filters.columns);
  const int64_t height = tiling.out_height / POOL, width = tiling.out_width / POOL;
  const Lanes lowest = Lanes{} - std::numeric_limits<float>::infinity();
  for (int64_t tile = 0; tile < block.size; tile++) {
    const auto [image, top, left] = tiling.place(block.first + tile);
    T *out = y + ((image * height + top / POOL) * width + left / POOL) * channels + filters.first;
    const int64_t rows = std::min<int64_t>(SIDE, height - top / POOL);
    const int64_t columns = std::min<int64_t>(SIDE, width - left / POOL);
    for (int64_t c = 0; c < filters.columns; c += LANES) {
      const float *from = products + tile * filters.columns + c;
      const Lanes added = finish.bias == nullptr ? Lanes{} : load(finish.bias + filters.first + c);
      // The largest of each window so far; NaN never is (max_pool.cc).
      Lanes largest[SIDE];
      transform_tile<OutputTransform>([=](int i, int j) { return load(from + (i * INPUT + j) * step); },
                                      [&](int i, int j, Lanes value) {
                                        const int row = i / POOL, column = j / POOL;
                                        if (row >= rows || column >= columns) return;
                                        value += added;
                                        // NaN stays NaN.
                                        if (finish.relu) value = value < 0 ? Lanes{} : value;
                                        T *place = out + (row * width + column) * channels + c;
                                        if (!pools) return store(value, place);
                                        const bool first = i % POOL == 0 && j % POOL == 0;
                                        const Lanes best = first ? lowest : largest[column];
                                        largest[column] = value > best ? value : best;
                                        if (i % POOL == 1 && j % POOL == 1) store(largest[column], place);
                                      });
    }
  }
}

void transform_filter_gradient(const float *products, int64_t in, int64_t out, Range part, float *dw) {
  for (int64_t row = part.first; row < part.last; row++) {
    for (int64_t c = 0; c < out; c += LANES) {
      const float *from = products + row * out + c;
      float *to = dw + row * out + c;
      transform_tile<FilterGradientTransform>(
          [=](int i, int j) { return load(from + (i * INPUT + j) * in * out); },
          [=](int i, int j, const Lanes &value) { store(value, to + (i * FILTER + j) * in * out); });
    }
  }
}
