// A data set out of an NPZ's arrays X_train, Y_train and so on, in the many types and shapes that people save them in.

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "data/npy.hpp"
#include "data/npz.hpp"
#include "data/splits.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

constexpr std::array kParts{"train", "valid", "test"};

// The name with its first letter as in the course's files: Keras's mnist.npz has x_train.
std::string canonical(std::string key) {
  if (!key.empty()) key[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(key[0])));
  return key;
}

std::string shape_text(const NpyArray& array) {
  return detail::formatted("({}{})", detail::joined(array.shape, ", "), array.shape.size() == 1 ? "," : "");
}

// One array, and how messages call it.
struct Named {
  const NpyArray& array;
  std::string label;

  [[noreturn]] void fail(const std::string& what) const { throw FormatError(detail::formatted("{} {}", label, what)); }
};

// (n, h, w, c) of an array of images.
Shape image_shape(const Named& x) {
  std::vector<std::int64_t> shape = x.array.shape;
  if (shape.size() == 2) {
    const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(shape[1]))));
    if (side * side != shape[1]) {
      x.fail(detail::formatted("has shape {}, whose rows are no square images; reshape it to (n, h, w, c)",
                               shape_text(x.array)));
    }
    shape = {shape[0], side, side};
  }
  if (shape.size() == 3) shape.push_back(1);
  if (shape.size() != 4)
    x.fail(detail::formatted("has shape {}, but images are (n, h, w) or (n, h, w, c)", shape_text(x.array)));
  // More channels than rows and columns could be meant; square images behind 1 or 3 channels are another order.
  if ((shape[1] == 1 || shape[1] == 3) && shape[2] == shape[3] && shape[3] > 4) {
    x.fail(detail::formatted("has shape {}, which looks like channels first; images are (n, h, w, c), channels last",
                             shape_text(x.array)));
  }
  if (shape[0] == 0) return Shape{0, 0, 0, 0};
  if (x.array.data.empty()) x.fail(detail::formatted("has shape {}, images of no pixels", shape_text(x.array)));
  return Shape(shape);
}

std::vector<std::uint8_t> byte_pixels(const Named& x) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(x.array.data.size() / x.array.item_size);
  visit_elements(x.array, [&](auto value) {
    if constexpr (std::is_same_v<decltype(value), bool>) {
      bytes.push_back(value ? 255 : 0);
    } else {
      if (value < 0 || value > 255)
        x.fail(detail::formatted("has a pixel of {}, but integer pixels are 0 ... 255", value));
      bytes.push_back(static_cast<std::uint8_t>(value));
    }
  });
  return bytes;
}

std::vector<float> float_pixels(const Named& x) {
  std::vector<float> values = x.array.to_float();
  const auto odd = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (odd != values.end()) {
    x.fail(detail::formatted("has a pixel that is {} (element {} in C order); all must be finite float32 numbers", *odd,
                             odd - values.begin()));
  }
  return values;
}

std::vector<std::int32_t> integer_labels(const Named& y) {
  std::vector<std::int64_t> values;
  try {
    values = y.array.to_int64();
  } catch (const FormatError& error) {
    y.fail(detail::formatted("has a label that is none: {}", error.what()));
  }
  std::vector<std::int32_t> labels;
  labels.reserve(values.size());
  for (const std::int64_t value : values) {
    if (!std::in_range<std::int32_t>(value)) y.fail(detail::formatted("has a label of {}, which is no class", value));
    labels.push_back(static_cast<std::int32_t>(value));
  }
  return labels;
}

// The place of the one 1 in each row of (n, classes).
std::vector<std::int32_t> one_hot_labels(const Named& y) {
  const std::vector<float> values = y.array.to_float();
  const auto width = static_cast<std::size_t>(y.array.shape[1]);
  std::vector<std::int32_t> labels;
  for (std::size_t begin = 0; begin < values.size(); begin += width) {
    std::optional<std::size_t> one;
    for (std::size_t i = 0; i < width; ++i) {
      const float value = values[begin + i];
      if (value == 0) continue;
      if (value != 1 || one) {
        y.fail(detail::formatted("has shape {}, but row {} is not one-hot (one 1, else 0)", shape_text(y.array),
                                 begin / width));
      }
      one = i;
    }
    if (!one)
      y.fail(detail::formatted("has shape {}, but row {} is all 0, not one-hot", shape_text(y.array), begin / width));
    labels.push_back(static_cast<std::int32_t>(*one));
  }
  return labels;
}

