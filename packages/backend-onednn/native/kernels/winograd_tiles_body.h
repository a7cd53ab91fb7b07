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
  static void apply(const Lanes *d, int64_t step, Lanes *to, int64_t to_step) {
    const Lanes d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    const Lanes even_p = d4 - Q2 * d2, odd_p = P * (d3 - Q2 * d1);
    const Lanes even_q = d4 - P2 * d2, odd_q = Q * (d3 - P2 * d1);
    to[0] = P2 * Q2 * d0 - (P2 + Q2) * d2 + d4;
    to[to_step] = even_p + odd_p;
    to[2 * to_step] = even_p - odd_p;
    to[3 * to_step] = even_q + odd_q;
    to[4 * to_step] = even_q - odd_q;
    to[5 * to_step] = P2 * Q2 * d1 - (P2 + Q2) * d3 + d5;
  }
};

// A' m: four output pixels.
struct OutputTransform {
  static constexpr int FROM = INPUT, TO = OUTPUT;
  static void apply(const Lanes *m, int64_t step, Lanes *to, int64_t to_step) {
    const Lanes m1 = m[step], m2 = m[2 * step], m3 = m[3 * step], m4 = m[4 * step];
    const Lanes even_p = m1 + m2, odd_p = m1 - m2, even_q = m3 + m4, odd_q = m3 - m4;
    to[0] = m[0] + even_p + even_q;
    to[to_step] = P * odd_p + Q * odd_q;
    to[2 * to_step] = P2 * even_p + Q2 * even_q;
    to[3 * to_step] = P2 * P * odd_p + Q2 * Q * odd_q + m[5 * step];
  }
};

// A dy: the gradient of four output pixels, for the filter's gradient.
struct GradientTransform {
  static constexpr int FROM = OUTPUT, TO = INPUT;
  static void apply(const Lanes *d, int64_t step, Lanes *to, int64_t to_step) {
    const Lanes d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    const Lanes even_p = d0 + P2 * d2, odd_p = P * (d1 + P2 * d3);
    const Lanes even_q = d0 + Q2 * d2, odd_q = Q * (d1 + Q2 * d3);
    to[0] = d0;
    to[to_step] = even_p + odd_p;
    to[2 * to_step] = even_p - odd_p;
    to[3 * to_step] = even_q + odd_q;
    to[4 * to_step] = even_q - odd_q;
    to[5 * to_step] = d3;
  }
};

// G g: three numbers of the filter.
struct FilterTransform {
  static constexpr int FROM = FILTER, TO = INPUT;
  static void apply(const Lanes *g, int64_t step, Lanes *to, int64_t to_step) {
    const Lanes g0 = g[0], g1 = g[step], g2 = g[2 * step];
    const Lanes even_p = AT_P * (g0 + P2 * g2), odd_p = AT_P * P * g1;
    const Lanes even_q = AT_Q * (g0 + Q2 * g2), odd_q = AT_Q * Q * g1;
    to[0] = AT_ZERO * g0;
    to[to_step] = even_p + odd_p;
    to[2 * to_step] = even_p - odd_p;
    to[3 * to_step] = even_q + odd_q;
    to[4 * to_step] = even_q - odd_q;
    to[5 * to_step] = g2;
  }
};

// G' r: back to the gradient of three numbers of the filter.
struct FilterGradientTransform {
  static constexpr int FROM = INPUT, TO = FILTER;
  static void apply(const Lanes *r, int64_t step, Lanes *to, int64_t to_step) {
    const Lanes r1 = r[step], r2 = r[2 * step], r3 = r[3 * step], r4 = r[4 * step];
    const Lanes even_p = AT_P * (r1 + r2), odd_p = AT_P * P * (r1 - r2);
    const Lanes even_q = AT_Q * (r3 + r4), odd_q = AT_Q * Q * (r3 - r4);
    to[0] = AT_ZERO * r[0] + even_p + even_q;
    to[to_step] = odd_p + odd_q;
    to[2 * to_step] = P2 * even_p + Q2 * even_q + r[5 * step];
  }
};

// Both passes: `from` of FROM x FROM, `to` of TO x TO.
template <typename Transform>
inline void transform_tile(const Lanes *from, Lanes *to) {
  Lanes half[Transform::TO * Transform::FROM];
  for (int column = 0; column < Transform::FROM; column++) {
    Transform::apply(from + column, Transform::FROM, half + column, Transform::FROM);
  }
  for (int row = 0; row < Transform::TO; row++) {
    Transform::apply(half + row * Transform::FROM, 1, to + row * Transform::TO, 1);
  }
}

// Sixteen channels of a square of `size` pixels whose first is (y, x); zero outside the picture.
template <int size, typename T>
inline void load_square(const T *picture, int64_t height, int64_t width, int64_t channels, int64_t y, int64_t x,
                        Lanes *to) {
  const T *from = picture + (y * width + x) * channels;
  if (y >= 0 && x >= 0 && y + size <= height && x + size <= width) {
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) to[i * size + j] = load(from + (i * width + j) * channels);
    }
    return;
  }
  for (int i = 0; i < size; i++) {
    for (int j = 0; j < size; j++) {
      const bool inside = y + i >= 0 && y + i < height && x + j >= 0 && x + j < width;
      to[i * size + j] = inside ? load(from + (i * width + j) * channels) : Lanes{};
    }
  }
}

