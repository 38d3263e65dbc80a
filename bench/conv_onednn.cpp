// Convolutions beside oneDNN's, in one process: each shape and pass is run by the two in turn, round after round, and
// the medians' ratio is printed. oneDNN runs in the layout of its own choice and in NHWC, and the faster one counts;
// bringing data into its layouts is not counted against it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>

#include "hubel/benchmark.hpp"
#include "hubel/conv.hpp"
#include "hubel/conv_plan.hpp"
#include "in_turn.hpp"

namespace {

enum class Pass { forward, backward_data, backward_weights };
constexpr Pass kPasses[] = {Pass::forward, Pass::backward_data, Pass::backward_weights};
const char* name_of(Pass pass) {
  return pass == Pass::forward ? "forward" : pass == Pass::backward_data ? "backward-data" : "backward-weights";
}

// A convolution of the list and its sizes.
struct Problem : hubel::ConvGeometry {
  hubel::ConvBenchmark as_listed;

  explicit Problem(const hubel::ConvBenchmark& c)
      : hubel::ConvGeometry(hubel::conv_geometry(c.x, c.W, c.options, c.name)), as_listed(c) {}
  bool depthwise() const { return groups > 1 && groups == c_prev && groups == c_new; }
  // Operations of any one of the three passes, counted as direct convolution.
  double flops() const {
    return 2.0 * static_cast<double>(m * h_new * w_new * c_new) * static_cast<double>(kh * kw * c_prev / groups);
  }
};

// Data of one shape, random and alike for both.
struct Data {
  hubel::Tensor<float> x, w, b, y, dx, dw, dy;

  explicit Data(const Problem& s)
      : x(s.as_listed.x),
        w(s.as_listed.W),
        b({1, 1, 1, s.c_new}),
        y(s.output_shape()),
        dx(x.shape()),
        dw(w.shape()),
        dy(y.shape()) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (auto* t : {&x, &w, &b, &dy}) {
      for (float& v : *t) v = uniform(random);
    }
  }
};

// Prepared as oneDNN's side is: the kernel packed beforehand. With `plain` by the plain functions, which pack it in
// every call.
std::function<void()> hubel_pass(const Problem& s, Pass pass, Data& d, bool plain) {
  const auto options = s.as_listed.options;
  if (!plain) {
    auto plan = std::make_shared<hubel::ConvPlan<float>>(d.x.shape(), d.w.shape(), options);
    plan->set_weights(d.w);
    switch (pass) {
      case Pass::forward:
        return [&d, plan] { plan->forward(d.x, d.b, hubel::Activation::identity, d.y); };
      case Pass::backward_data:
        return [&d, plan] { plan->backward_data(d.dy, d.dx); };
      default:
        return [&d, plan] { plan->backward_weights(d.dy, d.x, d.dw); };
    }
  }
  switch (pass) {
    case Pass::forward:
      return [&d, options] { hubel::conv_forward(d.x, d.w, d.b, hubel::Activation::identity, options, d.y); };
    case Pass::backward_data:
      return [&d, options] { hubel::conv_backward(d.dy, d.x, d.w, options, d.dx, {}, {}); };
    default:
      return [&d, options] { hubel::conv_backward(d.dy, d.x, d.w, options, {}, d.dw, {}); };
  }
}

