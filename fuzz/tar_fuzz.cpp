// Fuzzes the tar reader, plain and gzip-compressed, with all files wanted.
#include "data/tar.hpp"
#include "fuzzing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hubel::fuzz::try_to_read(data, size, [](std::span<const std::byte> bytes) {
    hubel::detail::read_tar(bytes, "fuzz", hubel::fuzz::kMaxBytes, [](const std::string&) { return true; });
  });
}
