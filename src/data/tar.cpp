// Tar read block by block. A header says how much comes after it, and is believed only within what can still come.
#include "data/tar.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "data/gzip.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

constexpr std::size_t kBlock = 512;
using Block = std::array<char, kBlock>;

// A field of a header, up to its first zero byte.
std::string_view field(const Block& block, std::size_t offset, std::size_t size) {
  const std::string_view whole(block.data() + offset, size);
  return whole.substr(0, whole.find('\0'));
}

// Octal digits between spaces; nothing for other text (GNU's binary sizes, of more than 8 GiB, among it).
std::optional<std::size_t> octal(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::size_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::size_t>(c - '0');  // 12 digits at most: 36 bits
  }
  return value;
}

// The header's checksum: the sum of its bytes, its own field counted as spaces.
bool is_whole(const Block& block) {
  constexpr std::size_t kBegin = 148, kSize = 8;
  std::size_t sum = kSize * ' ';
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (i < kBegin || i >= kBegin + kSize) sum += static_cast<unsigned char>(block[i]);
  }
  return octal(field(block, kBegin, kSize)) == sum;
}

std::string entry_name(const Block& block) {
  const std::string_view name = field(block, 0, 100), magic(block.data() + 257, 6);
  const std::string_view prefix = magic == std::string_view("ustar\0", 6) ? field(block, 345, 155) : "";
  return prefix.empty() ? std::string(name) : detail::formatted("{}/{}", prefix, name);
}

template <class Source>
class TarReader {
 public:
  // `available`: the source cannot yield more bytes than this.
  TarReader(Source& source, const std::string& name, std::size_t available, std::size_t max_bytes)
      : source_(source), name_(name), available_(available), max_bytes_(max_bytes) {}

  std::map<std::string, Bytes> read(const TarFilter& wanted) {
    std::map<std::string, Bytes> files;
    Block block{};
    while (read_header(block)) {
      const std::size_t size = entry_size(block);
      const char type = block[156];
      const bool regular = type == '0' || type == '\0';
      std::string entry = entry_name(block);
      const std::size_t filling = (kBlock - size % kBlock) % kBlock;
      if (!regular || !wanted(entry)) {
        pass_over(size + filling);
        continue;
      }
      Bytes content(size);
      take(content.data(), size);
      pass_over(filling);
      if (!files.emplace(entry, std::move(content)).second) fail(detail::formatted("has {} twice", printable(entry)));
    }
    read_to_end();
    return files;
  }

 private:
  // False at the end: a block of zeros, or nothing more.
  bool read_header(Block& block) {
    const std::size_t got = source_.read(reinterpret_cast<std::byte*>(block.data()), kBlock);
    count(got);
    if (got == 0 && taken_ > 0) return false;
    if (got < kBlock) fail(taken_ == got ? "is not a tar archive" : "is truncated");
    if (std::all_of(block.begin(), block.end(), [](char c) { return c == 0; })) return false;
    if (!is_whole(block)) {
      if (taken_ == kBlock) fail("is not a tar archive");
      fail(detail::formatted("has a damaged tar header at byte {}", taken_ - kBlock));
    }
    return true;
  }

  std::size_t entry_size(const Block& block) const {
    const std::optional<std::size_t> size = octal(field(block, 124, 12));
    if (!size) fail(detail::formatted("has a tar header whose size is no number, at byte {}", taken_ - kBlock));
    if (*size > available_ - std::min(taken_, available_)) {
      fail(detail::formatted("a tar header promises {} bytes, but it cannot hold so many", *size));
    }
    if (*size > max_bytes_ - taken_) fail_large();
    return *size;
  }

  void take(std::byte* out, std::size_t n) {
    count(n);
    if (source_.read(out, n) < n) fail("is truncated");
  }

  void pass_over(std::size_t n) {
    std::array<std::byte, 16 * kBlock> ignored;
    while (n > 0) {
      const std::size_t piece = std::min(n, ignored.size());
      take(ignored.data(), piece);
      n -= piece;
    }
  }

  // What comes after the end is filling; but only at its end does gzip know whether its checksum is right.
  void read_to_end() {
    std::array<std::byte, 16 * kBlock> ignored;
    while (const std::size_t got = source_.read(ignored.data(), ignored.size())) count(got);
  }

  void count(std::size_t n) {
    if (n > max_bytes_ - taken_) fail_large();
    taken_ += n;
  }

  [[noreturn]] void fail(const std::string& what) const { throw FormatError(detail::formatted("{}: {}", name_, what)); }
  [[noreturn]] void fail_large() const {
    fail(detail::formatted("unpacks to more than the limit of {} bytes", max_bytes_));
  }

  Source& source_;
  const std::string& name_;
  std::size_t available_, max_bytes_, taken_ = 0;
};

}  // namespace

std::map<std::string, Bytes> read_tar(ByteSpan bytes, const std::string& name, std::size_t max_bytes,
                                      const TarFilter& wanted) {
  if (is_gzip(bytes)) {
    GzipReader source(bytes, name);
    return TarReader(source, name, most_unpacked(bytes.size()), max_bytes).read(wanted);
  }
  MemoryReader source(bytes);
  return TarReader(source, name, bytes.size(), max_bytes).read(wanted);
}

}  // namespace hubel::detail
