// Fuzzes CIFAR's archive, and the bytes as one file of records. A first byte chooses.
#include <variant>
#include <vector>

#include "data/cifar.hpp"
#include "data/splits.hpp"
#include "fuzzing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t choice = data[0];
  return hubel::fuzz::try_to_read(data + 1, size - 1, [choice](std::span<const std::byte> bytes) {
    using hubel::detail::Cifar;
    if (choice % 3 == 0) {
      hubel::ReadLimits limits;
      limits.max_bytes = hubel::fuzz::kMaxBytes;
      hubel::DatasetSplits splits = hubel::detail::read_cifar_archive(bytes, "fuzz", limits);
      hubel::detail::finish_splits(splits);
      return;
    }
    hubel::Dataset part;
    part.pixels = std::vector<std::uint8_t>();
    part.shape = hubel::Shape{0, 32, 32, 3};
    hubel::detail::append_cifar_records(choice % 3 == 1 ? Cifar::ten : Cifar::hundred, bytes, "fuzz", part);
  });
}
