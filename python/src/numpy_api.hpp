// NumPy's C interface, included in one way everywhere.
//
// Arrays are read and made through it rather than through the buffer protocol: the buffer protocol writes a format
// string for each export, which costs more than a small convolution.
#pragma once

#include <nanobind/nanobind.h>

#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL hubel_python_numpy_api
#ifndef HUBEL_IMPORTS_NUMPY  // the one source that loads the interface defines it
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include "hubel/tensor.hpp"

namespace hubel::python {

namespace nb = nanobind;

template <class T>
inline constexpr int kNumpyType = NPY_DOUBLE;
template <>
inline constexpr int kNumpyType<float> = NPY_FLOAT;
template <>
inline constexpr int kNumpyType<std::int32_t> = NPY_INT32;

inline PyArrayObject* as_array(nb::handle array) { return reinterpret_cast<PyArrayObject*>(array.ptr()); }

// A fresh NumPy array, its elements unset, and a view of them.
template <class T>
struct NewArray {
  nb::object object;
  TensorView<T> view;

  explicit NewArray(const Shape& shape) {
    npy_intp extents[Shape::kMaxRank];
    for (std::size_t i = 0; i < shape.rank(); ++i) extents[i] = shape[i];
    object = nb::steal(PyArray_EMPTY(static_cast<int>(shape.rank()), extents, kNumpyType<T>, 0));
    if (!object.is_valid()) throw nb::python_error();  // MemoryError, NumPy's, which says how much was wanted
    view = {static_cast<T*>(PyArray_DATA(as_array(object))), shape};
  }
};

}  // namespace hubel::python
