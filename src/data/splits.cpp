// What every data set is checked for and completed with, wherever it came from.
#include "data/splits.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

using NamedPart = std::pair<const char*, Dataset*>;

void check_part(const char* part, const Dataset& data, const std::string& source) {
  if (data.shape.without_first().elements() == 0) {
    throw FormatError(detail::formatted("{}: the {} images are of shape {}, which has no pixels", source, part,
                                        data.shape.to_string()));
  }
  if (std::ssize(data.labels) != data.count()) {
    throw FormatError(
        detail::formatted("{}: {} {} images but {} labels", source, data.count(), part, data.labels.size()));
  }
  const auto [least, most] = std::minmax_element(data.labels.begin(), data.labels.end());
  if (*least < 0 || *most >= kMaxClasses) {
    throw FormatError(detail::formatted("{}: a {} label is {}, but labels must be 0 ... {}", source, part,
                                        *least < 0 ? *least : *most, kMaxClasses - 1));
  }
}

}  // namespace

void finish_splits(DatasetSplits& splits) {
  const std::array parts{NamedPart{"training", &splits.train}, NamedPart{"validation", &splits.validation},
                         NamedPart{"test", &splits.test}};
  NamedPart first{};
  // Two at least, where nothing says how many there are: labels may be those of a part of a data set.
  auto classes = splits.class_names.empty() ? 2 : static_cast<std::int32_t>(splits.class_names.size());
  for (const NamedPart& part : parts) {
    const auto& [name, data] = part;
    classes = std::max(classes, data->classes);
    if (data->count() == 0) continue;
    check_part(name, *data, splits.source);
    if (first.second == nullptr) first = part;
    if (data->sample_shape() != first.second->sample_shape()) {
      throw FormatError(detail::formatted("{}: the {} images are {} but the {} images are {}", splits.source,
                                          first.first, first.second->sample_shape().to_string(), name,
                                          data->sample_shape().to_string()));
    }
    classes = std::max(classes, 1 + *std::max_element(data->labels.begin(), data->labels.end()));
  }
  if (splits.train.count() == 0 && splits.test.count() == 0) {
    throw FormatError(detail::formatted("{}: holds neither training nor test images", splits.source));
  }
  for (const auto& [name, data] : parts) {
    data->classes = classes;
    data->shape = first.second->shape.with_first(data->count());
  }
  for (auto i = std::ssize(splits.class_names); i < classes; ++i)
    splits.class_names.push_back(detail::formatted("{}", i));
}

}  // namespace hubel::detail
