// The .npy format's header, and a walk over an array's elements whatever their type, byte order and layout.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "data/bytes.hpp"
#include "hubel/errors.hpp"
#include "hubel/npz.hpp"

namespace hubel::detail {

// A .npy file begins with the magic, a version and the header's length, in at most so many bytes.
inline constexpr std::size_t kNpyPreambleBytes = 12;

// From the first kNpyPreambleBytes of a .npy: where its data begins.
std::size_t npy_data_offset(ByteSpan preamble, const std::string& name);

// From the bytes before the data: the array, its data still empty.
NpyArray parse_npy_header(ByteSpan before_data, const std::string& name);

// The bytes of data that the array's shape and item_size ask for; none when these are negative, zero-sized or overflow
// (also behind an extent of 0). An array from parse_npy_header has such a number.
std::optional<std::size_t> npy_data_bytes(const NpyArray& array);

// IEEE half precision as a float; every half is one exactly.
float half_to_float(std::uint16_t half);

// An element of 2-byte float type, so that the walk below can tell it from an integer.
struct Half {
  std::uint16_t bits;
};

// The element at `from`, as stored or with its bytes reversed.
template <class T>
T load_element(const std::byte* from, bool reversed) {
  std::byte bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = from[reversed ? sizeof(T) - 1 - i : i];
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// Calls visit(value) for each element in C order. T is the element's type in the file; a Half is visited as float, and
// bool, stored as uint8, as bool.
template <class T, class Visit>
void visit_elements_as(const NpyArray& array, Visit&& visit) {
  const bool reversed = sizeof(T) > 1 && array.byte_order == (std::endian::native == std::endian::little ? '>' : '<');
  const auto visit_at = [&](const std::byte* at) {
    if constexpr (std::is_same_v<T, Half>) {
      visit(half_to_float(load_element<std::uint16_t>(at, reversed)));
    } else if constexpr (std::is_same_v<T, bool>) {
      visit(*at != std::byte{0});
    } else {
      visit(load_element<T>(at, reversed));
    }
  };
  const std::size_t count = array.data.size() / sizeof(T);
  const std::size_t rank = array.shape.size();
  if (!array.fortran_order || rank < 2) {
    for (std::size_t i = 0; i < count; ++i) visit_at(array.data.data() + i * sizeof(T));
    return;
  }
  // An odometer over the axes in C order: index[k] counts axis k, offset is where it points in Fortran's order.
  std::vector<std::size_t> index(rank, 0), stride(rank, 1);
  for (std::size_t k = 1; k < rank; ++k) stride[k] = stride[k - 1] * static_cast<std::size_t>(array.shape[k - 1]);
  std::size_t offset = 0;
  for (std::size_t i = 0; i < count; ++i) {
    visit_at(array.data.data() + offset * sizeof(T));
    for (std::size_t k = rank; k-- > 0;) {
      offset += stride[k];
      if (++index[k] < static_cast<std::size_t>(array.shape[k])) break;
      offset -= stride[k] * index[k];
      index[k] = 0;
    }
  }
}

// The same for an array whose type is known at run time only. Throws FormatError when its elements are not real
// numbers.
template <class Visit>
void visit_elements(const NpyArray& array, Visit&& visit) {
  if (npy_data_bytes(array) != array.data.size()) {
    throw std::invalid_argument("NpyArray: data has not the bytes that shape and item_size ask for");
  }
  const auto is = [&](char kind, std::size_t size) { return array.kind == kind && array.item_size == size; };
  if (is('b', 1)) return visit_elements_as<bool>(array, visit);
  if (is('i', 1)) return visit_elements_as<std::int8_t>(array, visit);
  if (is('i', 2)) return visit_elements_as<std::int16_t>(array, visit);
  if (is('i', 4)) return visit_elements_as<std::int32_t>(array, visit);
  if (is('i', 8)) return visit_elements_as<std::int64_t>(array, visit);
  if (is('u', 1)) return visit_elements_as<std::uint8_t>(array, visit);
  if (is('u', 2)) return visit_elements_as<std::uint16_t>(array, visit);
  if (is('u', 4)) return visit_elements_as<std::uint32_t>(array, visit);
  if (is('u', 8)) return visit_elements_as<std::uint64_t>(array, visit);
  if (is('f', 2)) return visit_elements_as<Half>(array, visit);
  if (is('f', 4)) return visit_elements_as<float>(array, visit);
  if (is('f', 8)) return visit_elements_as<double>(array, visit);
  throw FormatError("dtype '" + array.dtype() + "' is not a type of real numbers");
}

}  // namespace hubel::detail
