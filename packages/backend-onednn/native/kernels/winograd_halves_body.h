// Transformed numbers in bfloat16, two a word, and how words are multiplied. Included behind winograd_tiles_body.h.

constexpr int PACKED = 2;

// sum + a.first * b.first + a.second * b.second, for the word `a`.
inline void multiply_add(Register &sum, float a, const Register &b) {
  sum = reinterpret_cast<Register>(_mm512_dpbf16_ps(
      reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(_mm512_set1_ps(a)), reinterpret_cast<__m512bh>(b)));
}

// Words of neighbours: of the first sixteen numbers, then of the second.
inline Lanes neighbours(const Lanes &first, const Lanes &second) {
  return reinterpret_cast<Lanes>(
      _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(second), reinterpret_cast<__m512>(first)));
}

// Words of one number of `first` and one of `second`.
inline Lanes paired(const Lanes &first, const Lanes &second) {
  const __m512i in_turn = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return reinterpret_cast<Lanes>(
      _mm512_permutexvar_epi16(in_turn, reinterpret_cast<__m512i>(neighbours(first, second))));
}

// Two transforms whose results `combine` makes words of.
template <typename Transform, typename First, typename Second, typename Combine>
inline void transform_two(First first, Second second, Combine combine, float *to, int64_t step) {
  Lanes results[Transform::TO][Transform::TO];
  transform_tile<Transform>(first, [&](int i, int j, const Lanes &value) { results[i][j] = value; });
  transform_tile<Transform>(second, [&](int i, int j, const Lanes &value) {
    store(combine(results[i][j], value), to + (i * INPUT + j) * step);
  });
}

template <typename T>
void transform_input(const Tiling &tiling, const T *x, const Transformed &layout, Block block, Range part,
                     const float *zeros, float *to) {
  const int64_t channels = layout.channels * PACKED;
  const auto square_of = [&](int64_t tile) { return input_square(tiling, x, channels, block.first + tile, zeros); };
  if (part.first == part.last) return;
  Square<INPUT, T> square = square_of(part.first);
  for (int64_t tile = part.first; tile < part.last; tile++) {
    // The processor does not guess where the next tile lies.
    const Square<INPUT, T> next = square_of(std::min(tile + 1, part.last - 1));
    for (int64_t c = 0; c < channels; c += 2 * LANES) {
      prefetch(next, c);
      prefetch(next, c + LANES);
      transform_two<InputTransform>([&](int i, int j) { return load(square.pixels[i][j] + c); },
                                    [&](int i, int j) { return load(square.pixels[i][j] + c + LANES); }, neighbours,
                                    to + c / (2 * LANES) * layout.panel() + tile * LANES, layout.product());
    }
    square = next;
  }
}

// Words of two tiles each. Behind the last tile of a block that has an odd number of them come zeros. `each` is given
// all pixels and their channel.
template <typename Transform, int size, typename T, typename SquareOf, typename Each>
void transform_pairs_of_tiles(SquareOf square_of, const Transformed &layout, Range part, float *to, Each each) {
  if (part.first == part.last) return;
  Square<size, T> first = square_of(2 * part.first), second = square_of(2 * part.first + 1);
  for (int64_t word = part.first; word < part.last; word++) {
    const int64_t next = std::min(word + 1, part.last - 1);
    const Square<size, T> next_first = square_of(2 * next), next_second = square_of(2 * next + 1);
    for (int64_t c = 0; c < layout.channels; c += LANES) {
      prefetch(next_first, c);
      prefetch(next_second, c);
      transform_two<Transform>([&](int i, int j) { return each(load(first.pixels[i][j] + c), c); },
                               [&](int i, int j) { return each(load(second.pixels[i][j] + c), c); }, paired,
                               to + c / LANES * layout.panel() + word * LANES, layout.product());
    }
    first = next_first;
    second = next_second;
  }
}

template <typename T>
void transform_input_for_sums(const Tiling &tiling, const T *x, const Transformed &layout, Block block, Range part,
                              const float *zeros, float *to) {
  const int64_t channels = layout.channels;
  const auto square_of = [&](int64_t tile) {
    return tile < block.size ? input_square(tiling, x, channels, block.first + tile, zeros) : Square<INPUT, T>(zeros);
  };
  transform_pairs_of_tiles<InputTransform, INPUT, T>(square_of, layout, part, to,
                                                     [](const Lanes &value, int64_t) { return value; });
}

template <typename T>
void transform_gradient(const Tiling &tiling, const T *dy, const Transformed &layout, Block block, Range part,
                        const float *zeros, float *to, float *sums) {
  const int64_t channels = layout.channels;
  const auto square_of = [&](int64_t tile) {
    return tile < block.size ? gradient_square(tiling, dy, channels, block.first + tile, zeros)
                             : Square<OUTPUT, T>(zeros);
  };
  const auto run = [&](auto each) {
    transform_pairs_of_tiles<GradientTransform, OUTPUT, T>(square_of, layout, part, to, each);
  };
  if (sums == nullptr) return run([](const Lanes &value, int64_t) { return value; });
  run([=](const Lanes &value, int64_t c) {
    store(load(sums + c) + value, sums + c);
    return value;
  });
}

template <typename T>
void transform_filter(const T *filter, int64_t in, int64_t out, Range part, const FilterPart &filters, float *to) {
  for (int64_t word = part.first; word < part.last; word++) {
    for (int64_t c = 0; c < filters.columns; c += LANES) {
      const T *from = filter + 2 * word * out + filters.first + c;
      transform_two<FilterTransform>([=](int i, int j) { return load(from + (i * FILTER + j) * in * out); },
                                     [=](int i, int j) { return load(from + ((i * FILTER + j) * in + 1) * out); },
                                     paired, to + word * filters.columns + c, filters.product());
    }
  }
}

// As above from [3, 3, out, in]: sixteen filters of sixteen channels are transposed at a time.
template <typename T>
void transform_turned_filter(const T *filter, int64_t in, int64_t out, Range part, const FilterPart &filters,
                             float *to) {
  for (int64_t word = part.first; word < part.last; word += LANES / 2) {
    for (int64_t c = 0; c < filters.columns; c += LANES) {
      Taps taps;
      transpose_taps(filter + (filters.first + c) * in + 2 * word, in, out, taps);
      for (int r = 0; r < LANES; r += 2) {
        transform_two<FilterTransform>([&](int i, int j) { return load(taps[i * FILTER + j][r]); },
                                       [&](int i, int j) { return load(taps[i * FILTER + j][r + 1]); }, paired,
                                       to + (word + r / 2) * filters.columns + c, filters.product());
      }
    }
  }
}
