// `hubel zoo`: the networks that Hubel knows by name.
#include "hubel/zoo.hpp"

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "hubel/network.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

void add_zoo(CLI::App& app, int& exit_code) {
  CLI::App* c = app.add_subcommand("zoo", "List the networks that are known by name");
  c->callback([&exit_code] {
    detail::print("{:<20} {:<15} {:>8} {:>20} {:>16}\n", "name", "input", "classes", "trainable parameters",
                  "multiply-adds");
    for (const std::string_view name : zoo_names()) {
      const Graph graph = zoo_graph(name);
      std::int64_t parameters = 0, macs = 0;
      const std::vector<LayerInfo> layers = layer_infos(graph);
      for (const LayerInfo& layer : layers) parameters += layer.trainable, macs += layer.macs;
      detail::print("{:<20} {:<15} {:>8} {:>20} {:>16}\n", name, graph.input_shape().to_string(),
                    layers.back().output_shape.back(), with_commas(parameters), with_commas(macs));
    }
    exit_code = 0;
  });
}

}  // namespace hubel::cli
