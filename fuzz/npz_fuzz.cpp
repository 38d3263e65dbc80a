// Fuzzes parse_npz, and the data set made of its arrays.
#include "data/splits.hpp"
#include "fuzzing.hpp"
#include "hubel/npz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hubel::ReadLimits limits;
  limits.max_bytes = hubel::fuzz::kMaxBytes;
  hubel::fuzz::try_to_read(data, size, [&](std::span<const std::byte> bytes) {
    hubel::DatasetSplits splits = hubel::detail::read_npz_splits(bytes, "fuzz", limits);
    hubel::detail::finish_splits(splits);
  });
  return hubel::fuzz::try_to_read(data, size, [&](std::span<const std::byte> bytes) {
    for (const auto& [name, array] : hubel::parse_npz(bytes, "fuzz", limits)) array.to_float();
  });
}
