// Putting back named tensors that were written down: all of them, or none and an error that says what does not fit.
#pragma once

#include <algorithm>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/named_view.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <class T>
struct NamedPlace {
  std::string name;
  TensorView<T> value;
};

// Copies each given tensor to the place of its name, in any order. Throws std::invalid_argument that begins with `who`,
// before anything is written, for a name twice, a name without a place, a place without a tensor, or another shape.
template <class T>
void load_named(std::string_view who, std::span<const NamedView<T>> given, std::span<const NamedPlace<T>> places) {
  const auto fail = [who](const std::string& what) {
    throw std::invalid_argument(detail::formatted("{}: {}", who, what));
  };
  const auto named = [](const auto& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.name == name; });
  };
  std::set<std::string_view> seen;
  for (const NamedView<T>& tensor : given) {
    if (named(places, tensor.name) == places.end())
      fail(detail::formatted("\"{}\" is not part of this state", tensor.name));
    if (!seen.insert(tensor.name).second) fail(detail::formatted("\"{}\" is given twice", tensor.name));
  }
  std::vector<const NamedView<T>*> sources;
  for (const NamedPlace<T>& place : places) {
    const auto source = named(given, place.name);
    if (source == given.end()) fail(detail::formatted("\"{}\" is missing", place.name));
    if (!(source->value.shape() == place.value.shape())) {
      fail(detail::formatted("\"{}\" has shape {} but must have {}", place.name, source->value.shape().to_string(),
                             place.value.shape().to_string()));
    }
    sources.push_back(&*source);
  }
  for (std::size_t i = 0; i < places.size(); ++i)
    std::copy(sources[i]->value.begin(), sources[i]->value.end(), places[i].value.begin());
}

}  // namespace hubel::detail
