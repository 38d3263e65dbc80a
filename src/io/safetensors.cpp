// Reading and writing safetensors; see safetensors.hpp.
#include "io/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#include "files/atomic_file.hpp"
#include "hubel/errors.hpp"
#include "io/json_text.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian and copied as they are");

// Bytes of header that are read at most. The format's own bound is 100 MB; parsed JSON takes about ten times its text,
// and 16 MiB describe a hundred thousand tensors.
constexpr std::uint64_t kMaxHeader = std::uint64_t{16} << 20;
constexpr std::uint64_t kLengthBytes = 8;
constexpr const char* kMetadata = "__metadata__";

struct DType {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr DType kDTypes[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"U16", 2}, {"I16", 2}, {"F16", 2}, {"BF16", 2},
                             {"U32", 4},  {"I32", 4}, {"F32", 4}, {"U64", 8}, {"I64", 8}, {"F64", 8}};

std::uint64_t dtype_bytes(std::string_view name, std::string_view who) {
  for (const DType& dtype : kDTypes)
    if (dtype.name == name) return dtype.bytes;
  throw FormatError(detail::formatted("{}: unknown dtype {}", who, json_quoted(name)));
}

const json& member(const json& object, const char* key, std::string_view who) {
  const auto found = object.find(key);
  if (found == object.end()) throw FormatError(detail::formatted("{}: '{}' is missing", who, key));
  return *found;
}

// An array of whole numbers from 0 on.
std::vector<std::uint64_t> whole_numbers(const json& value, const char* key, std::string_view who) {
  const auto is_whole = [](const json& number) { return number.is_number_unsigned(); };
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_whole)) {
    throw FormatError(
        detail::formatted("{}: '{}' is {}, it must be an array of whole numbers", who, key, json_for_message(value)));
  }
  return value.get<std::vector<std::uint64_t>>();
}

Shape read_shape(const json& value, std::string_view who) {
  const std::vector<std::uint64_t> extents = whole_numbers(value, "shape", who);
  const auto too_large = [](std::uint64_t e) { return e > std::uint64_t{1} << 58; };  // Shape's own bound
  if (std::any_of(extents.begin(), extents.end(), too_large)) {
    throw FormatError(detail::formatted("{}: 'shape' is {}, too large", who, json_for_message(value)));
  }
  try {
    return Shape(std::vector<std::int64_t>(extents.begin(), extents.end()));
  } catch (const std::invalid_argument& error) {
    throw FormatError(detail::formatted("{}: {}", who, error.what()));
  }
}

// One member of the header. Offsets count from `data`, where the tensors' bytes begin.
SafetensorsEntry read_entry(const std::string& name, const json& value, std::uint64_t data, std::uint64_t file_size,
                            std::string_view file) {
  const std::string who = detail::formatted("{}: tensor {}", file, json_quoted(name));
  if (!value.is_object()) throw FormatError(detail::formatted("{}: {} is not an object", who, json_for_message(value)));
  const json& dtype = member(value, "dtype", who);
  if (!dtype.is_string()) throw FormatError(detail::formatted("{}: 'dtype' is not a string", who));
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = dtype.get<std::string>();
  entry.shape = read_shape(member(value, "shape", who), who);
  const auto offsets = whole_numbers(member(value, "data_offsets", who), "data_offsets", who);
  // Both below the file's size, so that nothing here can overflow.
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > file_size - data) {
    throw FormatError(detail::formatted("{}: 'data_offsets' is {}, it must be [begin, end] within the {} bytes of data",
                                        who, json_for_message(value["data_offsets"]), file_size - data));
  }
  const std::uint64_t needs = static_cast<std::uint64_t>(entry.shape.elements()) * dtype_bytes(entry.dtype, who);
  if (needs != offsets[1] - offsets[0]) {
    throw FormatError(detail::formatted("{}: {} of shape {} takes {} bytes, its 'data_offsets' leave {}", who,
                                        entry.dtype, entry.shape.to_string(), needs, offsets[1] - offsets[0]));
  }
  entry.begin = data + offsets[0];
  entry.end = data + offsets[1];
  return entry;
}

std::map<std::string, std::string> read_metadata(const json& value, std::string_view file) {
  const auto is_string = [](const json& member) { return member.is_string(); };
  if (!value.is_object() || !std::all_of(value.begin(), value.end(), is_string)) {
    throw FormatError(detail::formatted("{}: '{}' must be an object of strings", file, kMetadata));
  }
  return value.get<std::map<std::string, std::string>>();
}

void check_cover(const std::vector<SafetensorsEntry>& tensors, std::uint64_t data, std::uint64_t file_size,
                 std::string_view file) {
  std::uint64_t at = data;
  for (const SafetensorsEntry& tensor : tensors) {
    if (tensor.begin != at) {
      throw FormatError(detail::formatted("{}: tensor {} {} before it", file, json_quoted(tensor.name),
                                          tensor.begin < at ? "overlaps the one" : "leaves a gap"));
    }
    at = tensor.end;
  }
  if (at != file_size) {
    throw FormatError(detail::formatted("{}: the file has {} bytes, its header accounts for {}", file, file_size, at));
  }
}

