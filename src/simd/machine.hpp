// Inner loops that do nothing but keep the machine busy, to measure what it can do at most.
#pragma once

#include <cstddef>

namespace hubel::simd {

// The instruction set that was chosen at run time, by Highway's name: "AVX2", "AVX3", ...
const char* instruction_set();

// Multiplies and adds vectors of float in registers, `rounds` times; returns the floating-point operations done.
double busy_multiply_adds(std::size_t rounds);

// The sum of n floats, read as fast as they come.
float sum(const float* x, std::size_t n);

}  // namespace hubel::simd
