// The table of one instruction set's functions, `kernels_here`. Include this after all other bodies.

constexpr TileKernels kernels_here = {
    kPacked,
    (kWidth * kRegister),
    [](const Tiling &tiling, const Tensor &x, const Transformed &layout, Block block, Range part, const float *zeros,
       float *to) {
      with_numbers(x, [&](const auto *values) { transform_input(tiling, values, layout, block, part, zeros, to); });
    },
    [](const Tiling &tiling, const Tensor &x, const Transformed &layout, Block block, Range part, const float *zeros,
       float *to) {
      with_numbers(
          x, [&](const auto *values) { transform_input_for_sums(tiling, values, layout, block, part, zeros, to); });
    },
    [](const Tiling &tiling, const Tensor &dy, const Transformed &layout, Block block, Range part, const float *zeros,
       float *to, float *sums) {
      with_numbers(
          dy, [&](const auto *values) { transform_gradient(tiling, values, layout, block, part, zeros, to, sums); });
    },
    [](const Tensor &filter, int64_t in, int64_t out, bool rotated, Range part, const FilterPart &filters, float *to) {
      with_numbers(filter, [&](const auto *values) {
        if (rotated) return transform_rotated_filter(values, in, out, part, filters, to);
        transform_filter(values, in, out, part, filters, to);
      });
    },
    multiply,
    [](const Tiling &tiling, const float *products, const FilterPart &part, int64_t channels, Block block,
       const Finish &finish, const Tensor &y) {
      const auto to = [&](auto *values) {
        if (finish.pool) return transform_output<true>(tiling, products, part, channels, block, finish, values);
        transform_output<false>(tiling, products, part, channels, block, finish, values);
      };
      if (y.narrow()) return to(y.data<bf16>());
      to(y.data<float>());
    },
    multiply_tiles,
    transform_filter_gradient,
};
