// Times oneDNN's convolution primitives alone on the shapes of a VGG, in the layouts that the backend could use.
//
//   g++ -O2 -std=c++17 -fopenmp -I packages/backend-onednn/native bench/onednn/primitives.cc -ldnnl -o /tmp/primitives
//   OMP_NUM_THREADS=2 /tmp/primitives BATCH SIDE [f32|bf16|mixed] [WIDTH=1] [REPEATS=3]
// Prints one line per shape, direction and layout: processor time in milliseconds divided by threads, GFLOP/s, and
// oneDNN's implementation. `mixed` multiplies bf16 and returns f32. Processor time is less affected by other work on
// the machine.
#include <omp.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "dnnl_versions.h"

using namespace vgg;
using tag = memory::format_tag;
using type = memory::data_type;

static double processor_seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Case {
  int64_t in, out, side;
  int count;
};

int main(int argc, char **argv) {
  const int64_t batch = argc > 1 ? atoll(argv[1]) : 8, side = argc > 2 ? atoll(argv[2]) : 224;
  const std::string precision = argc > 3 ? argv[3] : "f32";
  const double width = argc > 4 ? atof(argv[4]) : 1;
  const int repeats = argc > 5 ? atoi(argv[5]) : 3;
  const type t = precision == "f32" ? type::f32 : type::bf16;
  const type result = precision == "bf16" ? type::bf16 : type::f32;
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const int threads = omp_get_max_threads();
  std::vector<Case> cases;
  const int64_t plan[5][2] = {{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}};
  int64_t in = 3, at = side;
  for (const auto &stage : plan) {
    const auto out = static_cast<int64_t>(static_cast<double>(stage[0]) * width);
    cases.push_back({in, out, at, 1});
    if (!cases.empty() && in == out) {
      cases.back().count = static_cast<int>(stage[1]);
    } else {
      cases.push_back({out, out, at, static_cast<int>(stage[1]) - 1});
    }
    in = out;
    at /= 2;
  }
  std::map<std::string, double> totals;
  for (const Case &c : cases) {
    const memory::dims x{batch, c.in, c.side, c.side}, w{c.out, c.in, 3, 3}, y{batch, c.out, c.side, c.side};
    const memory::dims one{1, 1}, zero{0, 0};
    const double work = 2.0 * 9 * static_cast<double>(c.in * c.out * c.side * c.side * batch);
    std::map<std::string, double> best;
    for (const char *layout : {"nhwc", "any"}) {
      const tag activations = layout[0] == 'n' ? tag::nhwc : tag::any;
      const auto desc = [&](const memory::dims &dims, type of, tag format) { return memory::desc(dims, of, format); };
      const auto time = [&](const char *direction, const char *info, dnnl::primitive primitive,
                            std::vector<std::pair<int, memory::desc>> arguments) {
        std::unordered_map<int, memory> memories;
        for (auto &[index, layout_of] : arguments) {
          memory m(layout_of, engine);
          std::memset(m.get_data_handle(), 0x11, layout_of.get_size());
          memories.emplace(index, m);
        }
        double least = 1e30;
        for (int i = 0; i <= repeats; i++) {
          const double start = processor_seconds();
          primitive.execute(stream, memories);
          stream.wait();
          if (i > 0) least = std::min(least, processor_seconds() - start);
        }
        least /= threads;
        std::printf("%4ld->%4ld %4ld %-6s %-4s %8.2f ms %7.0f GFLOP/s x%d  %s\n", c.in, c.out, c.side, direction,
                    layout, 1e3 * least, work / least / threads * threads / 1e9, c.count, info);
        std::fflush(stdout);
        totals[std::string(direction) + " " + layout] += least * c.count;
        const auto known = best.find(direction);
        if (known == best.end() || known->second > least) best[direction] = least;
      };
      try {
        const auto forward = describe<dnnl::convolution_forward>(
            engine, dnnl::primitive_attr(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
            desc(x, t, c.in == 3 ? tag::nhwc : activations), desc(w, t, tag::any), desc(y, result, activations), one,
            zero, one, one);
        time("forward", forward.impl_info_str(), dnnl::convolution_forward(forward),
             {{DNNL_ARG_SRC, forward.src_desc()},
              {DNNL_ARG_WEIGHTS, forward.weights_desc()},
              {DNNL_ARG_DST, forward.dst_desc()}});
        const auto hint = describe<dnnl::convolution_forward>(
            engine, dnnl::primitive_attr(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
            desc(x, t, c.in == 3 ? tag::nhwc : activations), desc(w, t, tag::any), desc(y, t, activations), one, zero,
            one, one);
        if (c.in != 3) {
          const auto data = describe_backward<dnnl::convolution_backward_data>(
              engine, dnnl::primitive_attr(), hint, dnnl::algorithm::convolution_direct, desc(x, result, activations),
              desc(w, t, tag::any), desc(y, t, activations), one, zero, one, one);
          time("data", data.impl_info_str(), dnnl::convolution_backward_data(data),
               {{DNNL_ARG_DIFF_SRC, data.diff_src_desc()},
                {DNNL_ARG_WEIGHTS, data.weights_desc()},
                {DNNL_ARG_DIFF_DST, data.diff_dst_desc()}});
        }
        const auto weights = describe_backward<dnnl::convolution_backward_weights>(
            engine, dnnl::primitive_attr(), hint, dnnl::algorithm::convolution_direct,
            desc(x, t, c.in == 3 ? tag::nhwc : activations), desc(w, type::f32, tag::any),
            desc({c.out}, type::f32, tag::x), desc(y, t, activations), one, zero, one, one);
        time("weight", weights.impl_info_str(), dnnl::convolution_backward_weights(weights),
             {{DNNL_ARG_SRC, weights.src_desc()},
              {DNNL_ARG_DIFF_WEIGHTS, weights.diff_weights_desc()},
              {DNNL_ARG_DIFF_BIAS, weights.diff_bias_desc()},
              {DNNL_ARG_DIFF_DST, weights.diff_dst_desc()}});
      } catch (const dnnl::error &error) {
        std::printf("%4ld->%4ld %4ld %s: %s\n", c.in, c.out, c.side, layout, error.message);
      }
    }
    for (const auto &[direction, seconds] : best) totals[direction + " best"] += seconds * c.count;
  }
  for (const auto &[name, seconds] : totals) std::printf("sum %-14s %8.1f ms\n", name.c_str(), 1e3 * seconds);
  return 0;
}
