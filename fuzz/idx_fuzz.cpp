// Fuzzes the IDX reader: the bytes as they are, which reaches gzip too.
#include "data/idx.hpp"
#include "fuzzing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hubel::fuzz::try_to_read(data, size, [](std::span<const std::byte> bytes) {
    hubel::detail::parse_idx(bytes, "fuzz", hubel::fuzz::kMaxBytes);
  });
}
