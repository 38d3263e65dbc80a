// Shape inference through a network; see network_plan.hpp.
#include "nn/network_plan.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "nn/layer_kinds.hpp"

namespace hubel::detail {

namespace {

void check_input_shape(const Shape& shape) {
  const bool fits = shape.rank() >= 1 && shape.rank() < Shape::kMaxRank;
  if (!fits || std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 1; })) {
    throw std::invalid_argument(
        fmt::format("Network: input_shape is {}, it must have 1 to {} axes of at least 1, such as (h, w, c) or (n,)",
                    shape.to_string(), Shape::kMaxRank - 1));
  }
}

LayerPlan plan_layer(const Layer& layer, const Shape& input, std::string_view who) {
  try {
    return with_kind(layer, [&](auto kind, const auto& l) { return kind.plan(l, input, who); });
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    if (message.starts_with(who)) throw;
    throw std::invalid_argument(fmt::format("{}: {}", who, message));  // a Shape too large does not know whose it is
  }
}

}  // namespace

std::optional<std::size_t> softmax_layer(std::span<const Layer> layers, std::span<const LayerInfo> info) {
  std::size_t i = layers.size();
  while (i > 0 && std::holds_alternative<Flatten>(layers[i - 1])) --i;
  if (i == 0) return std::nullopt;
  const Shape& output = info[--i].output_shape;
  const bool over_classes = output.elements() == output.back();
  const bool is_softmax =
      with_kind(layers[i], [](auto, const auto& l) { return layer_activation(l); }) == Activation::softmax;
  return over_classes && is_softmax ? std::optional(i) : std::nullopt;
}

std::int64_t class_count(const Shape& output, std::string_view who) {
  if (output.elements() == output.back()) return output.back();
  throw std::invalid_argument(fmt::format(
      "{}: the network's output is {} for a sample, a classifier's is (classes,); end with Flatten and Dense", who,
      output.to_string()));
}

Shape batch_shape(std::int64_t m, const Shape& sample) {
  std::array<std::int64_t, Shape::kMaxRank> extents = {m};
  std::copy(sample.begin(), sample.end(), extents.begin() + 1);
  return Shape(std::span(extents.data(), sample.rank() + 1));
}

NetworkPlan plan_network(const Shape& input_shape, std::span<const Layer> layers) {
  check_input_shape(input_shape);
  if (layers.empty()) throw std::invalid_argument("Network: there are no layers, at least one is needed");
  NetworkPlan network;
  std::map<std::string_view, int> count_of_kind;
  Shape shape = batch_shape(1, input_shape);
  for (const Layer& layer : layers) {
    LayerInfo info;
    info.kind = layer_kind(layer);
    info.name = fmt::format("{}_{}", info.kind, ++count_of_kind[layer_kind(layer)]);
    LayerPlan plan = plan_layer(layer, shape, info.name);
    info.input_shape = shape.without_first();
    info.output_shape = plan.output.without_first();
    info.macs = plan.macs;
    network.parameter_counts.push_back(plan.parameters.size());
    for (ParameterSpec& parameter : plan.parameters) {
      parameter.name = fmt::format("{}.{}", info.name, parameter.name);
      info.parameters += parameter.shape.elements();
      network.parameters.push_back(std::move(parameter));
    }
    const std::string detail = with_kind(layer, [](auto kind, const auto& l) { return kind.detail(l); });
    network.descriptions.push_back(detail.empty() ? info.name : fmt::format("{} ({})", info.name, detail));
    network.info.push_back(std::move(info));
    shape = plan.output;
  }
  return network;
}

}  // namespace hubel::detail

namespace hubel {

std::string_view layer_kind(const Layer& layer) {
  return detail::with_kind(layer, [](auto kind, const auto& l) { return kind.name(l); });
}

Shape layer_output_shape(const Layer& layer, const Shape& input, std::string_view who) {
  if (input.rank() < 2) {
    throw std::invalid_argument(fmt::format(
        "{}: the input has shape {}, it must have a batch axis and at least one more", who, input.to_string()));
  }
  return detail::plan_layer(layer, input, who).output;
}

}  // namespace hubel
