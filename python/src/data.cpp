// NPZ archives and data sets as NumPy arrays. What was read is handed over, not copied: an array keeps the vector that
// the C++ function filled.
#include <nanobind/nanobind.h>

#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "bindings.hpp"
#include "files.hpp"
#include "hubel/dataset.hpp"
#include "hubel/image_folder.hpp"
#include "hubel/npz.hpp"
#include "layers.hpp"
#include "numpy_api.hpp"
#include "text/formatted.hpp"
#include "watch.hpp"

namespace hubel::python {

namespace {

// An array of the given dtype ("<f4") and shape over `values`, which it owns.
template <class T, class Extents>
nb::object adopt(std::vector<T>&& values, const std::string& dtype, const Extents& shape, bool fortran_order = false) {
  PyArray_Descr* descr = nullptr;
  if (!PyArray_DescrConverter(nb::str(dtype.c_str()).ptr(), &descr)) throw nb::python_error();
  const std::vector<npy_intp> extents(shape.begin(), shape.end());
  auto* kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  const int order = fortran_order ? NPY_ARRAY_F_CONTIGUOUS : NPY_ARRAY_C_CONTIGUOUS;
  nb::object array =
      nb::steal(PyArray_NewFromDescr(&PyArray_Type, descr, static_cast<int>(extents.size()), extents.data(), nullptr,
                                     kept->data(), order | NPY_ARRAY_WRITEABLE, nullptr));
  if (!array.is_valid()) throw nb::python_error();
  if (PyArray_SetBaseObject(as_array(array), owner.release().ptr()) < 0) throw nb::python_error();
  return array;
}

// read(limits) with the GIL released; Ctrl-C ends a download, and so does an exception from `progress`, which gets
// (url, bytes, all_bytes) unless it is None.
template <class Read>
auto read_file_or_url(const std::string& where, nb::handle progress, const Read& read) {
  Watch watch;
  ReadLimits limits;
  DownloadProgress latest;
  if (!progress.is_none()) limits.on_download = [&](const DownloadProgress& now) { latest = now; };
  limits.keep_going = [&] {
    return watch.glance([&] {
      if (!latest.url.empty()) progress(latest.url.c_str(), latest.bytes, latest.all_bytes);
      return true;
    });
  };
  try {
    return on_file(where, [&] { return read(limits); });
  } catch (...) {
    watch.rethrow();  // the interruption, rather than the error that came of it
    throw;
  }
}

nb::dict load_npz_(const nb::bytes& where) {
  const std::string path = path_of(where);
  NpzArrays arrays =
      read_file_or_url(path, nb::none(), [&](const ReadLimits& limits) { return load_npz(path, limits); });
  nb::dict result;
  for (auto& [name, array] : arrays) {
    result[name.c_str()] = adopt(std::move(array.data), array.dtype(), array.shape, array.fortran_order);
  }
  return result;
}

// One part of a data set: (images, labels).
nb::tuple part(Dataset&& data) {
  nb::object images = std::visit(
      [&]<class T>(std::vector<T>& pixels) {
        return adopt(std::move(pixels), std::is_same_v<T, float> ? "=f4" : "|u1", data.shape);
      },
      data.pixels);
  const std::vector<std::int64_t> count = {data.count()};
  return nb::make_tuple(images, adopt(std::move(data.labels), "=i4", count));
}

// What came from a file's or a folder's name may be no UTF-8.
nb::object text_of(const std::string& bytes) {
  nb::object text =
      nb::steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogateescape"));
  if (!text.is_valid()) throw nb::python_error();
  return text;
}

nb::list texts_of(const std::vector<std::string>& all) {
  nb::list texts;
  for (const std::string& one : all) texts.append(text_of(one));
  return texts;
}

// (train, validation, test, class names, source, skipped), each part (images, labels).
nb::tuple parts_of(DatasetSplits&& splits) {
  return nb::make_tuple(part(std::move(splits.train)), part(std::move(splits.validation)), part(std::move(splits.test)),
                        texts_of(splits.class_names), text_of(splits.source), texts_of(splits.skipped));
}

// progress(url, bytes, all_bytes) is called now and then during a download, unless it is None.
nb::tuple load_dataset_(const nb::bytes& where, const nb::bytes& data_dir, nb::handle progress) {
  const std::string path = path_of(where);
  set_data_dir(path_of(data_dir));
  return parts_of(
      read_file_or_url(path, progress, [&](const ReadLimits& limits) { return load_dataset(path, limits); }));
}

nb::list dataset_names_() { return texts_of(dataset_names()); }

ImageFolderOptions folder_options(const char* who, nb::handle size, nb::handle channels, nb::handle on_broken) {
  ImageFolderOptions options;
  if (!size.is_none()) {
    const auto [height, width] = integer_pair({who, "size", "(height, width), an integer or None"}, size);
    if (height < 1 || width < 1) {
      throw nb::value_error(
          detail::formatted("{}: size = ({}, {}), it must be at least 1", who, height, width).c_str());
    }
    options.height = height, options.width = width;
  }
  if (!channels.is_none()) {
    options.channels = integer({who, "channels", "1, 3 or None"}, channels);
    if (options.channels == 0)
      throw nb::value_error(detail::formatted("{}: channels = 0, it must be 1, 3 or None", who).c_str());
  }
  const std::string broken = text({who, "on_broken", "'refuse' or 'skip'"}, on_broken);
  if (broken != "refuse" && broken != "skip") {
    throw nb::value_error(
        detail::formatted("{}: on_broken = '{}', it must be 'refuse' or 'skip'", who, broken).c_str());
  }
  options.on_broken = broken == "skip" ? OnBroken::skip : OnBroken::refuse;
  return options;
}

nb::tuple image_folder_(const nb::bytes& folder, nb::handle size, nb::handle channels, nb::handle on_broken) {
  const std::string path = path_of(folder);
  const ImageFolderOptions options = folder_options("image_folder", size, channels, on_broken);
  return parts_of(read_file_or_url(path, nb::none(),
                                   [&](const ReadLimits& limits) { return load_image_folder(path, options, limits); }));
}

// (train, validation, test, class names, source, skipped), each part a FolderPart.
nb::tuple open_image_folder_(const nb::bytes& folder, nb::handle size, nb::handle channels, nb::handle on_broken,
                             nb::handle cache_bytes) {
  const char* who = "open_image_folder";
  const std::string path = path_of(folder);
  ImageFolderOptions options = folder_options(who, size, channels, on_broken);
  const std::int64_t bytes = integer({who, "cache_bytes", "an integer"}, cache_bytes);
  if (bytes < 0)
    throw nb::value_error(detail::formatted("{}: cache_bytes = {}, it must be at least 0", who, bytes).c_str());
  options.cache_bytes = static_cast<std::size_t>(bytes);
  FolderSplits splits = read_file_or_url(
      path, nb::none(), [&](const ReadLimits& limits) { return FolderSplits::open(path, options, limits); });
  return nb::make_tuple(splits.train, splits.validation, splits.test, texts_of(splits.class_names),
                        text_of(splits.source), texts_of(splits.skipped));
}

// ---- A part of a folder that is decoded when it is asked for ---------------------------------------------------

nb::object labels_of(const FolderDataset& part) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < part.count(); ++i) labels.push_back(part.label(i));
  return adopt(std::move(labels), "=i4", std::vector<std::int64_t>{part.count()});
}

