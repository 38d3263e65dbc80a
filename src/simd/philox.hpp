// Many random numbers of Philox4x32-10 (random.hpp) at once, and dropping elements by them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hubel::simd {

// Numbers of 16 bits that a row of 16 counters gives.
inline constexpr std::size_t kPhiloxRow = 128;

// Where a run of numbers begins: the counters of row r are (16 r + 0 ... 15, words), the key is as it says.
struct PhiloxRun {
  std::uint32_t key[2];
  std::uint32_t words[3];  // of the counter, after its first
};

// to[128 (r - first) + 64 h + 16 w + i] = 16 bits of counter 16 r + i: of its output's word w the low half for h = 0,
// the high half for h = 1; r from `first` to first + rows - 1. The bits are the same with every instruction set.
void philox_rows(const PhiloxRun& run, std::uint32_t first, std::size_t rows, std::uint32_t* to);

// What is made of an element that is kept, x scale + offset, and what of one that is not.
template <class T>
struct Keeping {
  T scale, offset, otherwise;
};

// y[i] = x[i] scale + offset where bits[i] >= threshold, else `otherwise`. y may be x. bits are below 2^31.
template <class T>
void keep_elements(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, const Keeping<T>& keeping,
                   const T* x, T* y);

}  // namespace hubel::simd
