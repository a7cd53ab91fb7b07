// The products between the transforms, summed up in registers: included once for each set of instructions, behind
// winograd_tiles_body.h's types and with ROWS, WIDTH and TURNED_ROWS, the numbers that the registers hold.

// ROWS tiles times WIDTH x 16 filters: `rows` and `width` of them.
template <int rows, int width>
void multiply_rows(const float *left, int64_t panel, const float *right, int64_t channels, float *to) {
  Lanes sums[rows][width] = {};
  for (int64_t c = 0; c < channels; c += LANES, left += panel) {
#pragma GCC unroll 2
    for (int k = 0; k < LANES; k++, right += width * LANES) {
      Lanes filters[width];
#pragma GCC unroll 4
      for (int j = 0; j < width; j++) filters[j] = load(right + j * LANES);
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) {
        const float tile = left[i * LANES + k];
#pragma GCC unroll 4
        for (int j = 0; j < width; j++) sums[i][j] += tile * filters[j];
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) store(sums[i][j], to + (i * width + j) * LANES);
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

void multiply(const float *tiles, const Transformed &layout, const float *filters, const FilterPart &part,
              float *products) {
  if (part.columns == LANES) return multiply_part<1>(tiles, layout, filters, part, products);
  multiply_part<WIDTH>(tiles, layout, filters, part, products);
}

// TURNED_ROWS channels of x times `width` x 16 of dy, over all tiles.
template <int width>
void multiply_channels(const float *left, const float *right, int64_t panel, int64_t tiles, bool add, float *to,
                       int64_t step) {
  Lanes sums[TURNED_ROWS][width] = {};
#pragma GCC unroll 2
  for (int64_t tile = 0; tile < tiles; tile++, left += LANES, right += LANES) {
    Lanes filters[width];
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) filters[j] = load(right + j * panel);
#pragma GCC unroll 16
    for (int i = 0; i < TURNED_ROWS; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < width; j++) sums[i][j] += left[i] * filters[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < TURNED_ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) {
      float *place = to + i * step + j * LANES;
      store(add ? load(place) + sums[i][j] : sums[i][j], place);
    }
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
    for (; k + WIDTH * LANES <= out; k += WIDTH * LANES) {
      for (int row = 0; row < LANES; row += TURNED_ROWS) {
        multiply_channels<WIDTH>(left + row, right + k / LANES * dy_layout.panel(), dy_layout.panel(), x_layout.tiles,
                                 add, to + row * out + k, out);
      }
    }
    for (; k < out; k += LANES) {
      for (int row = 0; row < LANES; row += TURNED_ROWS) {
        multiply_channels<1>(left + row, right + k / LANES * dy_layout.panel(), dy_layout.panel(), x_layout.tiles, add,
                             to + row * out + k, out);
      }
    }
  }
}
