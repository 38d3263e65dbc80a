// What the numbers of an augmentation may be, one list for all who check or name them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hubel/augment.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// f(field's name, field, least, most) for each number that has a range.
template <class F>
void for_each_range(const Augmentation& o, const F& f) {
  constexpr double kLeastZoom = 0.01, kMostZoom = 100, kMostAlpha = 1e6, kMostPixels = 65536;
  constexpr double kLeastArea = 1e-6, kLeastRatio = 0.01, kMostRatio = 100, kMostShear = 80, kMostNoise = 1000;
  f("crop_area_min", o.crop_area_min, kLeastArea, 1);
  f("crop_area_max", o.crop_area_max, o.crop_area_min, 1);
  f("crop_ratio_min", o.crop_ratio_min, kLeastRatio, kMostRatio);
  f("crop_ratio_max", o.crop_ratio_max, o.crop_ratio_min, kMostRatio);
  f("shear", o.shear, 0, kMostShear);
  f("zoom_min", o.zoom_min, kLeastZoom, kMostZoom);
  f("zoom_max", o.zoom_max, o.zoom_min, kMostZoom);
  f("rotation", o.rotation, 0, 180);
  f("crop_padding", o.crop_padding, 0, kMostPixels);
  f("cutout", o.cutout, 0, kMostPixels);
  f("shift", o.shift, 0, 1);
  f("flip_horizontal", o.flip_horizontal, 0, 1);
  f("flip_vertical", o.flip_vertical, 0, 1);
  f("brightness", o.brightness, 0, 1);
  f("contrast", o.contrast, 0, 1);
  f("saturation", o.saturation, 0, 1);
  f("hue", o.hue, 0, 0.5);
  f("grayscale", o.grayscale, 0, 1);
  f("noise", o.noise, 0, kMostNoise);
  f("erase", o.erase, 0, 1);
  f("mixup", o.mixup, 0, kMostAlpha);
  f("cutmix", o.cutmix, 0, kMostAlpha);
}

// The first number that is out of its range, as a sentence that calls it name_of(field's name, its address); nothing
// when all are in theirs. NaN is in none.
template <class NameOf>
std::optional<std::string> out_of_range(const Augmentation& o, const NameOf& name_of) {
  std::optional<std::string> wrong;
  for_each_range(o, [&](const char* field, const auto& number, double least, double most) {
    const double value = static_cast<double>(number);
    if (wrong || (value >= least && value <= most)) return;
    wrong = formatted("{} = {}, it must be in [{}, {}]", name_of(field, &number), value, least, most);
  });
  return wrong;
}

}  // namespace hubel::detail
