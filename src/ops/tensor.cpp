// Shape: extents with their checks, so that no later size computation can overflow.
#include "hubel/tensor.hpp"

#include <algorithm>

#include "text/formatted.hpp"

namespace hubel {

namespace {
// Elements of one tensor: a product beyond this could overflow when multiplied by an element's size.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 58;
}  // namespace

Shape::Shape(std::span<const std::int64_t> extents) : rank_(extents.size()) {
  if (extents.size() > kMaxRank) {
    throw std::invalid_argument(detail::formatted("Shape: {} axes, at most {} are possible", extents.size(), kMaxRank));
  }
  std::copy(extents.begin(), extents.end(), extents_);
  // Zero extents are left out of the product: an empty tensor must still have extents that can be multiplied safely.
  std::int64_t product = 1;
  for (std::int64_t e : extents) {
    if (e < 0) throw std::invalid_argument(detail::formatted("Shape: {} has a negative extent", to_string()));
    if (e != 0 && product > kMaxElements / e) {
      throw std::invalid_argument(detail::formatted("Shape: {} has too many elements", to_string()));
    }
    if (e != 0) product *= e;
  }
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (std::int64_t e : *this) product *= e;
  return product;
}

Shape Shape::without_first() const {
  return Shape(std::span(extents_ + std::min<std::size_t>(1, rank_), rank_ - std::min<std::size_t>(1, rank_)));
}

Shape Shape::with_first(std::int64_t extent) const {
  std::int64_t extents[kMaxRank];
  std::copy(begin(), end(), extents);
  extents[0] = extent;
  return Shape(std::span(extents, rank_));
}

std::string Shape::to_string() const {
  // One axis is written with a comma, as NumPy and Python write a tuple of one.
  return rank_ == 1 ? detail::formatted("({},)", extents_[0]) : detail::formatted("({})", detail::joined(*this, ", "));
}

bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

}  // namespace hubel
