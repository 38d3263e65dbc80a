// The layer Merge: four kinds to a reader, that differ in the mode alone.
#pragma once

#include "hubel/merge.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Merge> : LayerTraits {
  static constexpr auto kNames = kMergeModeNames;
  static constexpr bool kJoins = true;

  static std::string_view name(const Merge& layer) { return merge_mode_name(layer.mode); }
  static bool averages(const Merge& layer) { return layer.mode == MergeMode::average; }
  static bool reads_inputs(const Merge& layer) {
    return layer.mode == MergeMode::maximum || layer.mode == MergeMode::minimum;
  }
  static Merge of_name(std::string_view name) {
    return {static_cast<MergeMode>(std::find(kNames.begin(), kNames.end(), name) - kNames.begin())};
  }
  template <class Self, class F>
  static void fields(Self&, F&&) {}
  static std::string detail(const Merge&) { return ""; }

  static LayerPlan plan(const Merge& layer, std::span<const Shape> xs, std::string_view who) {
    if (layer.mode == MergeMode::subtract && xs.size() > 2)
      throw std::invalid_argument(detail::formatted("{}: it has {} inputs, it takes two", who, xs.size()));
    return joined_plan(who, xs);
  }

  template <class T>
  static void forward(const Merge& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    merge_forward(layer.mode, pass.inputs, y);
  }
  template <class T>
  static void backward(const Merge& layer, const BackwardPass<T>& pass) {
    merge_backward(layer.mode, pass.d, pass.inputs, pass.dx);
  }
};

}  // namespace hubel::detail
