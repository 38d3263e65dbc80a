// See network_by_name.hpp.
#include "cli/network_by_name.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <stdexcept>

#include "cli/shared.hpp"
#include "hubel/zoo.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

Graph graph_by_name(const NetworkChoice& choice, std::int64_t classes, const Shape& input_shape) {
  const auto names = zoo_names();
  if (std::find(names.begin(), names.end(), choice.text) == names.end()) {
    throw CLI::ValidationError(detail::formatted(
        "--model {}: no network has that name; `hubel zoo` lists those that there are, such as lenet5, and "
        "architecture files end in .json",
        choice.text));
  }
  try {
    return zoo_graph(choice.text, {classes, input_shape, choice.small_images});
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(detail::formatted("--model {}: {}", choice.text, error.what()));
  }
}

}  // namespace

Network<float> chosen_network(const NetworkChoice& choice, std::int64_t classes, const Shape& input_shape,
                              std::uint64_t seed) {
  const std::string& file = choice.text;
  if (!file.ends_with(".json")) return Network<float>(graph_by_name(choice, classes, input_shape), seed);
  Network<float> network(named_graph(file, {.small_images = choice.small_images}).graph, seed);
  if (!(network.input_shape() == input_shape)) {
    throw std::runtime_error(detail::formatted("{} takes images of shape {} but those of the data set are {}", file,
                                               network.input_shape().to_string(), input_shape.to_string()));
  }
  if (network.output_shape().elements() < classes) {
    throw std::runtime_error(detail::formatted("{} tells {} classes apart but the data set has {}", file,
                                               network.output_shape().elements(), classes));
  }
  return network;
}

}  // namespace hubel::cli
