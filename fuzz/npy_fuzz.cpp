// Fuzzes parse_npy and the conversion of what it returns.
#include "fuzzing.hpp"
#include "hubel/npz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hubel::fuzz::try_to_read(data, size, [](std::span<const std::byte> bytes) {
    const hubel::NpyArray array = hubel::parse_npy(bytes, "fuzz");
    array.to_float();
    array.to_int64();
  });
}
