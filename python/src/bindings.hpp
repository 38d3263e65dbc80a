// The parts of the extension module hubel._core, one function a source.
#pragma once

#include <nanobind/nanobind.h>

namespace hubel::python {

void bind_ops(nanobind::module_& m);
void bind_data(nanobind::module_& m);
void bind_layers(nanobind::module_& m);
void bind_network(nanobind::module_& m);

}  // namespace hubel::python
