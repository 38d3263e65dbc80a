// Dense layers beside oneDNN's, in one process: each size and pass is run by the two in turn, round after round, and
// the medians' ratio is printed. oneDNN runs as inner product and as matrix product, each with its weights in the
// layout of its own choice and as they are, and the fastest counts; bringing data into its layouts is not counted
// against it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <random>
#include <sstream>

#include "hubel/dense.hpp"
#include "in_turn.hpp"

namespace {

using hubel::bench::Work;
using Dims = dnnl::memory::dims;
using Layout = dnnl::memory::format_tag;

enum class Pass { forward, backward_data, backward_weights };
constexpr Pass kPasses[] = {Pass::forward, Pass::backward_data, Pass::backward_weights};
const char* name_of(Pass pass) {
  return pass == Pass::forward ? "forward" : pass == Pass::backward_data ? "backward-data" : "backward-weights";
}

// A layer (m, n_in) -> (m, n_out).
struct Size {
  std::int64_t m, n_in, n_out;

  // Operations of any one of the three passes.
  double flops() const { return 2.0 * static_cast<double>(m * n_in * n_out); }
  std::string name() const { return fmt::format("{}x{}x{}", m, n_in, n_out); }
};

Size size_from(const std::string& text) {
  Size s{};
  char first = 0, second = 0;
  std::istringstream in(text);
  if (in >> s.m >> first >> s.n_in >> second >> s.n_out && first == 'x' && second == 'x' && in.eof()) return s;
  throw CLI::ValidationError("--size", "an example is 32x400x120: m, n_in, n_out (got: " + text + ")");
}

// Data of one size, random and alike for both.
struct Data {
  hubel::Tensor<float> x, w, b, y, dx, dw, dy;

  explicit Data(const Size& s)
      : x({s.m, s.n_in}),
        w({s.n_in, s.n_out}),
        b({s.n_out}),
        y({s.m, s.n_out}),
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

Work hubel_pass(Pass pass, Data& d) {
  switch (pass) {
    case Pass::forward:
      return [&d] { hubel::dense_forward(d.x, d.w, d.b, hubel::Activation::identity, d.y); };
    case Pass::backward_data:
      return [&d] { hubel::dense_backward(d.dy, d.x, d.w, d.dx, {}, {}); };
    default:
      return [&d] { hubel::dense_backward(d.dy, d.x, d.w, {}, d.dw, {}); };
  }
}

// oneDNN at work on one pass: a primitive and its memory, in the layouts that it wants.
class Peer {
 public:
  // As matrix product: (rows, inner) by (inner, columns), from plain memory of these layouts; `any` lets oneDNN choose.
  static Peer matrix_product(const Size& s, Pass pass, bool any, Data& d) {
    Peer peer;
    const Dims x{s.m, s.n_in}, w{s.n_in, s.n_out}, y{s.m, s.n_out}, b{1, s.n_out};
    const auto make = [&](const Plain& source, const Plain& weights, const Dims& out, bool bias) {
      const auto wanted = [&](const Plain& p) { return any ? p.any() : p.desc(); };
      const dnnl::memory::desc result(out, kFloat, Layout::ab), bias_desc(b, kFloat, Layout::ab);
      const dnnl::matmul::desc desc = bias ? dnnl::matmul::desc(wanted(source), wanted(weights), bias_desc, result)
                                           : dnnl::matmul::desc(wanted(source), wanted(weights), result);
      const dnnl::matmul::primitive_desc primitive(desc, peer.engine_);
      peer.primitive_ = dnnl::matmul(primitive);
      peer.give(DNNL_ARG_SRC, primitive.src_desc(), source);
      peer.give(DNNL_ARG_WEIGHTS, primitive.weights_desc(), weights);
      if (bias) peer.give(DNNL_ARG_BIAS, primitive.bias_desc(), {b, Layout::ab, d.b.data()});
      peer.take(DNNL_ARG_DST, primitive.dst_desc());
    };
    if (pass == Pass::forward) make({x, Layout::ab, d.x.data()}, {w, Layout::ab, d.w.data()}, y, true);
    if (pass == Pass::backward_data)
      make({y, Layout::ab, d.dy.data()}, {{s.n_out, s.n_in}, Layout::ba, d.w.data()}, x, false);
    if (pass == Pass::backward_weights)
      make({{s.n_in, s.m}, Layout::ba, d.x.data()}, {y, Layout::ab, d.dy.data()}, w, false);
    return peer;
  }