// One pass of oneDNN's convolution, its memory ready in the layouts that it wants; false where it has none.
class Peer {
 public:
  Peer(const Problem& s, Pass pass, bool nhwc, Data& d) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dt = dnnl::memory::data_type;
    using tag = dnnl::memory::format_tag;
    const auto layout = nhwc ? tag::nhwc : tag::any;
    const dnnl::memory::dims xd{s.m, s.c_prev, s.h_prev, s.w_prev}, yd{s.m, s.c_new, s.h_new, s.w_new}, bd{s.c_new};
    const dnnl::memory::dims wd =
        s.groups == 1 ? dnnl::memory::dims{s.c_new, s.c_prev, s.kh, s.kw}
                      : dnnl::memory::dims{s.groups, s.c_new / s.groups, s.c_prev / s.groups, s.kh, s.kw};
    const dnnl::memory::dims strides{s.sh, s.sw}, before{s.top, s.left}, after{s.bottom, s.right};
    const dnnl::memory::desc x(xd, dt::f32, layout), w(wd, dt::f32, tag::any), y(yd, dt::f32, layout),
        b(bd, dt::f32, tag::a);
    const auto algorithm = dnnl::algorithm::convolution_auto;
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, algorithm, x, w, b, y, strides, before, after}, engine_);
    const dnnl::memory::desc user_x(xd, dt::f32, tag::nhwc), user_y(yd, dt::f32, tag::nhwc),
        user_w(wd, dt::f32, s.groups == 1 ? tag::hwio : tag::hwigo);
    const auto into = [&](const dnnl::memory::desc& want, const dnnl::memory::desc& have, float* from) {
      dnnl::memory user(have, engine_, from), own(want, engine_);
      dnnl::reorder(user, own).execute(stream_, user, own);
      stream_.wait();
      return own;
    };
    if (pass == Pass::forward) {
      primitive_ = dnnl::convolution_forward(forward);
      arguments_ = {{DNNL_ARG_SRC, into(forward.src_desc(), user_x, d.x.data())},
                    {DNNL_ARG_WEIGHTS, into(forward.weights_desc(), user_w, d.w.data())},
                    {DNNL_ARG_BIAS, into(forward.bias_desc(), b, d.b.data())},
                    {DNNL_ARG_DST, dnnl::memory(forward.dst_desc(), engine_)}};
    } else if (pass == Pass::backward_data) {
      const dnnl::convolution_backward_data::primitive_desc backward(
          {dnnl::algorithm::convolution_direct, x, w, y, strides, before, after}, engine_, forward);
      primitive_ = dnnl::convolution_backward_data(backward);
      arguments_ = {{DNNL_ARG_DIFF_DST, into(backward.diff_dst_desc(), user_y, d.dy.data())},
                    {DNNL_ARG_WEIGHTS, into(backward.weights_desc(), user_w, d.w.data())},
                    {DNNL_ARG_DIFF_SRC, dnnl::memory(backward.diff_src_desc(), engine_)}};
    } else {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          {dnnl::algorithm::convolution_direct, x, w, y, strides, before, after}, engine_, forward);
      primitive_ = dnnl::convolution_backward_weights(backward);
      arguments_ = {{DNNL_ARG_SRC, into(backward.src_desc(), user_x, d.x.data())},
                    {DNNL_ARG_DIFF_DST, into(backward.diff_dst_desc(), user_y, d.dy.data())},
                    {DNNL_ARG_DIFF_WEIGHTS, dnnl::memory(backward.diff_weights_desc(), engine_)}};
    }
  }
  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Hubel's convolutions beside oneDNN's; ratios above 1 mean that Hubel is faster.");
  std::string file = HUBEL_BENCH_DIR "/conv_shapes.txt", only, pass_only;
  hubel::bench::Settings settings;
  bool plain = false;
  app.add_option("--shapes", file, "File of shapes")->capture_default_str();
  app.add_option("--only", only, "Only shapes whose name contains this");
  app.add_option("--pass", pass_only, "Only this pass")
      ->check(CLI::IsMember({"forward", "backward-data", "backward-weights"}));
  app.add_flag("--plain", plain, "Hubel's plain functions, which pack the kernel in every call, instead of plans");
  settings.add_to(app);
  CLI11_PARSE(app, argc, argv);

  settings.apply();
  fmt::print("{:<22}{:<18}{:>10}{:>10}{:>11}{:>11}{:>8}\n", "shape", "pass", "Hubel ms", "GFLOP/s", "blocked ms",
             "NHWC ms", "ratio");
  std::map<std::pair<bool, Pass>, hubel::bench::Sums> sums;
  for (const hubel::ConvBenchmark& listed : hubel::read_conv_shapes(file)) {
    if (listed.name.find(only) == std::string::npos) continue;
    const Problem s(listed);
    Data data(s);
    for (Pass pass : kPasses) {
      if (!pass_only.empty() && pass_only != name_of(pass)) continue;
      const auto ours = hubel_pass(s, pass, data, plain);
      Peer blocked(s, pass, false, data), nhwc(s, pass, true, data);
      const std::vector<double> times =
          hubel::bench::in_turn({ours, [&] { blocked.run(); }, [&] { nhwc.run(); }}, settings);
      const double hubel_s = times[0], blocked_s = times[1], nhwc_s = times[2];
      const double ratio = std::min(blocked_s, nhwc_s) / hubel_s;
      sums[{s.depthwise(), pass}].add(ratio);
      fmt::print("{:<22}{:<18}{:>10.3f}{:>10.1f}{:>11.3f}{:>11.3f}{:>8.2f}\n", listed.name, name_of(pass),
                 hubel_s * 1e3, s.flops() / hubel_s / 1e9, blocked_s * 1e3, nhwc_s * 1e3, ratio);
      std::fflush(stdout);
    }
  }
  for (const auto& [key, sum] : sums) {
    fmt::print("{} {}: geometric mean {:.2f}, lowest {:.2f}, of {} shapes\n", key.first ? "depthwise" : "dense",
               name_of(key.second), sum.mean(), sum.lowest, sum.count);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
