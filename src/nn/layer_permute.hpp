// The layer Permute: a sample's axes in another order.
#pragma once

#include "hubel/permute.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Permute> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"permute"};

  static std::string_view name(const Permute&) { return kNames[0]; }
  static bool reads_inputs(const Permute&) { return false; }
  static bool averages(const Permute& layer) { return layer.dims.back() == std::ssize(layer.dims); }
  static Permute of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("dims", layer.dims);
  }
  static std::string detail(const Permute& layer) { return detail::joined(layer.dims, ","); }

  static LayerPlan plan(const Permute& layer, const Shape& x, std::string_view who) {
    std::vector<std::int64_t> sorted = layer.dims;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < x.rank() - 1 || i < sorted.size(); ++i) {
      if (sorted.size() == x.rank() - 1 && sorted[i] == static_cast<std::int64_t>(i) + 1) continue;
      throw std::invalid_argument(
          detail::formatted("{}: dims is ({}), it must be 1 to {} in some order, for samples {}", who,
                            detail::joined(layer.dims, ", "), x.rank() - 1, x.without_first().to_string()));
    }
    LayerPlan plan;
    plan.output = permute_output_shape(x, Axes(layer).forward(), who);
    return plan;
  }

  // Of images the rows and columns may stay what they are, of sequences the places; else each output is taken to depend
  // on all of the input.
  static Reach reach(const Permute& layer, const Shape& x) {
    const std::size_t places = x.rank() > 2 ? 2 : x.rank() - 1;
    for (std::size_t i = 0; i < places; ++i)
      if (layer.dims[i] != static_cast<std::int64_t>(i) + 1) return {.all = true};
    return {};
  }

  template <class T>
  static void forward(const Permute& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    permute(pass.x(), Axes(layer).forward(), y);
  }

  template <class T>
  static void backward(const Permute& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) permute(TensorView<const T>(pass.d), Axes(layer).backward(), pass.dx[0]);
  }

 private:
  // All axes, the batch's first, and the way back.
  class Axes {
   public:
    explicit Axes(const Permute& layer) : count_(layer.dims.size() + 1) {
      for (std::size_t i = 1; i < count_; ++i) {
        forward_[i] = layer.dims[i - 1];
        backward_[static_cast<std::size_t>(forward_[i])] = static_cast<std::int64_t>(i);
      }
    }
    std::span<const std::int64_t> forward() const { return {forward_.data(), count_}; }
    std::span<const std::int64_t> backward() const { return {backward_.data(), count_}; }

   private:
    std::size_t count_;
    std::array<std::int64_t, Shape::kMaxRank> forward_{}, backward_{};
  };
};

}  // namespace hubel::detail
