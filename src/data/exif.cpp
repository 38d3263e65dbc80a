// The orientation that a camera wrote beside its picture. A phone held upright stores its sensor's rows, which lie on
// their side, and says so here (JEITA CP-3451, Exif 2.3, section 4.6.4, tag 0x0112); a digit must be turned back.
#include <utility>

#include "data/image_codecs.hpp"

namespace hubel::detail {
namespace {

// A TIFF structure: integers at byte offsets, in the byte order that its first bytes tell. Reading past its end gives
// 0.
class Tiff {
 public:
  explicit Tiff(ByteSpan bytes) : bytes_(bytes), big_endian_(starts_with(bytes, "MM")) {}

  std::uint32_t integer(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at + (big_endian_ ? i : size - 1 - i)]);
    }
    return value;
  }

 private:
  ByteSpan bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(ByteSpan app1) {
  constexpr std::size_t kExifHeader = 6;  // "Exif", 0, 0
  if (app1.size() < kExifHeader || !starts_with(app1, "Exif")) return 1;
  const Tiff tiff(app1.subspan(kExifHeader));
  constexpr std::size_t kEntry = 12;  // tag 2, type 2, count 4, value 4 bytes
  const std::size_t directory = tiff.integer(4, 4);
  const std::size_t entries = tiff.integer(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntry;
    if (tiff.integer(entry, 2) != 0x0112) continue;
    const auto value = static_cast<int>(tiff.integer(entry + 8, 2));
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

Image upright(Image image, int orientation) {
  if (orientation <= 1) return image;
  // Which output axis follows which stored one, and which stored axis runs backwards.
  const bool transposed = orientation >= 5;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Image out{transposed ? image.width : image.height, transposed ? image.height : image.width, image.channels, {}};
  out.pixels.reserve(image.pixels.size());
  for (std::int64_t y = 0; y < out.height; ++y) {
    for (std::int64_t x = 0; x < out.width; ++x) {
      const std::int64_t row = transposed ? x : y, column = transposed ? y : x;
      const std::int64_t from_y = from_bottom ? image.height - 1 - row : row;
      const std::int64_t from_x = from_right ? image.width - 1 - column : column;
      const auto at = image.pixels.begin() + (from_y * image.width + from_x) * image.channels;
      out.pixels.insert(out.pixels.end(), at, at + image.channels);
    }
  }
  return out;
}

}  // namespace hubel::detail
