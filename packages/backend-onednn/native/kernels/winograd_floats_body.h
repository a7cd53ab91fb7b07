// Transforms and multiplication of words for float32: each word holds one number.
//
// Include this once per instruction set, in an unnamed namespace of vgg::winograd, after winograd_tiles_body.h, which
// lists what the includer must define. It defines kPacked and the functions that winograd_products_body.h and
// winograd_table_body.h use.

constexpr int kPacked = 1;

// Adds a * b to `sum`, where `a` is a word.
inline void multiply_add(Register &sum, float a, const Register &b) { sum += a * b; }

// Returns a function that writes the number at (row, column) of the 36.
inline auto scatter(float *to, int64_t step) {
  return [=](int row, int column, const Lanes &value) { store(value, to + (row * kInput + column) * step); };
}

template <typename T>
void transform_input(const Tiling &tiling, const T *x, const Transformed &layout, Block block, Range part,
                     const float *zeros, float *to) {
  const int64_t channels = layout.channels;
  const auto square_of = [&](int64_t tile) { return input_square(tiling, x, channels, block.first + tile, zeros); };
  if (part.first == part.last) return;
  Square<kInput, T> square = square_of(part.first);
  for (int64_t tile = part.first; tile < part.last; tile++) {
    // The processor does not prefetch the next tile by itself.
    const Square<kInput, T> next = square_of(std::min(tile + 1, part.last - 1));
    for (int64_t c = 0; c < channels; c += kLanes) {
      prefetch(next, c);
      transform_tile<InputTransform>([&](int i, int j) { return load(square.pixels[i][j] + c); },
                                     scatter(to + c / kLanes * layout.panel() + tile * kLanes, layout.product()));
    }
    square = next;
  }
}

// In float32 the layout for sums over tiles is that for sums over channels.
template <typename T>
void transform_input_for_sums(const Tiling &tiling, const T *x, const Transformed &layout, Block block, Range part,
                              const float *zeros, float *to) {
  transform_input(tiling, x, layout, block, part, zeros, to);
}

template <typename T>
void transform_gradient(const Tiling &tiling, const T *dy, const Transformed &layout, Block block, Range part,
                        const float *zeros, float *to, float *sums) {
  const int64_t channels = layout.channels;
  for (int64_t tile = part.first; tile < part.last; tile++) {
    const Square<kOutput, T> square = gradient_square(tiling, dy, channels, block.first + tile, zeros);
    for (int64_t c = 0; c < channels; c += kLanes) {
      Lanes total = sums == nullptr ? Lanes{} : load(sums + c);
      const auto add_to_total = [&](int i, int j) {
        const Lanes value = load(square.pixels[i][j] + c);
        total += value;
        return value;
      };
      transform_tile<GradientTransform>(add_to_total,
                                        scatter(to + c / kLanes * layout.panel() + tile * kLanes, layout.product()));
      if (sums != nullptr) store(total, sums + c);
    }
  }
}

template <typename T>
void transform_filter(const T *filter, int64_t in, int64_t out, Range part, const FilterPart &filters, float *to) {
  for (int64_t row = part.first; row < part.last; row++) {
    for (int64_t c = 0; c < filters.columns; c += kLanes) {
      const T *from = filter + row * out + filters.first + c;
      transform_tile<FilterTransform>([=](int i, int j) { return load(from + (i * kFilter + j) * in * out); },
                                      scatter(to + row * filters.columns + c, filters.product()));
    }
  }
}

// Same from a filter [3, 3, out, in], rotated by 180 degrees. Transposes sixteen filters of sixteen channels at a time.
template <typename T>
void transform_rotated_filter(const T *filter, int64_t in, int64_t out, Range part, const FilterPart &filters,
                              float *to) {
  for (int64_t row = part.first; row < part.last; row += kLanes) {
    for (int64_t c = 0; c < filters.columns; c += kLanes) {
      Taps taps;
      transpose_taps(filter + (filters.first + c) * in + row, in, out, taps);
      for (int r = 0; r < kLanes; r++) {
        transform_tile<FilterTransform>([&](int i, int j) { return load(taps[i * kFilter + j][r]); },
                                        scatter(to + (row + r) * filters.columns + c, filters.product()));
      }
    }
  }
}
