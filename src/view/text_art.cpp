// Pictures made of text; see text_art.hpp.
#include "hubel/text_art.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>

#include "text/formatted.hpp"

namespace hubel {

namespace {

// A character cell is about twice as high as wide, so it stands for two pixels, one above the other.
float pixel(TensorView<const float> image, std::int64_t y, std::int64_t x) {
  if (y >= image.shape()[0]) return 0;
  const float v = image[y * image.shape()[1] + x];
  return v > 0 ? std::min(v, 1.0F) : 0.0F;
}

std::string_view half_block(float upper, float lower) {
  constexpr float kLit = 0.4F;  // of full brightness: keeps the thin strokes of a digit and drops their grey rim
  if (upper >= kLit) return lower >= kLit ? "█" : "▀";
  return lower >= kLit ? "▄" : " ";
}

std::string_view ascii(float brightness) {
  constexpr std::string_view kRamp = " .:-=+*#%@";
  return kRamp.substr(static_cast<std::size_t>(std::lround(brightness * static_cast<float>(kRamp.size() - 1))), 1);
}

std::int64_t classes_of(std::size_t counts, std::size_t names) {
  const auto n = static_cast<std::size_t>(std::llround(std::sqrt(static_cast<double>(counts))));
  if (n * n != counts || n == 0) {
    throw std::invalid_argument(
        detail::formatted("confusion_table: counts has {} entries, which is not a square", counts));
  }
  if (names != 0 && names != n) {
    throw std::invalid_argument(detail::formatted("confusion_table: {} names for {} classes", names, n));
  }
  return static_cast<std::int64_t>(n);
}

// The first `width` characters of a UTF-8 string, filled up with blanks on the left.
std::string cell(std::string_view text, std::size_t width) {
  std::size_t bytes = 0, characters = 0;
  while (bytes < text.size() && characters < width) {
    do ++bytes;
    while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80);
    ++characters;
  }
  return std::string(width - characters, ' ') + std::string(text.substr(0, bytes));
}

}  // namespace

std::string text_image(TensorView<const float> image, bool unicode) {
  if (image.shape().rank() != 2) {
    throw std::invalid_argument(
        detail::formatted("text_image: image has shape {} but must be (h, w)", image.shape().to_string()));
  }
  std::string text;
  for (std::int64_t y = 0; y < image.shape()[0]; y += 2) {
    for (std::int64_t x = 0; x < image.shape()[1]; ++x) {
      const float upper = pixel(image, y, x), lower = pixel(image, y + 1, x);
      text += unicode ? half_block(upper, lower) : ascii((upper + lower) / 2);
    }
    text += '\n';
  }
  return text;
}

std::string confusion_table(std::span<const std::int64_t> counts, std::span<const std::string> names) {
  const std::int64_t n = classes_of(counts.size(), names.size());
  constexpr std::size_t kMinCell = 5, kMaxCell = 8, kMaxLabel = 12;  // fits ten classes into 100 columns
  std::size_t label_width = 5, width = kMinCell;
  for (const std::string& name : names) {
    label_width = std::clamp(name.size(), label_width, kMaxLabel);
    width = std::clamp(name.size(), width, kMaxCell);
  }
  const auto name = [&](std::int64_t i) {
    return names.empty() ? std::to_string(i) : names[static_cast<std::size_t>(i)];
  };
  std::string text = cell("label", label_width) + " |";
  for (std::int64_t c = 0; c < n; ++c) text += ' ' + cell(name(c), width);
  text += "  <- predicted\n" + std::string(label_width + 1, '-') + '+' +
          std::string(static_cast<std::size_t>(n) * (width + 1), '-') + '\n';
  for (std::int64_t r = 0; r < n; ++r) {
    text += cell(name(r), label_width) + " |";
    std::int64_t total = 0;
    for (std::int64_t c = 0; c < n; ++c) {
      const std::int64_t count = counts[static_cast<std::size_t>(r * n + c)];
      total += count;
      text += ' ' + cell(count == 0 ? "." : std::to_string(count), width);
    }
    const std::int64_t right = counts[static_cast<std::size_t>(r * n + r)];
    text += total == 0
                ? "\n"
                : detail::formatted("  {:5.1f} %\n", 100.0 * static_cast<double>(right) / static_cast<double>(total));
  }
  return text;
}

}  // namespace hubel
