// Fuzzes the reading of model files: header, architecture and weights.
#include "fuzzing.hpp"
#include "io/model_source.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hubel::fuzz::try_to_read(data, size, [](std::span<const std::byte> bytes) {
    hubel::detail::read_model(hubel::detail::MemorySource(bytes), "fuzz");
  });
}
