// The safetensors format, as Hugging Face publishes it: 8 bytes of little-endian header length, a JSON header that
// gives every tensor's dtype, shape and place, and the tensors' bytes, little-endian and row-major.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/tensor.hpp"
#include "io/byte_source.hpp"

namespace hubel::detail {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // "F32"
  Shape shape;
  std::uint64_t begin, end;  // bytes of the file
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> tensors;  // in the order of their bytes
};

// Reads and checks the header: its length, the JSON, each tensor's dtype, shape and size, and that the tensors cover
// the rest of the file without gap or overlap. Afterwards every entry's bytes are known to be there. Throws
// FormatError, its message beginning with `who`.
SafetensorsHeader read_safetensors_header(const ByteSource& source, std::string_view who);

// A tensor of dtype F32, F64, F16 or BF16 as float. Throws FormatError for another dtype.
Tensor<float> read_float_tensor(const ByteSource& source, const SafetensorsEntry& entry, std::string_view who);

struct NamedTensor {
  std::string name;
  TensorView<const float> values;
};

// Writes F32 tensors, in the given order, atomically. Throws IoError; std::invalid_argument for a name or metadata that
// is not UTF-8, or names that are not unique.
void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       std::span<const NamedTensor> tensors);

}  // namespace hubel::detail
