// Tar archives built byte by byte, also ones that lie.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "data_testing.hpp"

namespace hubel::test {

struct TarEntry {
  std::string name;
  Bytes content{};
  char type = '0';
  std::string size_field{};  // instead of the content's size
  std::string prefix{};
};

// A ustar header with its checksum.
inline Bytes tar_header(const TarEntry& entry) {
  std::string block(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  char size[16];
  std::snprintf(size, sizeof size, "%011zo", entry.content.size());
  put(0, entry.name);
  put(100, "0000644");
  put(124, entry.size_field.empty() ? size : entry.size_field);
  put(148, "        ");
  block[156] = entry.type;
  put(257, std::string("ustar\0"
                       "00",
                       8));
  put(345, entry.prefix);
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  char checksum[16];
  std::snprintf(checksum, sizeof checksum, "%06o", sum);
  put(148, std::string(checksum) + '\0' + ' ');
  return to_bytes(block);
}

inline Bytes tar(const std::vector<TarEntry>& entries, std::size_t end_blocks = 2) {
  Bytes bytes;
  for (const TarEntry& entry : entries) {
    append(bytes, tar_header(entry));
    append(bytes, entry.content);
    append(bytes, Bytes((512 - entry.content.size() % 512) % 512));
  }
  append(bytes, Bytes(512 * end_blocks));
  return bytes;
}

}  // namespace hubel::test
