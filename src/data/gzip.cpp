// Gzip unpacked piece by piece with zlib.
#include "data/gzip.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

// zlib counts in 32 bits; larger inputs and outputs go in pieces of this size.
constexpr std::size_t kPiece = std::size_t{1} << 30;

}  // namespace

bool is_gzip(ByteSpan bytes) { return starts_with(bytes, "\x1f\x8b"); }

GzipReader::GzipReader(ByteSpan packed, std::string name) : packed_(packed), name_(std::move(name)) {
  constexpr int kGzipWrapper = 16;  // added to the window's bits: expect a gzip header, check its CRC
  if (inflateInit2(&stream_, MAX_WBITS + kGzipWrapper) != Z_OK) throw std::bad_alloc();
}

GzipReader::~GzipReader() { inflateEnd(&stream_); }

void GzipReader::fail(const char* what) const { throw FormatError(detail::formatted("{}: {}", name_, what)); }

void GzipReader::feed() {
  if (stream_.avail_in != 0) return;
  const ByteSpan piece = packed_.subspan(fed_, std::min(kPiece, packed_.size() - fed_));
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));  // zlib only reads it
  stream_.avail_in = static_cast<uInt>(piece.size());
  fed_ += piece.size();
}

// After one member comes the end, or another member (as "cat a.gz b.gz" makes).
void GzipReader::end_of_member() {
  const ByteSpan rest = packed_.subspan(fed_ - stream_.avail_in);
  done_ = rest.empty();
  if (done_) return;
  if (!is_gzip(rest)) fail("there is something else after the end of the gzip data");
  inflateReset(&stream_);
}

std::size_t GzipReader::read(std::byte* out, std::size_t n) {
  std::size_t got = 0;
  while (got < n && !done_) {
    feed();
    const std::size_t piece = std::min(kPiece, n - got);
    stream_.next_out = reinterpret_cast<Bytef*>(out + got);
    stream_.avail_out = static_cast<uInt>(piece);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    got += piece - stream_.avail_out;
    if (status == Z_STREAM_END) {
      end_of_member();
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status == Z_BUF_ERROR || (status == Z_OK && stream_.avail_out != 0 && fed_ == packed_.size())) {
      fail("the gzip data is truncated");
    } else if (status != Z_OK) {
      fail(stream_.msg != nullptr ? detail::formatted("the gzip data is broken ({})", stream_.msg).c_str()
                                  : "the gzip data is broken");
    }
  }
  return got;
}

}  // namespace hubel::detail
