// Layer descriptions between Python and C++: Python's are a kind and a dict of options, by the names that model files
// and the C++ structs have.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "hubel/layers.hpp"

namespace hubel::python {

namespace nb = nanobind;

// `who` begins the messages: TypeError for an option of a wrong type, ValueError for an unknown name or option.
Layer layer_from_python(const char* who, const std::string& kind, const nb::dict& options);
// (kind, options), each option in its full form: pairs as tuples, padding as a name or ((top, bottom), (left, right)).
nb::tuple layer_to_python(const Layer& layer);

}  // namespace hubel::python
