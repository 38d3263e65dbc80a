// Layer descriptions between Python and C++: Python's are a kind and a dict of options, by the names that model files
// and the C++ structs have.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <vector>

#include "hubel/graph.hpp"
#include "hubel/layers.hpp"

namespace hubel::python {

namespace nb = nanobind;

// `who` begins the messages: TypeError for an option of a wrong type, ValueError for an unknown name or option.
Layer layer_from_python(const char* who, const std::string& kind, const nb::dict& options);
// (kind, options), each option in its full form: pairs as tuples, padding as a name or ((top, bottom), (left, right)).
nb::tuple layer_to_python(const Layer& layer);

// A network's layers as Python has them: (kind, options, name, numbers of its inputs) each.
nb::list entries_of(const Graph& graph);

nb::str python_text(std::string_view text);
nb::tuple python_shape(const Shape& shape);
// One sample's shape, from a tuple or list. TypeError, beginning with `who`, for what is none.
Shape shape_argument(const char* who, nb::handle value);

}  // namespace hubel::python
