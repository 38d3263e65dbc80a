// NpyArray's members: its dtype as text, its size, and its elements as floats or integers.

#include <cmath>
#include <limits>
#include <utility>

#include "data/npy.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace detail {

std::optional<std::size_t> npy_data_bytes(const NpyArray& array) {
  std::size_t bytes = array.item_size;
  bool empty = false, possible = bytes > 0;
  for (const std::int64_t extent : array.shape) {
    empty |= extent == 0;
    possible &= extent >= 0;
    // Sizes are told in int64 elsewhere, so that they must fit there.
    if (extent > 0) possible &= !__builtin_mul_overflow(bytes, static_cast<std::size_t>(extent), &bytes);
    possible &= std::in_range<std::int64_t>(bytes);
  }
  if (!possible) return std::nullopt;
  return empty ? 0 : bytes;
}

float half_to_float(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
  float magnitude = 0;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);  // subnormal: units of 2^-24
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

namespace {

// The value as int64. Throws FormatError for one that it is not.
template <class T>
std::int64_t exact_int64(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T kEnd = static_cast<T>(9223372036854775808.0);  // 2^63; written so that NaN fails too
    if (!(value >= -kEnd && value < kEnd && value == std::trunc(value))) {
      throw FormatError(detail::formatted("{} is not a whole number that fits in 64 bits", value));
    }
  } else if constexpr (std::is_unsigned_v<T>) {
    if (!std::in_range<std::int64_t>(std::uint64_t{value})) {
      throw FormatError(detail::formatted("{} does not fit in a signed 64-bit number", value));
    }
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace
}  // namespace detail

std::string NpyArray::dtype() const {
  return detail::formatted("{}{}{}", byte_order, kind, kind == 'U' ? item_size / 4 : item_size);
}

std::int64_t NpyArray::elements() const {
  const auto bytes = detail::npy_data_bytes(*this);
  if (!bytes) throw std::invalid_argument("NpyArray: shape or item_size is negative, zero-sized or too large");
  return static_cast<std::int64_t>(*bytes / item_size);
}

std::vector<float> NpyArray::to_float() const {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(elements()));
  detail::visit_elements(*this, [&](auto value) { values.push_back(static_cast<float>(value)); });
  return values;
}

std::vector<std::int64_t> NpyArray::to_int64() const {
  std::vector<std::int64_t> values;
  values.reserve(static_cast<std::size_t>(elements()));
  detail::visit_elements(*this, [&](auto value) { values.push_back(detail::exact_int64(value)); });
  return values;
}

}  // namespace hubel
