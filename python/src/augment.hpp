// Options of augmentation, as hubel.Augmentation gives them.
#pragma once

#include <nanobind/nanobind.h>

#include "hubel/augment.hpp"

namespace hubel::python {

namespace nb = nanobind;

// From all of the options by name. TypeError, which begins with "Augmentation", for what is of a wrong type; whether
// they are in their ranges is left to check_augmentation.
Augmentation augmentation_options(const nb::dict& fields);

}  // namespace hubel::python
