// The parts of the extension module hubel._core, one function a source.
#pragma once

#include <nanobind/nanobind.h>

namespace hubel::python {

// m.def of a function whose arguments may be None: unasked, nanobind refuses it in its own words.
template <class Result, class... Arguments>
void define(nanobind::module_& m, const char* name, Result (*function)(Arguments...)) {
  m.def(name, function, (static_cast<void>(sizeof(Arguments)), nanobind::arg().none())...);
}

void bind_ops(nanobind::module_& m);
void bind_data(nanobind::module_& m);
void bind_augment(nanobind::module_& m);
void bind_metrics(nanobind::module_& m);
void bind_layers(nanobind::module_& m);
void bind_network(nanobind::module_& m);
void bind_training(nanobind::module_& m);

}  // namespace hubel::python
