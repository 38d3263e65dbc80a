// See augment_option.hpp.
#include "cli/augment_option.hpp"

#include <cmath>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/shared.hpp"
#include "data/augment_ranges.hpp"
#include "text/formatted.hpp"
#include "text/number.hpp"

namespace hubel::cli {

namespace {

// f(name, field) for each number that may be given.
template <class F>
void for_each_number(Augmentation& a, const F& f) {
  f("shift", a.shift);
  f("crop-area-min", a.crop_area_min);
  f("crop-area-max", a.crop_area_max);
  f("crop-ratio-min", a.crop_ratio_min);
  f("crop-ratio-max", a.crop_ratio_max);
  f("shear", a.shear);
  f("rotation", a.rotation);
  f("zoom-min", a.zoom_min);
  f("zoom-max", a.zoom_max);
  f("crop", a.crop_padding);
  f("flip", a.flip_horizontal);
  f("flip-vertical", a.flip_vertical);
  f("brightness", a.brightness);
  f("contrast", a.contrast);
  f("saturation", a.saturation);
  f("hue", a.hue);
  f("grayscale", a.grayscale);
  f("noise", a.noise);
  f("cutout", a.cutout);
  f("erase", a.erase);
  f("mixup", a.mixup);
  f("cutmix", a.cutmix);
}

void set(std::string_view, double& field, double value) { field = value; }
void set(std::string_view name, std::int64_t& field, double value) {
  constexpr double kMost = 1e9;
  if (value != std::floor(value) || std::abs(value) > kMost)
    throw std::invalid_argument(detail::formatted("{} = {}, it must be a whole number", name, value));
  field = static_cast<std::int64_t>(value);
}

// A number for examples: of pixels, of degrees, or a share or probability.
std::string_view example(const std::string& name) {
  if (name == "crop" || name == "cutout") return "4";
  if (name == "rotation" || name == "shear") return "10";
  return name.ends_with("-max") ? "1" : "0.1";
}

void set_named(Augmentation& augmentation, const std::string& part, std::set<std::string>& given) {
  const std::size_t equals = std::min(part.find('='), part.size());
  const std::string name = part.substr(0, equals), text = part.substr(std::min(equals + 1, part.size()));
  const auto number = detail::finite_number(text);
  bool known = false;
  for_each_number(augmentation, [&](std::string_view own, auto& field) {
    if (name != own) return;
    known = true;
    if (number) set(own, field, *number);
  });
  if (!known) throw std::invalid_argument(detail::formatted("there is no '{}', there are {}", name, augment_names()));
  if (!number)
    throw std::invalid_argument(detail::formatted("{} wants a number, as in {}={}", name, name, example(name)));
  if (!given.insert(name).second) throw std::invalid_argument(detail::formatted("{} is given twice", name));
}

// What is out of its range is told by the name that it was given by.
void check_ranges(Augmentation& augmentation) {
  const auto given_name = [&](const char*, const void* wrong) {
    std::string_view given;
    for_each_number(augmentation, [&](std::string_view name, const auto& field) {
      if (&field == wrong) given = name;
    });
    return given;
  };
  if (const auto wrong = detail::out_of_range(augmentation, given_name)) throw std::invalid_argument(*wrong);
}

}  // namespace

std::string augment_names() {
  Augmentation any;
  std::vector<std::string_view> names;
  for_each_number(any, [&](std::string_view name, auto&) { names.push_back(name); });
  return detail::formatted("{}", detail::joined(names, ", "));
}

Augmentation augment_option(const std::string& text) {
  Augmentation augmentation;
  std::set<std::string> given;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    set_named(augmentation, text.substr(begin, end - begin), given);
    begin = end + 1;
  }
  check_ranges(augmentation);
  return augmentation;
}

}  // namespace hubel::cli