json read_header_json(const ByteSource& source, std::uint64_t& data, std::string_view file) {
  if (source.size() < kLengthBytes) {
    throw FormatError(detail::formatted("{}: not a safetensors file: it has only {} bytes", file, source.size()));
  }
  std::uint64_t length = 0;
  source.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMaxHeader || length > source.size() - kLengthBytes) {
    throw FormatError(
        detail::formatted("{}: not a safetensors file, or cut short: its first 8 bytes promise a header of {} "
                          "bytes, {} follow (and {} are allowed)",
                          file, length, source.size() - kLengthBytes, kMaxHeader));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  source.read(kLengthBytes, std::as_writable_bytes(std::span(text)));
  if (!text.starts_with('{'))
    throw FormatError(detail::formatted("{}: not a safetensors file: its header is no JSON object", file));
  data = kLengthBytes + length;
  return parse_json(text, detail::formatted("{}: the header", file));
}

float float_of_half(std::uint16_t half) {
  const int sign = half >> 15, exponent = half >> 10 & 31, mantissa = half & 1023;
  const std::uint32_t sign_bit = static_cast<std::uint32_t>(sign) << 31;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in float
    const float size = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -size : size;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : static_cast<std::uint32_t>(exponent + (127 - 15));
  return std::bit_cast<float>(sign_bit | wide << 23 | static_cast<std::uint32_t>(mantissa) << 13);
}

float float_of_brain(std::uint16_t brain) { return std::bit_cast<float>(static_cast<std::uint32_t>(brain) << 16); }

// Reads elements of type Stored piece by piece, converting each.
template <class Stored, class Convert>
void read_converted(const ByteSource& source, const SafetensorsEntry& entry, Tensor<float>& values, Convert convert) {
  std::array<Stored, 4096> piece;
  for (std::int64_t begin = 0; begin < values.size(); begin += std::ssize(piece)) {
    const std::int64_t n = std::min<std::int64_t>(std::ssize(piece), values.size() - begin);
    const std::span part(piece.data(), static_cast<std::size_t>(n));
    source.read(entry.begin + static_cast<std::uint64_t>(begin) * sizeof(Stored), std::as_writable_bytes(part));
    std::transform(part.begin(), part.end(), values.begin() + begin, convert);
  }
}

// The header's text, padded with spaces so that the tensors begin on a multiple of 8 bytes.
std::string header_text(const std::map<std::string, std::string>& metadata, std::span<const NamedTensor> tensors) {
  json header = json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::uint64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const std::uint64_t end = offset + static_cast<std::uint64_t>(tensor.values.size()) * sizeof(float);
    const Shape& shape = tensor.values.shape();
    if (header.contains(tensor.name)) {
      throw std::invalid_argument(detail::formatted("save: two tensors are named {}", json_quoted(tensor.name)));
    }
    header[tensor.name] = {{"dtype", "F32"},
                           {"shape", std::vector<std::int64_t>(shape.begin(), shape.end())},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = dump_json(header, "save: a name or note");
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kMaxHeader) {
    throw std::invalid_argument(
        detail::formatted("save: names and notes take {} bytes, at most {} are possible", text.size(), kMaxHeader));
  }
  return text;
}

}  // namespace

SafetensorsHeader read_safetensors_header(const ByteSource& source, std::string_view who) {
  std::uint64_t data = 0;
  const json object = read_header_json(source, data, who);
  SafetensorsHeader header;
  for (const auto& [name, value] : object.items()) {
    if (name == kMetadata) {
      header.metadata = read_metadata(value, who);
    } else {
      header.tensors.push_back(read_entry(name, value, data, source.size(), who));
    }
  }
  // An empty tensor has its place before one that begins there too.
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const auto& a, const auto& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  check_cover(header.tensors, data, source.size(), who);
  return header;
}

Tensor<float> read_float_tensor(const ByteSource& source, const SafetensorsEntry& entry, std::string_view who) {
  Tensor<float> values = Tensor<float>::uninitialized(entry.shape);
  if (entry.dtype == "F32") {
    source.read(entry.begin, std::as_writable_bytes(std::span(values.data(), static_cast<std::size_t>(values.size()))));
  } else if (entry.dtype == "F64") {
    read_converted<double>(source, entry, values, [](double x) { return static_cast<float>(x); });
  } else if (entry.dtype == "F16") {
    read_converted<std::uint16_t>(source, entry, values, float_of_half);
  } else if (entry.dtype == "BF16") {
    read_converted<std::uint16_t>(source, entry, values, float_of_brain);
  } else {
    throw FormatError(detail::formatted("{}: tensor {} is of dtype {}, weights are F32, F64, F16 or BF16", who,
                                        json_quoted(entry.name), entry.dtype));
  }
  return values;
}

void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       std::span<const NamedTensor> tensors) {
  const std::string header = header_text(metadata, tensors);
  const std::uint64_t length = header.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(header)));
  for (const NamedTensor& tensor : tensors)
    file.write(std::as_bytes(std::span(tensor.values.data(), static_cast<std::size_t>(tensor.values.size()))));
  file.commit();
}

}  // namespace hubel::detail
