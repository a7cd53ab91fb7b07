// The products between the transforms. Their sums stay in registers.
//
// Include this once per instruction set, after winograd_floats_body.h or winograd_halves_body.h. winograd_tiles_body.h
// lists the constants that the includer must define.

inline Register load_register(const float *from) {
  Register result;
  __builtin_memcpy(&result, from, sizeof result);
  return result;
}

inline void store_register(const Register &numbers, float *to) { __builtin_memcpy(to, &numbers, sizeof numbers); }

// Multiplies `rows` tiles by `width` registers of filters.
template <int rows, int width>
void multiply_rows(const float *left, int64_t panel, const float *right, int64_t channels, float *to) {
  Register sums[rows][width] = {};
  for (int64_t c = 0; c < channels; c += kLanes, left += panel) {
    for (int k = 0; k < kLanes; k++, right += width * kRegister) {
      Register filters[width];
#pragma GCC unroll 4
      for (int j = 0; j < width; j++) filters[j] = load_register(right + j * kRegister);
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) {
        const float tile = left[i * kLanes + k];
#pragma GCC unroll 4
        for (int j = 0; j < width; j++) multiply_add(sums[i][j], tile, filters[j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) store_register(sums[i][j], to + (i * width + j) * kRegister);
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
  constexpr auto by_rows = multiply_by_rows<width>(std::make_index_sequence<kRows>());
  const int64_t step = odd_lines(layout.tiles * part.columns);
  for (int i = 0; i < kProducts; i++) {
    const float *left = tiles + i * layout.product(), *right = filters + i * part.product();
    for (int64_t tile = 0; tile < layout.tiles; tile += kRows) {
      const int64_t rows = std::min<int64_t>(kRows, layout.tiles - tile);
      by_rows[static_cast<size_t>(rows - 1)](left + tile * kLanes, layout.panel(), right, layout.channels,
                                             products + i * step + tile * part.columns);
    }
  }
}

// A part holds kWidth registers of filters, or the last sixteen filters.
void multiply(const float *tiles, const Transformed &layout, const float *filters, const FilterPart &part,
              float *products) {
  if (part.columns == kWidth * kRegister) return multiply_part<kWidth>(tiles, layout, filters, part, products);
  multiply_part<kLanes / kRegister>(tiles, layout, filters, part, products);
}

// Multiplies kChannels channels of x by `width` registers of channels of dy and sums over all tiles.
template <int width>
void multiply_channels(const float *left, const float *right, int64_t panel, int64_t tiles, bool add, float *to,
                       int64_t step) {
  Register sums[kChannels][width] = {};
  for (int64_t tile = 0; tile < tiles; tile++, left += kLanes, right += kLanes) {
    Register filters[width];
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) {
      filters[j] = load_register(right + j * kRegister / kLanes * panel + j * kRegister % kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kChannels; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < width; j++) multiply_add(sums[i][j], left[i], filters[j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kChannels; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) {
      float *place = to + i * step + j * kRegister;
      store_register(add ? load_register(place) + sums[i][j] : sums[i][j], place);
    }
  }
}

// Multiplies sixteen channels of x by `width` registers of channels of dy, beginning with its channel `k`.
template <int width>
void multiply_panel(const float *left, const float *right, const Transformed &right_layout, int64_t k, bool add,
                    float *to) {
  const int64_t out = right_layout.channels;
  for (int channel = 0; channel < kLanes; channel += kChannels) {
    multiply_channels<width>(left + channel, right + k / kLanes * right_layout.panel(), right_layout.panel(),
                             right_layout.tiles, add, to + channel * out + k, out);
  }
}

void multiply_tiles(const float *x, const Transformed &x_layout, const float *dy, const Transformed &dy_layout,
                    Range part, bool add, float *products) {
  const int64_t in = x_layout.channels, out = dy_layout.channels, panels = in / kLanes;
  for (int64_t at = part.first; at < part.last; at++) {
    const int64_t product = at / panels, panel = at % panels;
    const float *left = x + product * x_layout.product() + panel * x_layout.panel();
    const float *right = dy + product * dy_layout.product();
    float *to = products + (product * in + panel * kLanes) * out;
    int64_t k = 0;
    for (; k + kWidth * kRegister <= out; k += kWidth * kRegister) {
      multiply_panel<kWidth>(left, right, dy_layout, k, add, to);
    }
    if (k < out) multiply_panel<kLanes / kRegister>(left, right, dy_layout, k, add, to);
  }
}
