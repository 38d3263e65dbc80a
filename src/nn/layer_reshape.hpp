// The layer Reshape: the same numbers in another shape.
#pragma once

#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Reshape> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"reshape"};
  static constexpr bool kReshapes = true;

  static std::string_view name(const Reshape&) { return kNames[0]; }
  static Reshape of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("target_shape", layer.target_shape);
  }
  static std::string detail(const Reshape&) { return ""; }

  static LayerPlan plan(const Reshape& layer, const Shape& x, std::string_view who) {
    const std::vector<std::int64_t>& target = layer.target_shape;
    const std::int64_t elements = x.without_first().elements();
    const auto free = std::count(target.begin(), target.end(), -1);
    const bool positive = std::all_of(target.begin(), target.end(), [](std::int64_t n) { return n >= 1 || n == -1; });
    if (target.empty() || target.size() >= Shape::kMaxRank || free > 1 || !positive) {
      throw std::invalid_argument(
          detail::formatted("{}: target_shape is ({}), it must have 1 to {} extents of at least 1, one "
                            "of which may be -1",
                            who, detail::joined(target, ", "), Shape::kMaxRank - 1));
    }
    std::int64_t given = 1;
    for (const std::int64_t extent : target)
      if (extent > 0) given = saturating_product({given, extent});
    if (free == 1 ? elements % given != 0 : elements != given) {
      throw std::invalid_argument(detail::formatted("{}: target_shape ({}) does not hold the {} numbers of {}", who,
                                                    detail::joined(target, ", "), elements,
                                                    x.without_first().to_string()));
    }
    std::vector<std::int64_t> extents = {x[0]};
    for (const std::int64_t extent : target) extents.push_back(extent == -1 ? elements / given : extent);
    LayerPlan plan;
    plan.output = Shape(std::span<const std::int64_t>(extents));
    return plan;
  }
};

}  // namespace hubel::detail
