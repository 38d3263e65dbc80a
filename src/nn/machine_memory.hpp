// How much memory there is, so that asking for more is an error that is told. Linux grants any amount, and ends the
// process that then uses it.
#pragma once

namespace hubel::detail {

// Bytes of physical memory; infinite where the system does not say.
double machine_memory();

// Throws std::runtime_error when an execution's `bytes` are more.
void check_memory(double bytes);

}  // namespace hubel::detail
