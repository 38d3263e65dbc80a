// NPZ archives and data sets as NumPy arrays. What was read is handed over, not copied: an array keeps the vector that
// the C++ function filled.
#include <nanobind/nanobind.h>

#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "files.hpp"
#include "hubel/dataset.hpp"
#include "hubel/npz.hpp"
#include "numpy_api.hpp"
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

// read(limits) with the GIL released; Ctrl-C ends a download.
template <class Read>
auto read_file_or_url(const std::string& where, const Read& read) {
  Watch watch;
  ReadLimits limits;
  limits.keep_going = [&] { return watch.glance(); };
  try {
    return on_file(where, [&] { return read(limits); });
  } catch (...) {
    watch.rethrow();  // the interruption, rather than the error that came of it
    throw;
  }
}

nb::dict load_npz_(const nb::bytes& where) {
  const std::string path = path_of(where);
  NpzArrays arrays = read_file_or_url(path, [&](const ReadLimits& limits) { return load_npz(path, limits); });
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

nb::tuple load_dataset_(const nb::bytes& where, const nb::bytes& data_dir) {
  const std::string path = path_of(where);
  set_data_dir(path_of(data_dir));
  DatasetSplits splits = read_file_or_url(path, [&](const ReadLimits& limits) { return load_dataset(path, limits); });
  nb::list class_names;
  for (const std::string& name : splits.class_names) class_names.append(nb::str(name.data(), name.size()));
  return nb::make_tuple(part(std::move(splits.train)), part(std::move(splits.validation)), part(std::move(splits.test)),
                        class_names, nb::str(splits.source.data(), splits.source.size()));
}

}  // namespace

void bind_data(nb::module_& m) {
  m.def("load_npz", &load_npz_);
  m.def("load_dataset", &load_dataset_);
}

}  // namespace hubel::python
