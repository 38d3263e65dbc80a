// See network_by_name.hpp.
#include "cli/network_by_name.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <stdexcept>

#include "hubel/errors.hpp"
#include "hubel/model_file.hpp"
#include "io/byte_source.hpp"

namespace hubel::cli {

namespace {

std::string text_of_file(const std::string& path) {
  constexpr std::uint64_t kMost = std::uint64_t{16} << 20;  // as much as a model's header may have
  const detail::FileSource file(path);
  if (file.size() > kMost) throw FormatError(fmt::format("{}: {} bytes are no architecture", path, file.size()));
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

Graph graph_of_file(const std::string& path) {
  const std::string text = text_of_file(path);
  try {
    return architecture_from_json(text);
  } catch (const FormatError& error) {
    throw FormatError(fmt::format("{}: {}", path, error.what()));
  }
}

}  // namespace

Network<float> network_by_name(const std::string& name, std::int64_t classes, const Shape& input_shape,
                               std::uint64_t seed) {
  if (name == "lenet5") return lenet5(seed, classes, input_shape);
  throw CLI::ValidationError(
      fmt::format("--model {}: no network has that name; known is lenet5, and architecture files end in .json", name));
}

Network<float> chosen_network(const std::string& name_or_file, std::int64_t classes, const Shape& input_shape,
                              std::uint64_t seed) {
  if (!name_or_file.ends_with(".json")) return network_by_name(name_or_file, classes, input_shape, seed);
  Network<float> network(graph_of_file(name_or_file), seed);
  if (!(network.input_shape() == input_shape)) {
    throw std::runtime_error(fmt::format("{} takes images of shape {} but those of the data set are {}", name_or_file,
                                         network.input_shape().to_string(), input_shape.to_string()));
  }
  if (network.output_shape().elements() < classes) {
    throw std::runtime_error(fmt::format("{} tells {} classes apart but the data set has {}", name_or_file,
                                         network.output_shape().elements(), classes));
  }
  return network;
}

}  // namespace hubel::cli
