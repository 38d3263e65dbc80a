// Augmentation for a look at its results: images as NumPy arrays in, changed copies out.
#include "augment.hpp"

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "bindings.hpp"
#include "data/augment_ranges.hpp"
#include "numpy_api.hpp"
#include "samples.hpp"
#include "text/formatted.hpp"
#include "training.hpp"

namespace hubel::python {

namespace {

std::vector<double> reals(const char* name, nb::handle value) {
  const Context context{"Augmentation", name, "a sequence of real numbers"};
  nb::object items = nb::steal(PySequence_Tuple(value.ptr()));
  if (!items.is_valid()) {
    PyErr_Clear();
    raise_type_error(context, value);
  }
  std::vector<double> values;
  for (nb::handle item : nb::borrow<nb::tuple>(items)) values.push_back(real(context, item));
  return values;
}

Border border(nb::handle value) {
  const std::string name = text({"Augmentation", "border", "'zero' or 'reflect'"}, value);
  if (name == "zero") return Border::zero;
  if (name == "reflect") return Border::reflect;
  throw nb::value_error(detail::formatted("Augmentation: border = '{}', it must be 'zero' or 'reflect'", name).c_str());
}

// All that can be told without images: of as many channels as the options speak of.
void check_augmentation_(const nb::dict& fields) {
  const Augmentation options = augmentation_options(fields);
  const auto python_name = [](std::string_view name, const void*) {
    for (const auto& [end, place] : {std::pair{"_min", "[0]"}, {"_max", "[1]"}})
      if (name.ends_with(end)) return std::string(name.substr(0, name.size() - 4)) + place;
    return std::string(name);
  };
  if (const auto wrong = hubel::detail::out_of_range(options, python_name))
    throw std::invalid_argument("Augmentation: " + *wrong);
  const bool coloured = options.saturation > 0 || options.hue > 0 || options.grayscale > 0;
  const std::size_t channels = std::max({options.mean.size(), options.stddev.size(), std::size_t{coloured ? 3U : 1U}});
  check_augmentation("Augmentation", options, Shape{1, 1, static_cast<std::int64_t>(channels)});
}

// The elements of an int32 array that the Python layer has made.
const std::int32_t* int32s(nb::handle array) { return static_cast<const std::int32_t*>(PyArray_DATA(as_array(array))); }

// Of all of a source's images (h, w, c).
Shape batch_shape(const ArraySource& source) {
  const Shape shape = source.sample_shape();
  return {source.count(), shape[0], shape[1], shape[2]};
}

// x (m, h, w, c) as ArraySource takes it, indices (m) of int32.
nb::object augment_(const nb::dict& fields, nb::handle x, nb::handle indices, std::uint64_t seed, std::int64_t epoch) {
  const Augmentation options = augmentation_options(fields);
  const ArraySource source(x, nb::none());
  const Shape shape = source.sample_shape();
  check_augmentation("Augmentation.apply", options, shape);
  NewArray<float> out(batch_shape(source));
  const std::int32_t* numbers = int32s(indices);
  {
    nb::gil_scoped_release release;
    Tensor<float> scratch;
    const TensorView<const float> floats = source.batch(0, source.count(), scratch);
    std::copy(floats.begin(), floats.end(), out.view.data());
    augment(options, shape, out.view.data(), numbers, source.count(), seed, epoch);
  }
  return out.object;
}

nb::object new_int32s(std::int64_t n) {
  npy_intp extent = n;
  nb::object array = nb::steal(PyArray_SimpleNew(1, &extent, NPY_INT32));
  if (!array.is_valid()) throw nb::python_error();
  return array;
}

// x float32 (m, h, w, c), indices and labels int32 (m) -> (mixed images, other labels, shares).
nb::tuple mix_samples_(const nb::dict& fields, nb::handle x, nb::handle indices, nb::handle labels, std::uint64_t seed,
                       std::int64_t epoch) {
  const Augmentation options = augmentation_options(fields);
  const ArraySource source(x, labels);
  const Shape shape = source.sample_shape();
  check_augmentation("Augmentation.mix", options, shape);
  NewArray<float> out(batch_shape(source)), shares(Shape{source.count()});
  nb::object others = new_int32s(source.count());
  auto* other_labels = static_cast<std::int32_t*>(PyArray_DATA(as_array(others)));
  {
    nb::gil_scoped_release release;
    Tensor<float> scratch;
    const TensorView<const float> floats = source.batch(0, source.count(), scratch);
    mix_samples(options, shape, floats.data(), int32s(indices), int32s(labels), source.count(), seed, epoch,
                out.view.data(), other_labels, shares.view.data());
  }
  return nb::make_tuple(out.object, others, shares.object);
}

nb::list floats_of(const std::vector<double>& values) {
  nb::list list;
  for (const double value : values) list.append(value);
  return list;
}

// Of images x with their labels, or of a FolderPart.
nb::tuple channel_statistics_(nb::handle x, nb::handle labels) {
  const std::unique_ptr<SampleSource> source = source_of(x, labels, nb::none());
  ChannelStatistics statistics;
  {
    nb::gil_scoped_release release;
    statistics = channel_statistics(*source);
  }
  return nb::make_tuple(floats_of(statistics.mean), floats_of(statistics.stddev));
}

}  // namespace

Augmentation augmentation_options(const nb::dict& fields) {
  const char* who = "Augmentation";
  Augmentation o;
  for (const auto& [name, field] : {std::pair{"crop_area_min", &o.crop_area_min},
                                    {"crop_area_max", &o.crop_area_max},
                                    {"crop_ratio_min", &o.crop_ratio_min},
                                    {"crop_ratio_max", &o.crop_ratio_max},
                                    {"shear", &o.shear},
                                    {"zoom_min", &o.zoom_min},
                                    {"zoom_max", &o.zoom_max},
                                    {"rotation", &o.rotation},
                                    {"shift", &o.shift},
                                    {"flip_horizontal", &o.flip_horizontal},
                                    {"flip_vertical", &o.flip_vertical},
                                    {"brightness", &o.brightness},
                                    {"contrast", &o.contrast},
                                    {"saturation", &o.saturation},
                                    {"hue", &o.hue},
                                    {"grayscale", &o.grayscale},
                                    {"noise", &o.noise},
                                    {"erase", &o.erase},
                                    {"mixup", &o.mixup},
                                    {"cutmix", &o.cutmix}}) {
    *field = real({who, name, "a real number"}, fields[name]);
  }
  o.crop_padding = integer({who, "crop_padding", "an integer"}, fields["crop_padding"]);
  o.cutout = integer({who, "cutout", "an integer"}, fields["cutout"]);
  o.border = border(fields["border"]);
  o.mean = reals("mean", fields["mean"]);
  o.stddev = reals("stddev", fields["stddev"]);
  return o;
}

void bind_augment(nb::module_& m) {
  m.def("check_augmentation", &check_augmentation_);
  m.def("augment", &augment_);
  m.def("mix_samples", &mix_samples_);
  define(m, "channel_statistics", &channel_statistics_);
}

}  // namespace hubel::python
