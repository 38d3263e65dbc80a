// `hubel plot`: a network drawn as an SVG image.
#include "hubel/plot.hpp"

#include <span>

#include "cli/commands.hpp"
#include "cli/shared.hpp"
#include "files/atomic_file.hpp"

namespace hubel::cli {

namespace {

struct Options {
  std::string network = "lenet5", out = "network.svg";
  bool every_layer = false;
};

int run(const Options& o, const ZooOptions& zoo) {
  const std::string svg = graph_svg(named_graph(o.network, zoo).graph, {.merge = !o.every_layer});
  hubel::detail::AtomicFile file(o.out);
  file.write(std::as_bytes(std::span(svg)));
  file.commit();
  return 0;
}

}  // namespace

void add_plot(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto zoo = std::make_shared<ZooOptions>();
  CLI::App* c = app.add_subcommand("plot", "Draw a network as an SVG image");
  c->add_option("network", o->network, kNetworkHelp)->type_name("NETWORK")->capture_default_str();
  c->add_option("--out", o->out, "The file to write")->type_name("FILE")->capture_default_str();
  c->add_flag("--every-layer", o->every_layer, "A box for each norm, activation and dropout too");
  add_zoo_options(*c, zoo);
  c->callback([o, zoo, &exit_code] { exit_code = run(*o, *zoo); });
}

}  // namespace hubel::cli
