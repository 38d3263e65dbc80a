// Metrics of answers and outputs that are there already, as NumPy arrays.
#include "hubel/metrics.hpp"

#include <nanobind/nanobind.h>

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>

#include "arguments.hpp"
#include "bindings.hpp"
#include "numpy_api.hpp"

namespace hubel::python {

namespace {

// The elements of an int32 array that the Python layer has made.
std::span<const std::int32_t> int32s(nb::handle array) {
  if (!PyArray_Check(array.ptr()) || PyArray_TYPE(as_array(array)) != NPY_INT32 ||
      !PyArray_ISCARRAY_RO(as_array(array)))
    throw std::logic_error("labels must be a C-contiguous int32 array");
  return {static_cast<const std::int32_t*>(PyArray_DATA(as_array(array))),
          static_cast<std::size_t>(PyArray_SIZE(as_array(array)))};
}

ConfusionMatrix counted(nb::handle labels, nb::handle answers, std::int64_t classes) {
  const std::span<const std::int32_t> own = int32s(labels), others = int32s(answers);
  nb::gil_scoped_release release;
  ConfusionMatrix matrix(classes);
  matrix.add(own, others);
  return matrix;
}

nb::object confusion_matrix(nb::handle labels, nb::handle answers, std::int64_t classes) {
  const ConfusionMatrix matrix = counted(labels, answers, classes);
  npy_intp extents[] = {classes, classes};
  nb::object array = nb::steal(PyArray_SimpleNew(2, extents, NPY_INT64));
  if (!array.is_valid()) throw nb::python_error();
  std::ranges::copy(matrix.counts(), static_cast<std::int64_t*>(PyArray_DATA(as_array(array))));
  return array;
}

nb::tuple python_scores(const ClassScores& scores) {
  return nb::make_tuple(scores.precision, scores.recall, scores.f1, scores.support);
}

// [(precision, recall, f1, support)] of each class, or of their average alone.
nb::list class_scores(nb::handle labels, nb::handle answers, std::int64_t classes, nb::handle average) {
  const ConfusionMatrix matrix = counted(labels, answers, classes);
  nb::list result;
  if (average.is_none()) {
    for (const ClassScores& scores : matrix.scores()) result.append(python_scores(scores));
    return result;
  }
  const std::string name = nb::cast<nb::str>(average).c_str();
  const Average kind = name == "macro" ? Average::macro : name == "micro" ? Average::micro : Average::weighted;
  result.append(python_scores(matrix.scores(kind)));
  return result;
}

// call(outputs, targets), two arrays of one element type.
template <class Call>
double of_pair(const char* who, nb::handle outputs, nb::handle targets, const Call& call) {
  const Arrays arrays(who, {{"outputs", "", outputs}, {"targets", "", targets}});
  nb::gil_scoped_release release;
  return arrays.is_double() ? call(arrays.view<double>(0), arrays.view<double>(1))
                            : call(arrays.view<float>(0), arrays.view<float>(1));
}

double top_k_accuracy_(nb::handle outputs, nb::handle labels, std::int64_t k) {
  const Arrays arrays("top_k_accuracy_score", {{"scores", "(m, classes)", outputs}});
  const std::span<const std::int32_t> own = int32s(labels);
  nb::gil_scoped_release release;
  return arrays.is_double() ? top_k_accuracy(arrays.view<double>(0), own, k)
                            : top_k_accuracy(arrays.view<float>(0), own, k);
}

double binary_accuracy_(nb::handle outputs, nb::handle targets, double threshold) {
  return of_pair("binary_accuracy", outputs, targets,
                 [threshold](auto y, auto t) { return binary_accuracy(y, t, threshold); });
}

double mean_absolute_error_(nb::handle outputs, nb::handle targets) {
  return of_pair("mean_absolute_error", outputs, targets, [](auto y, auto t) { return mean_absolute_error(y, t); });
}

}  // namespace

void bind_metrics(nb::module_& m) {
  m.def("confusion_matrix", &confusion_matrix);
  define(m, "class_scores", &class_scores);
  define(m, "top_k_accuracy", &top_k_accuracy_);
  define(m, "binary_accuracy", &binary_accuracy_);
  define(m, "mean_absolute_error", &mean_absolute_error_);
}

}  // namespace hubel::python
