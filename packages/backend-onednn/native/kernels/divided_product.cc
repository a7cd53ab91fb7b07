#include "divided_product.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "../team.h"

namespace vgg {
namespace {

// Most parts of a product, and the rows or columns that the length of a part is a multiple of.
constexpr int64_t kParts = 8, kStep = 16;

// How the rows or, if there are more, the columns are divided. `length` is that of every part but the last.
struct Division {
  explicit Division(const PlainProduct &p)
      : by_rows(p.rows >= p.columns),
        total(by_rows ? p.rows : p.columns),
        length(std::min(total, (total + kParts * kStep - 1) / (kParts * kStep) * kStep)),
        count((total + length - 1) / length) {}

  Share part(int64_t i) const { return {i * length, std::min(total, (i + 1) * length)}; }

  const bool by_rows;
  const int64_t total, length, count;
};

memory::desc strided(int64_t rows, int64_t columns, int64_t row, int64_t column,
                     memory::data_type type = memory::data_type::f32) {
  return {memory::dims{rows, columns}, type, memory::dims{row, column}};
}

// Returns the primitive of a part of this length, for one thread.
std::shared_ptr<const CachedPrimitive> primitive_of(Context &context, const PlainProduct &p, const Division &division,
                                                    int64_t length) {
  const ThreadLimit alone(1);
  const int64_t rows = division.by_rows ? length : p.rows, columns = division.by_rows ? p.columns : length;
  const Key key = Key("part of a product")
                      .add(Dims{p.rows, p.terms, p.columns, rows, columns})
                      .add(p.transpose_a)
                      .add(p.transpose_b)
                      .add(p.bias != nullptr)
                      .add(p.relu);
  return context.primitives.get(key, [&] {
    const memory::desc a =
        strided(rows, p.terms, p.transpose_a ? 1 : p.terms, p.transpose_a ? p.rows : 1, context.multiplied);
    const memory::desc b =
        strided(p.terms, columns, p.transpose_b ? 1 : p.columns, p.transpose_b ? p.terms : 1, context.multiplied);
    const memory::desc bias = strided(1, columns, columns, 1), y = strided(rows, columns, p.columns, 1);
    const dnnl::primitive_attr attributes = user_scratchpad(p.relu);
    return cached_product(p.bias == nullptr ? describe<dnnl::matmul>(context.engine, attributes, a, b, y)
                                            : describe<dnnl::matmul>(context.engine, attributes, a, b, bias, y));
  });
}

}  // namespace

void multiply_divided(Context &context, const PlainProduct &p) {
  const Division division(p);
  const Share last = division.part(division.count - 1);
  const auto whole = primitive_of(context, p, division, division.length);
  const auto rest = primitive_of(context, p, division, last.last - last.first);
  const size_t scratch = std::max(whole->scratchpad.get_size(), rest->scratchpad.get_size());
  std::vector<Buffer> scratchpads(static_cast<size_t>(omp_get_max_threads()));
  for (Buffer &own : scratchpads) own = context.pool.take(std::max<size_t>(1, scratch));
  const int64_t bytes = context.bfloat16 ? 2 : 4;
  const double start = now();
  on_all_threads([&] {
    dnnl::stream stream(context.engine);
    const Share mine = own_share(p.batch * division.count);
    for (int64_t i = mine.first; i < mine.last; i++) {
      const int64_t matrix = i / division.count, part = i % division.count;
      const auto [first, end] = division.part(part);
      const CachedPrimitive &primitive = part == division.count - 1 ? *rest : *whole;
      // Places of the first numbers.
      int64_t a = matrix * p.rows * p.terms, b = matrix * p.terms * p.columns, y = matrix * p.rows * p.columns;
      float *bias = p.bias;
      if (division.by_rows) {
        a += first * (p.transpose_a ? 1 : p.terms);
        y += first * p.columns;
      } else {
        b += first * (p.transpose_b ? p.terms : 1);
        y += first;
        if (bias != nullptr) bias += first;
      }
      const auto at = [&](const memory::desc &layout, void *data) { return memory(layout, context.engine, data); };
      std::unordered_map<int, memory> arguments{
          {DNNL_ARG_SRC, at(primitive.source, static_cast<char *>(p.a) + a * bytes)},
          {DNNL_ARG_WEIGHTS, at(primitive.weights, static_cast<char *>(p.b) + b * bytes)},
          {DNNL_ARG_DST, at(primitive.destination, p.y + y)},
          {DNNL_ARG_SCRATCHPAD,
           at(primitive.scratchpad, scratchpads[static_cast<size_t>(omp_get_thread_num())].data())},
      };
      const int64_t columns = division.by_rows ? p.columns : end - first;
      if (bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, at(strided(1, columns, columns, 1), bias));
      primitive.primitive.execute(stream, arguments);
      stream.wait();
    }
  });
  context.primitive_seconds += now() - start;
}

}  // namespace vgg
