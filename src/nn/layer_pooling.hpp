// What the pooling layers have in common: two kinds to a reader, the maximum's and the mean's, that differ in the mode
// alone.
#pragma once

#include "hubel/pool.hpp"
#include "nn/layer_kind.hpp"

namespace hubel::detail {

// LayerKind<L>::kNames: the maximum's name, then the mean's.
template <class L>
struct PoolTraits : LayerTraits {
  static std::string_view name(const L& layer) { return LayerKind<L>::kNames[layer.mode == PoolMode::max ? 0 : 1]; }
  static bool reads_inputs(const L& layer) { return layer.mode == PoolMode::max; }
  static bool averages(const L& layer) {
    if constexpr (requires { layer.count_include_pad; }) {
      if (layer.count_include_pad) return false;
    }
    return layer.mode == PoolMode::avg;
  }
  static L of_name(std::string_view name) {
    L layer;
    layer.mode = name == LayerKind<L>::kNames[0] ? PoolMode::max : PoolMode::avg;
    return layer;
  }
};

// Of one whose windows have a size.
template <class L>
struct WindowPoolTraits : PoolTraits<L> {
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("pool_size", layer.pool_size);
    f.optional("strides", layer.strides);
    f.optional("padding", layer.padding);
    f.optional("ceil_mode", layer.ceil_mode);
    if (layer.mode == PoolMode::avg) f.optional("count_include_pad", layer.count_include_pad);
  }
};

// Of one that takes in all pixels.
template <class L>
struct GlobalPoolTraits : PoolTraits<L> {
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("keepdims", layer.keepdims);
  }
  static std::string detail(const L&) { return ""; }
  static Reach reach(const L&, const Shape&) { return {.all = true}; }

 protected:
  // An output (m, c), or (m, 1, ..., c), as images of one pixel.
  static Shape pixel(const Shape& y) { return {y[0], 1, 1, y.back()}; }
};

}  // namespace hubel::detail
