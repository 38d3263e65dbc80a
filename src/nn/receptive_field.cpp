// See receptive_field.hpp. By Araujo et al. 2019, in its forward form: along each axis a value has the size of its
// field, and how far the fields of neighbouring pixels lie apart, both in pixels of the input.
#include "nn/receptive_field.hpp"

#include <algorithm>
#include <cmath>

#include "nn/layer_kinds.hpp"

namespace hubel::detail {

namespace {

// Of a value, along both axes.
struct Field {
  std::array<double, 2> size = {1, 1}, step = {1, 1};
  bool all = false;
};

// Of what a layer that joins takes: the largest.
Field joined(const Field& a, const Field& b) {
  Field field{.all = a.all || b.all};
  for (const std::size_t axis : {0, 1}) {
    field.size[axis] = std::max(a.size[axis], b.size[axis]);
    field.step[axis] = std::max(a.step[axis], b.step[axis]);
  }
  return field;
}

Field behind(const Reach& reach, Field field) {
  field.all = field.all || reach.all;
  for (const std::size_t axis : {0, 1}) {
    field.size[axis] += (static_cast<double>(reach.window[axis]) - 1) * field.step[axis];
    field.step[axis] *= reach.step[axis];
  }
  return field;
}

// Sizes of 2^31 and strides multiply fast.
std::int64_t pixels(double size) {
  constexpr double kMost = 1e15;
  return static_cast<std::int64_t>(std::llround(std::min(size, kMost)));
}

}  // namespace

std::vector<ReceptiveField> receptive_fields(const Graph& graph) {
  std::vector<Field> fields(graph.inputs().size());  // of each value: the inputs, then each layer's
  std::vector<ReceptiveField> result;
  for (const GraphLayer& placed : graph.layers()) {
    const auto of = [&](std::int64_t input) { return fields[graph.position(input)]; };
    Field field = of(placed.inputs[0]);
    for (const std::int64_t input : placed.inputs) field = joined(field, of(input));
    const Shape& x = graph.shape(graph.value(placed.inputs[0]));
    fields.push_back(
        behind(with_kind(placed.layer, [&](auto kind, const auto& l) { return kind.reach(l, x); }), field));
    const Field& now = fields.back();
    if (now.all) {
      result.emplace_back();
    } else {
      result.emplace_back(std::array{pixels(now.size[0]), pixels(now.size[1])});
    }
  }
  return result;
}

}  // namespace hubel::detail
