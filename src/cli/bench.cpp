// `hubel bench`: how fast each layer, or each convolution of a list, is, and how near to what this machine can do.

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "hubel/benchmark.hpp"
#include "hubel/hubel.hpp"
#include "text/formatted.hpp"
#include "text/number.hpp"

namespace hubel::cli {

namespace {

struct Options {
  std::string network = "lenet5", shapes;
  std::int64_t batch = 32;
  double seconds = 0.2;
  bool json = false;
};

// The share of the machine's limit, and which limit it is.
double share(const Timing& t, const MachineLimits& limits) { return attainable_seconds(t, limits) / t.seconds; }
const char* bound(const Timing& t, const MachineLimits& limits) {
  return t.flops / limits.flops >= t.bytes / limits.bytes ? "compute" : "memory";
}

void print_header(const MachineLimits& limits) {
  detail::print("{}, {} thread{}: {:.0f} GFLOP/s of multiply-adds in registers, {:.1f} GB/s from memory\n",
                limits.instruction_set, limits.threads, limits.threads == 1 ? "" : "s", limits.flops / 1e9,
                limits.bytes / 1e9);
  detail::print(
      "The share is that of the nearer limit, compute or memory; above 100 % the data came from the caches.\n\n");
  detail::print("{:<22} {:<17} {:>10} {:>10} {:>8} {:>8}  {:<8} {}\n", "layer", "pass", "time/us", "GFLOP/s", "GB/s",
                "share", "limit", "what");
}

void print_row(const Timing& t, const MachineLimits& limits) {
  detail::print("{:<22} {:<17} {:>10.1f} {:>10.1f} {:>8.1f} {:>6.0f} %  {:<8} {}\n", t.name, t.pass, 1e6 * t.seconds,
                t.flops / t.seconds / 1e9, t.bytes / t.seconds / 1e9, 100 * share(t, limits), bound(t, limits),
                t.detail);
  std::fflush(stdout);
}

nlohmann::json to_json(const Timing& t, const MachineLimits& limits) {
  return {{"name", t.name},   {"pass", t.pass},   {"detail", t.detail},        {"seconds", t.seconds},
          {"flops", t.flops}, {"bytes", t.bytes}, {"share", share(t, limits)}, {"limit", bound(t, limits)}};
}

// What is wrong with a text that shall be a number of seconds, or nothing.
std::string is_time(const std::string& text) {
  constexpr double kLeast = 0.001, kMost = 600;
  const double seconds = detail::finite_number(text).value_or(0);
  return seconds >= kLeast && seconds <= kMost
             ? ""
             : detail::formatted("a time is a number of seconds from {} to {}, not {}", kLeast, kMost, text);
}

int run(const Options& o, const ZooOptions& zoo) {
  std::vector<ConvBenchmark> convolutions;
  if (!o.shapes.empty()) convolutions = read_conv_shapes(o.shapes);
  std::optional<Network<float>> network;
  if (o.shapes.empty()) network.emplace(named_graph(o.network, zoo).graph);
  catch_interrupts();
  const MachineLimits limits = measure_machine();
  nlohmann::json rows = nlohmann::json::array();
  double seconds = 0;
  const auto report = [&](const std::vector<Timing>& timings) {
    for (const Timing& t : timings) {
      seconds += t.seconds;
      o.json ? rows.push_back(to_json(t, limits)) : print_row(t, limits);
    }
  };
  if (!o.json) print_header(limits);
  if (o.shapes.empty()) {
    report(time_layers(*network, o.batch, o.seconds));
    if (!o.json) {
      detail::print("\nAll layers, {} samples, forward and backward: {:.3f} ms, {} samples/s\n", o.batch, 1e3 * seconds,
                    with_commas(static_cast<long long>(static_cast<double>(o.batch) / seconds)));
    }
  } else {
    for (const ConvBenchmark& c : convolutions) {
      if (interrupted()) break;
      report(time_convolution(c, o.seconds));
    }
  }
  if (o.json) {
    const nlohmann::json all = {{"machine",
                                 {{"instruction_set", limits.instruction_set},
                                  {"threads", limits.threads},
                                  {"flops", limits.flops},
                                  {"bytes", limits.bytes}}},
                                {"timings", rows}};
    detail::print("{}\n", all.dump(2));
  }
  return interrupted() ? interrupted_code() : 0;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("bench", "Time each layer, beside what this machine can do at most");
  auto zoo = std::make_shared<ZooOptions>();
  CLI::Option* network =
      c->add_option("network", o->network, kNetworkHelp)->type_name("NETWORK")->capture_default_str();
  add_zoo_options(*c, zoo);
  CLI::Option* shapes =
      c->add_option(
           "--shapes", o->shapes,
           "Instead of a network, the convolutions listed in FILE, one a line: name m c_prev h w c_new kh kw stride "
           "padding groups")
          ->type_name("FILE")
          ->excludes(network);
  c->add_option("--batch", o->batch, "Samples at a time, of a network")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->excludes(shapes);
  c->add_option("--seconds", o->seconds, "Time to spend on each pass of each layer")
      ->check(CLI::Validator(is_time, "S"))
      ->type_name("S")
      ->capture_default_str();
  c->add_flag("--json", o->json, "Print the figures as JSON, in seconds, operations and bytes");
  add_threads_option(*c);
  c->callback([o, zoo, &exit_code] { exit_code = run(*o, *zoo); });
}

}  // namespace hubel::cli
