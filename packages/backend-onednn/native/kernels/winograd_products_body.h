// The products between the transforms, summed up in registers. Included once for each set of instructions, behind
// what says how words are multiplied, with what its registers hold: REGISTER words each, ROWS tiles by WIDTH registers
// of filters, or CHANNELS channels by as many.

inline Register load_register(const float *from) {
  Register result;
  __builtin_memcpy(&result, from, sizeof result);
  return result;
}

inline void store_register(const Register &numbers, float *to) { __builtin_memcpy(to, &numbers, sizeof numbers); }

// `rows` tiles times `width` registers of filters.
template <int rows, int width>
void multiply_rows(const float *left, int64_t panel, const float *right, int64_t channels, float *to) {
  Register sums[rows][width] = {};
  for (int64_t c = 0; c < channels; c += LANES, left += panel) {
    for (int k = 0; k < LANES; k++, right += width * REGISTER) {
      Register filters[width];
#pragma GCC unroll 4
      for (int j = 0; j < width; j++) filters[j] = load_register(right + j * REGISTER);
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) {
        const float tile = left[i * LANES + k];
#pragma GCC unroll 4
        for (int j = 0; j < width; j++) multiply_add(sums[i][j], tile, filters[j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) store_register(sums[i][j], to + (i * width + j) * REGISTER);
  }
}

using MultiplyRows = void (*)(const float *left, int64_t panel, const float *right, int64_t channels, float *to);

template <int width, size_t... rows>
constexpr std::array<MultiplyRows, sizeof...(rows)> multiply_by_rows(std::index_sequence<rows...>) {
  return {multiply_rows<static_cast<int>(rows) + 1, width>...};
}

template <int width>
void multiply_part(const float *tiles, const Transformed &layout, const float *filters, const FilterPart &part,
                   float *products) {
  constexpr auto by_rows = multiply_by_rows<width>(std::make_index_sequence<ROWS>());
  const int64_t step = odd_lines(layout.tiles * part.columns);
  for (int i = 0; i < PRODUCTS; i++) {
    const float *left = tiles + i * layout.product(), *right = filters + i * part.product();
    for (int64_t tile = 0; tile < layout.tiles; tile += ROWS) {
      const int64_t rows = std::min<int64_t>(ROWS, layout.tiles - tile);
      by_rows[static_cast<size_t>(rows - 1)](left + tile * LANES, layout.panel(), right, layout.channels,
                                             products + i * step + tile * part.columns);
    }
  }
}

// A part holds WIDTH registers of filters, or the sixteen that are left.
void multiply(const float *tiles, const Transformed &layout, const float *filters, const FilterPart &part,
              float *products) {
  if (part.columns == WIDTH * REGISTER) return multiply_part<WIDTH>(tiles, layout, filters, part, products);
  multiply_part<LANES / REGISTER>(tiles, layout, filters, part, products);
}

// CHANNELS channels of x times `width` registers of dy's, over all tiles.
template <int width>
void multiply_channels(const float *left, const float *right, int64_t panel, int64_t tiles, bool add, float *to,
                       int64_t step) {
  Register sums[CHANNELS][width] = {};
  for (int64_t tile = 0; tile < tiles; tile++, left += LANES, right += LANES) {
    Register filters[width];
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) {
      filters[j] = load_register(right + j * REGISTER / LANES * panel + j * REGISTER % LANES);
    }
#pragma GCC unroll 16
    for (int i = 0; i < CHANNELS; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < width; j++) multiply_add(sums[i][j], left[i], filters[j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < CHANNELS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) {
      float *place = to + i * step + j * REGISTER;
      store_register(add ? load_register(place) + sums[i][j] : sums[i][j], place);
    }
  }
}

// Sixteen channels of x times `width` registers of dy's, from its channel `k` on.
template <int width>
void multiply_panel(const float *left, const float *right, const Transformed &right_layout, int64_t k, bool add,
                    float *to) {
  const int64_t out = right_layout.channels;
  for (int channel = 0; channel < LANES; channel += CHANNELS) {
    multiply_channels<width>(left + channel, right + k / LANES * right_layout.panel(), right_layout.panel(),
                             right_layout.tiles, add, to + channel * out + k, out);
  }
}

void multiply_tiles(const float *x, const Transformed &x_layout, const float *dy, const Transformed &dy_layout,
                    Range part, bool add, float *products) {
  const int64_t in = x_layout.channels, out = dy_layout.channels, panels = in / LANES;
  for (int64_t at = part.first; at < part.last; at++) {
    const int64_t product = at / panels, panel = at % panels;
    const float *left = x + product * x_layout.product() + panel * x_layout.panel();
    const float *right = dy + product * dy_layout.product();
    float *to = products + (product * in + panel * LANES) * out;
    int64_t k = 0;
    for (; k + WIDTH * REGISTER <= out; k += WIDTH * REGISTER) {
      multiply_panel<WIDTH>(left, right, dy_layout, k, add, to);
    }
    if (k < out) multiply_panel<LANES / REGISTER>(left, right, dy_layout, k, add, to);
  }
}