void set_labels(const Named& y, Dataset& data) {
  const auto& shape = y.array.shape;
  if (std::string_view("biuf").find(y.array.kind) == std::string_view::npos) {
    y.fail(detail::formatted("has dtype '{}', but labels are numbers", y.array.dtype()));
  }
  if (shape.size() == 2 && shape[1] > 1) {
    if (shape[1] > kMaxClasses) {
      y.fail(detail::formatted("has shape {}, but one-hot rows have at most {} columns", shape_text(y.array),
                               kMaxClasses));
    }
    data.classes = static_cast<std::int32_t>(shape[1]);
    data.labels = one_hot_labels(y);
  } else if (shape.size() == 1 || (shape.size() == 2 && shape[1] == 1)) {
    data.labels = integer_labels(y);
  } else {
    y.fail(detail::formatted("has shape {}, but labels are (n), (n, 1) or one-hot (n, classes)", shape_text(y.array)));
  }
}

void set_pixels(const Named& x, Dataset& data) {
  data.shape = image_shape(x);
  switch (x.array.kind) {
    case 'b':
    case 'i':
    case 'u':
      data.pixels = byte_pixels(x);
      return;
    case 'f':
      data.pixels = float_pixels(x);
      return;
    default:
      x.fail(detail::formatted("has dtype '{}', but pixels are real numbers", x.array.dtype()));
  }
}

// Divides by 255 when the floats of all parts together are those of bytes: see load_dataset.
void scale_floats(const std::array<Dataset*, kParts.size()>& parts) {
  float least = 0, most = 0;
  for (const Dataset* part : parts) {
    const auto* values = std::get_if<std::vector<float>>(&part->pixels);
    if (values == nullptr || values->empty()) continue;
    const auto [low, high] = std::minmax_element(values->begin(), values->end());
    least = std::min(least, *low);
    most = std::max(most, *high);
  }
  if (least < 0 || most <= 1 || most > 255) return;
  for (Dataset* part : parts) {
    if (auto* values = std::get_if<std::vector<float>>(&part->pixels)) {
      for (float& value : *values) value /= 255;
    }
  }
}

// Moves the part's two arrays out of `arrays`; leaves the part empty when neither is there.
void read_part(NpzArrays& arrays, const std::string& part, const std::string& source, Dataset& data) {
  const std::string x_key = "X_" + part, y_key = "Y_" + part;
  const auto x_node = arrays.extract(x_key), y_node = arrays.extract(y_key);
  if (x_node.empty() && y_node.empty()) return;
  if (x_node.empty() || y_node.empty()) {
    throw FormatError(detail::formatted("{}: has {} but no {}", source, x_node.empty() ? y_key : x_key,
                                        x_node.empty() ? x_key : y_key));
  }
  const Named x{x_node.mapped(), detail::formatted("{}: array '{}'", source, x_key)};
  const Named y{y_node.mapped(), detail::formatted("{}: array '{}'", source, y_key)};
  const auto count = [](const NpyArray& array) { return array.shape.empty() ? 0 : array.shape[0]; };
  if (count(x.array) != count(y.array)) {
    x.fail(detail::formatted("has {} images, but {} has {} labels", count(x.array), y_key, count(y.array)));
  }
  set_pixels(x, data);
  set_labels(y, data);
}

}  // namespace

DatasetSplits read_npz_splits(ByteSpan bytes, const std::string& name, const ReadLimits& limits) {
  std::set<std::string> wanted_keys;
  std::vector<std::string> found;  // the first few, for the message
  constexpr std::size_t kMostNamed = 20;
  for (const char* part : kParts) wanted_keys.insert({std::string("X_") + part, std::string("Y_") + part});
  const auto wanted = [&](const std::string& key) {
    if (found.size() < kMostNamed) found.push_back(printable(key));
    return wanted_keys.contains(canonical(key));
  };
  NpzArrays arrays;
  for (auto& [key, array] : parse_npz_arrays(bytes, name, limits, wanted)) {
    if (!arrays.emplace(canonical(key), std::move(array)).second) {
      throw FormatError(detail::formatted("{}: has both {} and {}", name, canonical(key), key));
    }
  }
  if (!(arrays.contains("X_train") || arrays.contains("Y_train") || arrays.contains("X_test") ||
        arrays.contains("Y_test"))) {
    throw FormatError(detail::formatted("{}: needs the arrays X_train and Y_train, or X_test and Y_test, but has {}",
                                        name,
                                        found.empty() ? "none" : detail::formatted("{}", detail::joined(found, ", "))));
  }
  DatasetSplits splits;
  splits.source = name;
  const std::array<Dataset*, kParts.size()> parts{&splits.train, &splits.validation, &splits.test};
  for (std::size_t i = 0; i < kParts.size(); ++i) read_part(arrays, kParts[i], name, *parts[i]);
  scale_floats(parts);
  return splits;
}

}  // namespace hubel::detail
