// What the fuzz targets share: any bytes must be read, or refused by one of Hubel's two exceptions. A crash, a hang,
// another exception or memory beyond libFuzzer's limit is a find.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hubel/errors.hpp"

namespace hubel::fuzz {

// What a target unpacks at most: enough for any path through the readers, and fast.
inline constexpr std::size_t kMaxBytes = std::size_t{1} << 24;

template <class Read>
int try_to_read(const std::uint8_t* data, std::size_t size, Read read) {
  try {
    read(std::as_bytes(std::span(data, size)));
  } catch (const FormatError&) {
  } catch (const IoError&) {
  }
  return 0;
}

}  // namespace hubel::fuzz