  static Peer inner_product(const Size& s, Pass pass, bool any, Data& d) {
    Peer peer;
    const Plain x{{s.m, s.n_in}, Layout::ab, d.x.data()}, w{{s.n_out, s.n_in}, Layout::ba, d.w.data()};
    const Plain b{{s.n_out}, Layout::a, d.b.data()}, dy{{s.m, s.n_out}, Layout::ab, d.dy.data()};
    const auto weights = any ? w.any() : w.desc();
    const dnnl::inner_product_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, x.desc(), weights, b.desc(), dy.desc()}, peer.engine_);
    if (pass == Pass::forward) {
      peer.primitive_ = dnnl::inner_product_forward(forward);
      peer.give(DNNL_ARG_SRC, forward.src_desc(), x);
      peer.give(DNNL_ARG_WEIGHTS, forward.weights_desc(), w);
      peer.give(DNNL_ARG_BIAS, forward.bias_desc(), b);
      peer.take(DNNL_ARG_DST, forward.dst_desc());
    } else if (pass == Pass::backward_data) {
      const dnnl::inner_product_backward_data::primitive_desc backward({x.desc(), weights, dy.desc()}, peer.engine_,
                                                                       forward);
      peer.primitive_ = dnnl::inner_product_backward_data(backward);
      peer.give(DNNL_ARG_DIFF_DST, backward.diff_dst_desc(), dy);
      peer.give(DNNL_ARG_WEIGHTS, backward.weights_desc(), w);
      peer.take(DNNL_ARG_DIFF_SRC, backward.diff_src_desc());
    } else {
      const dnnl::inner_product_backward_weights::primitive_desc backward({x.desc(), weights, dy.desc()}, peer.engine_,
                                                                          forward);
      peer.primitive_ = dnnl::inner_product_backward_weights(backward);
      peer.give(DNNL_ARG_SRC, backward.src_desc(), x);
      peer.give(DNNL_ARG_DIFF_DST, backward.diff_dst_desc(), dy);
      peer.take(DNNL_ARG_DIFF_WEIGHTS, backward.diff_weights_desc());
    }
    return peer;
  }

  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  static constexpr auto kFloat = dnnl::memory::data_type::f32;

  // Memory as Hubel has it.
  struct Plain {
    Dims dims;
    Layout layout;
    float* data;

    dnnl::memory::desc desc() const { return {dims, kFloat, layout}; }
    dnnl::memory::desc any() const { return {dims, kFloat, Layout::any}; }
  };

  void give(int argument, const dnnl::memory::desc& wanted, const Plain& have) {
    dnnl::memory user(have.desc(), engine_, have.data), own(wanted, engine_);
    dnnl::reorder(user, own).execute(stream_, user, own);
    stream_.wait();
    arguments_[argument] = own;
  }
  void take(int argument, const dnnl::memory::desc& desc) { arguments_[argument] = dnnl::memory(desc, engine_); }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Hubel's dense layers beside oneDNN's; ratios above 1 mean that Hubel is faster.");
  std::vector<std::string> sizes = {"32x400x120",    "32x120x84",    "1x400x120",   "128x512x512",
                                    "256x1024x1024", "32x2048x1000", "64x9216x4096"};
  hubel::bench::Settings settings;
  app.add_option("--size", sizes, "Layers, each as m x n_in x n_out")->capture_default_str();
  settings.add_to(app);
  CLI11_PARSE(app, argc, argv);

  settings.apply();
  fmt::print("{:<16}{:<18}{:>10}{:>10}{:>17}{:>17}{:>8}\n", "size", "pass", "Hubel ms", "GFLOP/s", "inner product ms",
             "matrix product ms", "ratio");
  std::map<Pass, hubel::bench::Sums> sums;
  for (const std::string& text : sizes) {
    const Size s = size_from(text);
    Data data(s);
    for (Pass pass : kPasses) {
      Peer inner_any = Peer::inner_product(s, pass, true, data), inner = Peer::inner_product(s, pass, false, data);
      Peer product_any = Peer::matrix_product(s, pass, true, data),
           product = Peer::matrix_product(s, pass, false, data);
      const std::vector<double> medians =
          hubel::bench::in_turn({hubel_pass(pass, data), [&] { inner_any.run(); }, [&] { inner.run(); },
                                 [&] { product_any.run(); }, [&] { product.run(); }},
                                settings);
      const double hubel_s = medians[0], inner_s = std::min(medians[1], medians[2]),
                   product_s = std::min(medians[3], medians[4]), ratio = std::min(inner_s, product_s) / hubel_s;
      sums[pass].add(ratio);
      fmt::print("{:<16}{:<18}{:>10.4f}{:>10.1f}{:>17.4f}{:>17.4f}{:>8.2f}\n", s.name(), name_of(pass), hubel_s * 1e3,
                 s.flops() / hubel_s / 1e9, inner_s * 1e3, product_s * 1e3, ratio);
      std::fflush(stdout);
    }
  }
  for (const auto& [pass, sum] : sums) {
    fmt::print("{}: geometric mean {:.2f}, lowest {:.2f}, of {} sizes\n", name_of(pass), sum.mean(), sum.lowest,
               sum.count);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
