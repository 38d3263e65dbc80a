// Dataset: batches and slices of it.
#include "hubel/dataset.hpp"

#include <algorithm>
#include <stdexcept>

#include "data/pixels.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

// Asks for memory that will be read soon. The next image of a shuffled epoch is nowhere near the last.
void prefetch(const void* from, std::int64_t bytes) {
  constexpr std::int64_t kLine = 64, kMost = 64 * kLine;  // the processor itself goes on from there
  for (std::int64_t i = 0; i < std::min(bytes, kMost); i += kLine)
    __builtin_prefetch(static_cast<const char*>(from) + i);
}

using detail::write_pixels;
void write_pixels(const float* from, std::int64_t n, float* out) { std::copy_n(from, n, out); }

// A Dataset is made of plain members: what gather and slice trust is checked here.
template <class Pixels>
void check_sizes(const Dataset& data, const Pixels& pixels) {
  if (data.shape.rank() != 4 || std::ssize(pixels) != data.shape.elements() ||
      std::ssize(data.labels) != data.count()) {
    throw std::invalid_argument(detail::formatted("Dataset: {} pixels and {} labels do not fit its shape {}",
                                                  pixels.size(), data.labels.size(), data.shape.to_string()));
  }
}

}  // namespace

void Dataset::gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels_out) const {
  std::visit(
      [&](const auto& all) {
        check_sizes(*this, all);
        const std::int64_t size = sample_shape().elements();
        constexpr std::int64_t kAhead = 3;  // images
        for (std::int64_t i = 0; i < n; ++i) {
          const std::int64_t index = indices[i];
          if (index < 0 || index >= count()) {
            throw std::invalid_argument(
                detail::formatted("Dataset::gather: index {} is not in 0 ... {}", index, count() - 1));
          }
          if (i + kAhead < n && indices[i + kAhead] >= 0 && indices[i + kAhead] < count())
            prefetch(all.data() + indices[i + kAhead] * size, size * static_cast<std::int64_t>(sizeof(all[0])));
          write_pixels(all.data() + index * size, size, out + i * size);
          if (labels_out != nullptr) labels_out[i] = labels[static_cast<std::size_t>(index)];
        }
      },
      pixels);
}

Dataset Dataset::slice(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || begin > end || end > count()) {
    throw std::invalid_argument(
        detail::formatted("Dataset::slice: [{}, {}) is not within the {} images", begin, end, count()));
  }
  Dataset part;
  part.shape = shape.with_first(end - begin);
  part.classes = classes;
  std::visit(
      [&](const auto& all) {
        check_sizes(*this, all);
        const std::int64_t size = sample_shape().elements();
        part.pixels = std::decay_t<decltype(all)>(all.begin() + begin * size, all.begin() + end * size);
      },
      pixels);
  part.labels.assign(labels.begin() + begin, labels.begin() + end);
  return part;
}

void Dataset::keep_first(std::int64_t kept) {
  if (kept < 0 || kept > count()) {
    throw std::invalid_argument(
        detail::formatted("Dataset::keep_first: {} is not within the {} images", kept, count()));
  }
  std::visit(
      [&](auto& all) {
        check_sizes(*this, all);
        all.resize(static_cast<std::size_t>(kept * sample_shape().elements()));
      },
      pixels);
  labels.resize(static_cast<std::size_t>(kept));
  shape = shape.with_first(kept);
}

}  // namespace hubel
