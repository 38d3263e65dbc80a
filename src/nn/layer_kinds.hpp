// All kinds of layers, and a look at a layer of whichever kind it is.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "nn/layer_activation.hpp"
#include "nn/layer_adaptive_pool2d.hpp"
#include "nn/layer_add.hpp"
#include "nn/layer_batch_norm.hpp"
#include "nn/layer_channel_slice.hpp"
#include "nn/layer_conv1d.hpp"
#include "nn/layer_conv2d.hpp"
#include "nn/layer_conv2d_transpose.hpp"
#include "nn/layer_dense.hpp"
#include "nn/layer_depth_to_space.hpp"
#include "nn/layer_depthwise_conv2d.hpp"
#include "nn/layer_dropout.hpp"
#include "nn/layer_flatten.hpp"
#include "nn/layer_gaussian_noise.hpp"
#include "nn/layer_global_pool2d.hpp"
#include "nn/layer_group_norm.hpp"
#include "nn/layer_join.hpp"
#include "nn/layer_kind.hpp"
#include "nn/layer_layer_norm.hpp"
#include "nn/layer_layer_scale.hpp"
#include "nn/layer_local_response_norm.hpp"
#include "nn/layer_margins.hpp"
#include "nn/layer_merge.hpp"
#include "nn/layer_permute.hpp"
#include "nn/layer_pool1d.hpp"
#include "nn/layer_pool2d.hpp"
#include "nn/layer_rescaling.hpp"
#include "nn/layer_reshape.hpp"
#include "nn/layer_resize.hpp"
#include "nn/layer_rms_norm.hpp"
#include "nn/layer_slopes.hpp"

namespace hubel::detail {

// f(LayerKind<L>(), layer) for the L that the layer is.
template <class AnyLayer, class F>
decltype(auto) with_kind(AnyLayer&& layer, F&& f) {
  return std::visit([&](auto& l) -> decltype(auto) { return f(LayerKind<std::remove_cvref_t<decltype(l)>>(), l); },
                    layer);
}

// Calls f(LayerKind<L>()) for every kind there is.
template <class F>
void for_each_kind(F&& f) {
  [&]<class... L>(std::type_identity<std::variant<L...>>) { (f(LayerKind<L>()), ...); }(std::type_identity<Layer>());
}

}  // namespace hubel::detail
