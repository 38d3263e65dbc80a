// MD5 by OpenSSL's libcrypto, which libcurl brings along.
#include "data/checksum.hpp"

#include <openssl/evp.h>

#include <array>
#include <span>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

std::string md5(ByteSpan bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr) != 1) {
    throw IoError("MD5 checksums are not to be had: this system's OpenSSL has them switched off (FIPS)");
  }
  std::string text;
  for (const unsigned char byte : std::span(digest).first(size)) text += detail::formatted("{:02x}", byte);
  return text;
}

}  // namespace hubel::detail