inline void scatter(const Lanes *values, float *to, int64_t step) {
  for (int i = 0; i < PRODUCTS; i++) store(values[i], to + i * step);
}

template <typename T>
void transform_input(const Tiling &tiling, const T *x, int64_t channels, Block block, Range part, float *to) {
  for (int64_t tile = part.first; tile < part.last; tile++) {
    const auto [image, y, left] = tiling.place(block.first + tile);
    const T *picture = x + image * tiling.height * tiling.width * channels;
    for (int64_t c = 0; c < channels; c += LANES) {
      Lanes d[PRODUCTS], v[PRODUCTS];
      load_square<INPUT>(picture + c, tiling.height, tiling.width, channels, y - tiling.top, left - tiling.left, d);
      transform_tile<InputTransform>(d, v);
      scatter(v, to + tile * channels + c, block.size * channels);
    }
  }
}

template <typename T>
void transform_gradient(const Tiling &tiling, const T *dy, int64_t channels, Block block, Range part, float *to,
                        float *sums) {
  for (int64_t tile = part.first; tile < part.last; tile++) {
    const auto [image, y, left] = tiling.place(block.first + tile);
    const T *picture = dy + image * tiling.out_height * tiling.out_width * channels;
    for (int64_t c = 0; c < channels; c += LANES) {
      Lanes d[OUTPUT * OUTPUT], v[PRODUCTS];
      load_square<OUTPUT>(picture + c, tiling.out_height, tiling.out_width, channels, y, left, d);
      transform_tile<GradientTransform>(d, v);
      scatter(v, to + tile * channels + c, block.size * channels);
      if (sums != nullptr) {
        float *sum = sums + c;
        Lanes total = load(sum);
        for (const Lanes &pixel : d) total += pixel;
        store(total, sum);
      }
    }
  }
}

template <typename T>
void transform_output(const Tiling &tiling, const float *products, int64_t channels, Block block, Range part,
                      const float *bias, bool relu, T *y) {
  for (int64_t tile = part.first; tile < part.last; tile++) {
    const auto [image, top, left] = tiling.place(block.first + tile);
    T *out = y + ((image * tiling.out_height + top) * tiling.out_width + left) * channels;
    const int64_t rows = std::min<int64_t>(OUTPUT, tiling.out_height - top);
    const int64_t columns = std::min<int64_t>(OUTPUT, tiling.out_width - left);
    for (int64_t c = 0; c < channels; c += LANES) {
      Lanes m[PRODUCTS], result[OUTPUT * OUTPUT];
      for (int i = 0; i < PRODUCTS; i++) m[i] = load(products + (i * block.size + tile) * channels + c);
      transform_tile<OutputTransform>(m, result);
      const Lanes added = bias == nullptr ? Lanes{} : load(bias + c);
      for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
          Lanes value = result[i * OUTPUT + j] + added;
          // NaN stays NaN.
          if (relu) value = value < 0 ? Lanes{} : value;
          store(value, out + (i * tiling.out_width + j) * channels + c);
        }
      }
    }
  }
}

template <typename T>
void transform_filter(const T *filter, int64_t in, int64_t out, bool turned, Range part, float *to) {
  for (int64_t row = part.first; row < part.last; row++) {
    for (int64_t c = 0; c < out; c += LANES) {
      Lanes g[FILTER * FILTER], u[PRODUCTS];
      for (int i = 0; i < FILTER * FILTER; i++) {
        const int from = turned ? FILTER * FILTER - 1 - i : i;
        g[i] = load(filter + (from * in + row) * out + c);
      }
      transform_tile<FilterTransform>(g, u);
      scatter(u, to + row * out + c, in * out);
    }
  }
}

void transform_filter_gradient(const float *products, int64_t in, int64_t out, Range part, float *dw) {
  for (int64_t row = part.first; row < part.last; row++) {
    for (int64_t c = 0; c < out; c += LANES) {
      Lanes r[PRODUCTS], g[FILTER * FILTER];
      for (int i = 0; i < PRODUCTS; i++) r[i] = load(products + (i * in + row) * out + c);
      transform_tile<FilterGradientTransform>(r, g);
      for (int i = 0; i < FILTER * FILTER; i++) store(g[i], dw + (i * in + row) * out + c);
    }
  }
}

constexpr TileKernels kernels_here = {
    [](const Tiling &tiling, const Tensor &x, int64_t channels, Block block, Range part, float *to) {
      with_numbers(x, [&](const auto *values) { transform_input(tiling, values, channels, block, part, to); });
    },
    [](const Tiling &tiling, const Tensor &dy, int64_t channels, Block block, Range part, float *to, float *sums) {
      with_numbers(dy,
                   [&](const auto *values) { transform_gradient(tiling, values, channels, block, part, to, sums); });
    },
    [](const Tiling &tiling, const float *products, int64_t channels, Block block, Range part, const float *bias,
       bool relu, const Tensor &y) {
      if (y.narrow()) return transform_output(tiling, products, channels, block, part, bias, relu, y.data<bf16>());
      transform_output(tiling, products, channels, block, part, bias, relu, y.data<float>());
    },
    [](const Tensor &filter, int64_t in, int64_t out, bool turned, Range part, float *to) {
      with_numbers(filter, [&](const auto *values) { transform_filter(values, in, out, turned, part, to); });
    },
    transform_filter_gradient,
};