nb::list paths_of(const FolderDataset& part) {
  nb::list paths;
  for (std::int64_t i = 0; i < part.count(); ++i) paths.append(text_of(part.path(i)));
  return paths;
}

// Images (n, h, w, c) of these numbers: int32 (n), as the Python layer has made them.
nb::object load_images(const FolderDataset& part, nb::handle indices) {
  const auto* numbers = static_cast<const std::int32_t*>(PyArray_DATA(as_array(indices)));
  const std::int64_t n = PyArray_DIM(as_array(indices), 0);
  const Shape shape = part.sample_shape();
  NewArray<float> out(Shape{n, shape[0], shape[1], shape[2]});
  {
    nb::gil_scoped_release release;
    part.gather(numbers, n, out.view.data(), nullptr);
  }
  return out.object;
}

}  // namespace

void bind_data(nb::module_& m) {
  m.def("load_npz", &load_npz_);
  define(m, "load_dataset", &load_dataset_);
  m.def("dataset_names", &dataset_names_);
  define(m, "image_folder", &image_folder_);
  define(m, "open_image_folder", &open_image_folder_);
  nb::class_<FolderDataset>(m, "FolderPart")
      .def("__len__", &FolderDataset::count)
      .def("sample_shape", [](const FolderDataset& part) { return python_shape(part.sample_shape()); })
      .def("labels", &labels_of)
      .def("paths", &paths_of)
      .def("load", &load_images);
}

}  // namespace hubel::python
