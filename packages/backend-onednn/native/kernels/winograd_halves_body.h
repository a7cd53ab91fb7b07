// Transforms and multiplication of words for bfloat16: each word holds two numbers. Takes the place of
// winograd_floats_body.h.
//
// Include this after winograd_tiles_body.h, which lists what the includer must define. The includer must also include
// <immintrin.h> and compile for AVX512_BF16; kRegister must be 16.

constexpr int kPacked = 2;

// Adds a.first * b.first + a.second * b.second to `sum`, where `a` is a word.
inline void multiply_add(Register &sum, float a, const Register &b) {
  sum = reinterpret_cast<Register>(_mm512_dpbf16_ps(
      reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(_mm512_set1_ps(a)), reinterpret_cast<__m512bh>(b)));
}

// Returns words of two adjacent numbers each: those of `first`, then those of `second`.
inline Lanes neighbours(const Lanes &first, const Lanes &second) {
  return reinterpret_cast<Lanes>(
      _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(second), reinterpret_cast<__m512>(first)));
}

// Returns words that hold one number of `first` and one of `second` each.
inline Lanes paired(const Lanes &first, const Lanes &second) {
  const __m512i in_turn = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return reinterpret_cast<Lanes>(
      _mm512_permutexvar_epi16(in_turn, reinterpret_cast<__m512i>(neighbours(first, second))));
}

// Applies a transform twice and stores the words that `combine` makes of both results.
template <typename Transform, typename First, typename Second, typename Combine>
inline void transform_two(First first, Second second, Combine combine, float *to, int64_t step) {
  Lanes results[Transform::kTo][Transform::kTo];
  transform_tile<Transform>(first, [&](int i, int j, const Lanes &value) { results[i][j] = value; });
  transform_tile<Transform>(second, [&](int i, int j, const Lanes &value) {
    store(combine(results[i][j], value), to + (i * kInput + j) * step);
  });
}

template <typename T>
void transform_input(const Tiling &tiling, const T *x, const Transformed &layout, Block block, Range part,
                     const float *zeros, float *to) {
  const int64_t channels = layout.channels * kPacked;
  const auto square_of = [&](int64_t tile) { return input_square(tiling, x, channels, block.first + tile, zeros); };
  if (part.first == part.last) return;
  Square<kInput, T> square = square_of(part.first);
  for (int64_t tile = part.first; tile < part.last; tile++) {
    // The processor does not prefetch the next tile by itself.
    const Square<kInput, T> next = square_of(std::min(tile + 1, part.last - 1));
    for (int64_t c = 0; c < channels; c += 2 * kLanes) {
      prefetch(next, c);
      prefetch(next, c + kLanes);
      transform_two<InputTransform>([&](int i, int j) { return load(square.pixels[i][j] + c); },
                                    [&](int i, int j) { return load(square.pixels[i][j] + c + kLanes); }, neighbours,
                                    to + c / (2 * kLanes) * layout.panel() + tile * kLanes, layout.product());
    }
    square = next;
  }
}

// Computes words of two tiles each. If a block has an odd number of tiles, zeros take the place of the missing one.
// Calls `each` with the pixels and their channel.
template <typename Transform, int size, typename T, typename SquareOf, typename Each>
void transform_pairs_of_tiles(SquareOf square_of, const Transformed &layout, Range part, float *to, Each each) {
  if (part.first == part.last) return;
  Square<size, T> first = square_of(2 * part.first), second = square_of(2 * part.first + 1);
  for (int64_t word = part.first; word < part.last; word++) {
    const int64_t next = std::min(word + 1, part.last - 1);
    const Square<size, T> next_first = square_of(2 * next), next_second = square_of(2 * next + 1);
    for (int64_t c = 0; c < layout.channels; c += kLanes) {
      prefetch(next_first, c);
      prefetch(next_second, c);
      transform_two<Transform>([&](int i, int j) { return each(load(first.pixels[i][j] + c), c); },
                               [&](int i, int j) { return each(load(second.pixels[i][j] + c), c); }, paired,
                               to + c / kLanes * layout.panel() + word * kLanes, layout.product());
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
    return tile < block.size ? input_square(tiling, x, channels, block.first + tile, zeros) : Square<kInput, T>(zeros);
  };
  transform_pairs_of_tiles<InputTransform, kInput, T>(square_of, layout, part, to,
                                                      [](const Lanes &value, int64_t) { return value; });
}

template <typename T>
void transform_gradient(const Tiling &tiling, const T *dy, const Transformed &layout, Block block, Range part,
                        const float *zeros, float *to, float *sums) {
  const int64_t channels = layout.channels;
  const auto square_of = [&](int64_t tile) {
    return tile < block.size ? gradient_square(tiling, dy, channels, block.first + tile, zeros)
                             : Square<kOutput, T>(zeros);
  };
  const auto run = [&](auto each) {
    transform_pairs_of_tiles<GradientTransform, kOutput, T>(square_of, layout, part, to, each);
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
    for (int64_t c = 0; c < filters.columns; c += kLanes) {
      const T *from = filter + 2 * word * out + filters.first + c;
      transform_two<FilterTransform>([=](int i, int j) { return load(from + (i * kFilter + j) * in * out); },
                                     [=](int i, int j) { return load(from + ((i * kFilter + j) * in + 1) * out); },
                                     paired, to + word * filters.columns + c, filters.product());
    }
  }
}

// Same from a filter [3, 3, out, in], rotated by 180 degrees. Transposes sixteen filters of sixteen channels at a time.
template <typename T>
void transform_rotated_filter(const T *filter, int64_t in, int64_t out, Range part, const FilterPart &filters,
                              float *to) {
  for (int64_t word = part.first; word < part.last; word += kLanes / 2) {
    for (int64_t c = 0; c < filters.columns; c += kLanes) {
      Taps taps;
      transpose_taps(filter + (filters.first + c) * in + 2 * word, in, out, taps);
      for (int r = 0; r < kLanes; r += 2) {
        transform_two<FilterTransform>([&](int i, int j) { return load(taps[i * kFilter + j][r]); },
                                       [&](int i, int j) { return load(taps[i * kFilter + j][r + 1]); }, paired,
                                       to + (word + r / 2) * filters.columns + c, filters.product());
      }
    }
  }
}
