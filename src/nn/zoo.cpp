// The zoo's networks by name.
#include "hubel/zoo.hpp"

#include <algorithm>
#include <stdexcept>
#include <variant>

#include "text/formatted.hpp"

namespace hubel {

namespace {

// A builder, with the variant for small images or without.
using Plain = Graph (*)(std::int64_t, const Shape&);
using Scalable = Graph (*)(std::int64_t, const Shape&, bool);

struct Entry {
  std::string_view name;
  std::int64_t classes;
  Shape input_shape;
  std::variant<Plain, Scalable> build;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> kEntries = {
      {"lenet5", 10, {28, 28, 1}, zoo::lenet5},
      {"lenet5_1998", 10, {32, 32, 1}, zoo::lenet5_1998},
      {"alexnet", 1000, {224, 224, 3}, zoo::alexnet},
      {"vgg11", 1000, {224, 224, 3}, zoo::vgg11},
      {"vgg13", 1000, {224, 224, 3}, zoo::vgg13},
      {"vgg16", 1000, {224, 224, 3}, zoo::vgg16},
      {"vgg19", 1000, {224, 224, 3}, zoo::vgg19},
      {"vgg11_bn", 1000, {224, 224, 3}, zoo::vgg11_bn},
      {"vgg13_bn", 1000, {224, 224, 3}, zoo::vgg13_bn},
      {"vgg16_bn", 1000, {224, 224, 3}, zoo::vgg16_bn},
      {"vgg19_bn", 1000, {224, 224, 3}, zoo::vgg19_bn},
      {"resnet18", 1000, {224, 224, 3}, zoo::resnet18},
      {"resnet34", 1000, {224, 224, 3}, zoo::resnet34},
      {"resnet50", 1000, {224, 224, 3}, zoo::resnet50},
      {"resnet101", 1000, {224, 224, 3}, zoo::resnet101},
      {"resnet152", 1000, {224, 224, 3}, zoo::resnet152},
      {"resnext50_32x4d", 1000, {224, 224, 3}, zoo::resnext50_32x4d},
      {"wide_resnet50_2", 1000, {224, 224, 3}, zoo::wide_resnet50_2},
      {"resnet20", 10, {32, 32, 3}, zoo::resnet20},
      {"resnet32", 10, {32, 32, 3}, zoo::resnet32},
      {"resnet44", 10, {32, 32, 3}, zoo::resnet44},
      {"resnet56", 10, {32, 32, 3}, zoo::resnet56},
      {"resnet110", 10, {32, 32, 3}, zoo::resnet110},
      {"googlenet", 1000, {224, 224, 3}, zoo::googlenet},
      {"squeezenet1_0", 1000, {224, 224, 3}, zoo::squeezenet1_0},
      {"squeezenet1_1", 1000, {224, 224, 3}, zoo::squeezenet1_1},
      {"densenet121", 1000, {224, 224, 3}, zoo::densenet121},
      {"densenet161", 1000, {224, 224, 3}, zoo::densenet161},
      {"densenet169", 1000, {224, 224, 3}, zoo::densenet169},
      {"densenet201", 1000, {224, 224, 3}, zoo::densenet201},
      {"mobilenet_v1", 1000, {224, 224, 3}, zoo::mobilenet_v1},
      {"mobilenet_v2", 1000, {224, 224, 3}, zoo::mobilenet_v2},
      {"mobilenet_v3_small", 1000, {224, 224, 3}, zoo::mobilenet_v3_small},
      {"mobilenet_v3_large", 1000, {224, 224, 3}, zoo::mobilenet_v3_large},
      {"shufflenet_v2_x0_5", 1000, {224, 224, 3}, zoo::shufflenet_v2_x0_5},
      {"shufflenet_v2_x1_0", 1000, {224, 224, 3}, zoo::shufflenet_v2_x1_0},
      {"shufflenet_v2_x1_5", 1000, {224, 224, 3}, zoo::shufflenet_v2_x1_5},
      {"shufflenet_v2_x2_0", 1000, {224, 224, 3}, zoo::shufflenet_v2_x2_0},
      {"xception", 1000, {299, 299, 3}, zoo::xception},
      {"efficientnet_b0", 1000, {224, 224, 3}, zoo::efficientnet_b0},
      {"efficientnet_b1", 1000, {240, 240, 3}, zoo::efficientnet_b1},
      {"efficientnet_b2", 1000, {260, 260, 3}, zoo::efficientnet_b2},
      {"efficientnet_b3", 1000, {300, 300, 3}, zoo::efficientnet_b3},
      {"efficientnet_b4", 1000, {380, 380, 3}, zoo::efficientnet_b4},
      {"efficientnet_b5", 1000, {456, 456, 3}, zoo::efficientnet_b5},
      {"efficientnet_b6", 1000, {528, 528, 3}, zoo::efficientnet_b6},
      {"efficientnet_b7", 1000, {600, 600, 3}, zoo::efficientnet_b7},
      {"convnext_tiny", 1000, {224, 224, 3}, zoo::convnext_tiny},
      {"convnext_small", 1000, {224, 224, 3}, zoo::convnext_small},
      {"convnext_base", 1000, {224, 224, 3}, zoo::convnext_base},
      {"unet", 2, {572, 572, 1}, zoo::unet},
      {"unet_same", 2, {256, 256, 1}, zoo::unet_same},
  };
  return kEntries;
}

}  // namespace

std::vector<std::string_view> zoo_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : entries()) names.push_back(entry.name);
  return names;
}

std::vector<ZooDefaults> zoo_defaults() {
  std::vector<ZooDefaults> defaults;
  for (const Entry& e : entries())
    defaults.push_back({e.name, e.classes, e.input_shape, std::holds_alternative<Scalable>(e.build)});
  return defaults;
}

Graph zoo_graph(std::string_view name, const ZooOptions& options) {
  const auto& all = entries();
  const auto entry = std::find_if(all.begin(), all.end(), [&](const Entry& e) { return e.name == name; });
  if (entry == all.end()) {
    throw std::invalid_argument(
        detail::formatted("zoo: there is no network '{}', there are {}", name, detail::joined(zoo_names(), ", ")));
  }
  const std::int64_t classes = options.classes.value_or(entry->classes);
  const Shape input_shape = options.input_shape.value_or(entry->input_shape);
  if (const auto* build = std::get_if<Scalable>(&entry->build)) {
    return (*build)(classes, input_shape, options.small_images);
  }
  if (options.small_images)
    throw std::invalid_argument(detail::formatted("zoo: {} has no variant for small images", name));
  return std::get<Plain>(entry->build)(classes, input_shape);
}

}  // namespace hubel
