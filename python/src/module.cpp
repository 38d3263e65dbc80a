// The extension module hubel._core: loads NumPy's C interface, maps Hubel's exceptions to Python's, and joins the
// parts.
#define HUBEL_IMPORTS_NUMPY
#include <nanobind/nanobind.h>

#include <algorithm>
#include <limits>

#include "arguments.hpp"
#include "bindings.hpp"
#include "files.hpp"
#include "hubel/errors.hpp"
#include "hubel/threads.hpp"
#include "hubel/version.hpp"
#include "numpy_api.hpp"

namespace hubel::python {

namespace {

// std::invalid_argument -> ValueError and std::bad_alloc -> MemoryError are nanobind's own.
void translate_exception(const std::exception_ptr& error, void*) {
  try {
    std::rethrow_exception(error);
  } catch (const IoError& e) {
    set_error(PyExc_OSError, e.what());
  } catch (const FormatError& e) {
    set_error(PyExc_ValueError, e.what());
  }
}

void set_num_threads_(nb::handle n) {
  const std::int64_t count = integer({"set_num_threads", "n", "an integer"}, n);
  // Numbers beyond int are clamped to ones that are refused, or that OpenMP bounds, as they would be.
  set_num_threads(static_cast<int>(std::clamp<std::int64_t>(count, -1, std::numeric_limits<int>::max())));
}

// For the Python layer's own checks of arrays: TypeError unless it is an array that Hubel computes with.
void check_array(const nb::str& who, const nb::str& name, nb::handle value) {
  compute_type(who.c_str(), name.c_str(), value);
}

}  // namespace

}  // namespace hubel::python

NB_MODULE(_core, m) {
  using namespace hubel::python;
  if (PyArray_ImportNumPyAPI() < 0) throw nb::python_error();
  nb::register_exception_translator(&translate_exception);
  m.attr("version") = HUBEL_VERSION;
  m.def("num_threads", &hubel::num_threads);
  define(m, "set_num_threads", &set_num_threads_);
  define(m, "check_array", &check_array);
  bind_ops(m);
  bind_data(m);
  bind_augment(m);
  bind_metrics(m);
  bind_layers(m);
  bind_network(m);
  bind_training(m);
}
