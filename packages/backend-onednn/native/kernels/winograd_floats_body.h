// Transformed numbers in float32, one a word, and how words are multiplied. Included once for each set of instructions,
// behind winograd_tiles_body.h.

constexpr int PACKED = 1;

// sum + a * b, for the word `a`.
inline void multiply_add(Register &sum, float a, const Register &b) { sum += a * b; }

// A function that writes the number of (row, column) of the 36.
inline auto scatter(float *to, int64_t step) {
  return [=](int row, int column, const Lanes &value) { store(value, to + (row * INPUT + column) * step); };
}

template <typename T>
void transform_input(const Tiling &tiling, const T *x, const Transformed &layout, Block block, Range part,
                     const float *zeros, float *to) {
  const int64_t channels = layout.channels;
  const auto square_of = [&](int64_t tile) { return input_square(tiling, x, channels, block.first + tile, zeros); };
  if (part.first == part.last) return;
  Square<INPUT, T> square = square_of(part.first);
  for (int64_t tile = part.first; tile < part.last; tile++) {
    // The processor does not guess where the next tile lies.
    const Square<INPUT, T> next = square_of(std::min(tile + 1, part.last - 1));
    for (int64_t c = 0; c < channels; c += LANES) {
      prefetch(next, c);
      transform_tile<InputTransform>([&](int i, int j) { return load(square.pixels[i][j] + c); },
                                     scatter(to + c / LANES * layout.panel() + tile * LANES, layout.product()));
    }
    square = next;
  }
}

// For sums over tiles the numbers lie as for sums over channels.
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
    const Square<OUTPUT, T> square = gradient_square(tiling, dy, channels, block.first + tile, zeros);
    for (int64_t c = 0; c < channels; c += LANES) {
      Lanes total = sums == nullptr ? Lanes{} : load(sums + c);
      const auto summed = [&](int i, int j) {
        const Lanes value = load(square.pixels[i][j] + c);
        total += value;
        return value;
      };
      transform_tile<GradientTransform>(summed,
                                        scatter(to + c / LANES * layout.panel() + tile * LANES, layout.product()));
      if (sums != nullptr) store(total, sums + c);
    }
  }
}

template <typename T>
void transform_filter(const T *filter, int64_t in, int64_t out, Range part, const FilterPart &filters, float *to) {
  for (int64_t row = part.first; row < part.last; row++) {
    for (int64_t c = 0; c < filters.columns; c += LANES) {
      const T *from = filter + row * out + filters.first + c;
      transform_tile<FilterTransform>([=](int i, int j) { return load(from + (i * FILTER + j) * in * out); },
                                      scatter(to + row * filters.columns + c, filters.product()));
    }
  }
}

// As above from [3, 3, out, in]: sixteen filters of sixteen channels are transposed at a time.
template <typename T>
void transform_turned_filter(const T *filter, int64_t in, int64_t out, Range part, const FilterPart &filters,
                             float *to) {
  for (int64_t row = part.first; row < part.last; row += LANES) {
    for (int64_t c = 0; c < filters.columns; c += LANES) {
      Taps taps;
      transpose_taps(filter + (filters.first + c) * in + row, in, out, taps);
      for (int r = 0; r < LANES; r++) {
        transform_tile<FilterTransform>([&](int i, int j) { return load(taps[i * FILTER + j][r]); },
                                        scatter(to + (row + r) * filters.columns + c, filters.product()));
      }
    }
  }
}
