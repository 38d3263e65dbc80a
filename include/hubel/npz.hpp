// NumPy's NPZ archives (a zip of .npy files), from a file, a URL or memory.
// Format: numpy.lib.format (NEP 1), versions 1.0, 2.0 and 3.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// One array as the file has it.
struct NpyArray {
  char kind = 'f';             // NumPy's kind: b i u f c (bool, signed, unsigned, float, complex), S U (text)
  std::size_t item_size = 4;   // bytes an element
  char byte_order = '<';       // '<' little-endian, '>' big-endian, '|' where it does not matter
  bool fortran_order = false;  // the first axis varies fastest
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;  // elements * item_size bytes, as stored

  // As NumPy writes it: "<f4".
  std::string dtype() const;
  std::int64_t elements() const;
  // The elements in C order, native byte order, converted. Throws FormatError for a dtype that is not a number
  // (bool counts as 0 and 1), or for to_int64 a fraction or a value out of range.
  std::vector<float> to_float() const;
  std::vector<std::int64_t> to_int64() const;
};

// Limits against hostile files: more than this many bytes, before or after decompression, is refused.
struct ReadLimits {
  std::size_t max_bytes = std::size_t{8} << 30;
  long connect_timeout_s = 20;
  long stall_timeout_s = 30;  // no byte for this long ends a download
  long max_redirects = 5;
};

using NpzArrays = std::map<std::string, NpyArray>;

// `where` is a path, or an http:// or https:// URL that is read into memory and not saved. Throws IoError when it
// cannot be read and FormatError when it is not an NPZ; the message names `where` and the array at fault.
NpzArrays load_npz(const std::string& where, const ReadLimits& limits = {});
NpzArrays parse_npz(std::span<const std::byte> bytes, const std::string& name, const ReadLimits& limits = {});
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& name);

}  // namespace hubel
