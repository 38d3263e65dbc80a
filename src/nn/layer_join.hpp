// The layers Multiply and Concatenate, which join branches.
#pragma once

#include "hubel/combine.hpp"
#include "nn/layer_kind.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Multiply> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"multiply"};
  static constexpr bool kJoins = true;

  static std::string_view name(const Multiply&) { return kNames[0]; }
  static Multiply of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self&, F&&) {}
  static std::string detail(const Multiply&) { return ""; }

  static LayerPlan plan(const Multiply&, std::span<const Shape> xs, std::string_view who) {
    check_join(who, xs);
    if (xs.size() > 2)
      throw std::invalid_argument(detail::formatted("{}: it has {} inputs, it takes two", who, xs.size()));
    const Shape &a = xs[0], &b = xs[1];
    const bool spreads = a.rank() == b.rank() && a.rank() > 2;
    bool same = a == b, by_channel = spreads && a.back() == b.back(), by_pixel = spreads && b.back() == 1;
    for (std::size_t i = 1; spreads && i + 1 < a.rank(); ++i) {
      by_channel = by_channel && b[i] == 1;
      by_pixel = by_pixel && b[i] == a[i];
    }
    if (!same && !by_channel && !by_pixel) {
      throw std::invalid_argument(detail::formatted(
          "{}: the inputs have shapes {} and {}; the second must be as the first, or (1, 1, c) or (h, w, 1) beside it",
          who, a.without_first().to_string(), b.without_first().to_string()));
    }
    LayerPlan plan;
    plan.output = a;
    return plan;
  }

  template <class T>
  static void forward(const Multiply&, const ForwardPass<T>& pass, TensorView<T> y) {
    multiply_forward(pass.inputs[0], pass.inputs[1], y);
  }

  template <class T>
  static void backward(const Multiply&, const BackwardPass<T>& pass) {
    multiply_backward(pass.d, pass.inputs[0], pass.inputs[1], pass.dx[0], pass.dx[1]);
  }
};

template <>
struct LayerKind<Concatenate> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"concatenate"};
  static constexpr bool kJoins = true;

  static std::string_view name(const Concatenate&) { return kNames[0]; }
  static bool reads_inputs(const Concatenate&) { return false; }
  static Concatenate of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self&, F&&) {}
  static std::string detail(const Concatenate&) { return ""; }

  static LayerPlan plan(const Concatenate&, std::span<const Shape> xs, std::string_view who) {
    check_join(who, xs);
    std::vector<std::int64_t> extents(xs[0].begin(), xs[0].end());
    for (const Shape& x : xs.subspan(1)) {
      if (x.rank() != xs[0].rank() || !std::equal(x.begin(), x.end() - 1, extents.begin())) {
        throw std::invalid_argument(
            detail::formatted("{}: the inputs have shapes {} and {}, they may differ in the last axis only", who,
                              xs[0].without_first().to_string(), x.without_first().to_string()));
      }
      extents.back() += x.back();
    }
    LayerPlan plan;
    plan.output = Shape(std::span<const std::int64_t>(extents));
    return plan;
  }

  template <class T>
  static void forward(const Concatenate&, const ForwardPass<T>& pass, TensorView<T> y) {
    concat_forward(pass.inputs, y);
  }

  template <class T>
  static void backward(const Concatenate&, const BackwardPass<T>& pass) {
    concat_backward(pass.d, channels_of(pass), pass.dx);
  }

 private:
  template <class T>
  static std::span<const std::int64_t> channels_of(const BackwardPass<T>& pass) {
    const std::size_t n = pass.inputs.size();
    auto* channels = scratch<std::int64_t>(Scratch::channels, n);
    for (std::size_t i = 0; i < n; ++i) channels[i] = pass.inputs[i].shape().back();
    return {channels, n};
  }
};

}  // namespace hubel::detail
