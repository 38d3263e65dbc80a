// Fuzzes decode_image, and the preparation of what it returns.
#include "fuzzing.hpp"
#include "hubel/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t kMaxPixels = 1 << 18;  // a larger image takes no other path
  return hubel::fuzz::try_to_read(data, size, [](std::span<const std::byte> bytes) {
    const hubel::Image image = hubel::decode_image(bytes, "fuzz", kMaxPixels);
    hubel::prepare_image(image, hubel::Shape{28, 28, 3}, false);
    hubel::prepare_image(image, hubel::Shape{28, 28, 1}, true);
  });
}
