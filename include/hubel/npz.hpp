// NumPy's NPZ archives (a zip of .npy files), from a file, a URL or memory.
// Format: numpy.lib.format (NEP 1), versions 1.0, 2.0 and 3.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace hubel {

// One array as the file has it.
struct NpyArray {
  char kind = 'f';             // NumPy's kind: b i u f c (bool, signed, unsigned, float, complex), S U (text)
  std::size_t item_size = 4;   // bytes an element
  char byte_order = '<';       // '<' little-endian, '>' big-endian, '|' where it does not matter
  bool fortran_order = false;  // the first axis varies fastest
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;  // elements * item_size bytes, as stored

  // As NumPy writes it: "<f4".
  std::string dtype() const;
  std::int64_t elements() const;
  // The elements in C order, native byte order, converted. Throws FormatError for a dtype that is not a real number
  // (bool counts as 0 and 1), or for to_int64 a fraction or a value out of range; std::invalid_argument when `data`
  // has not the bytes that shape and item_size ask for.
  std::vector<float> to_float() const;
  std::vector<std::int64_t> to_int64() const;
};

// How far a download is.
struct DownloadProgress {
  std::string url;            // without a user name and password
  std::size_t bytes = 0;      // that have come
  std::size_t all_bytes = 0;  // that are to come in all; 0 where the server does not tell
};

// Limits against hostile files and servers.
struct ReadLimits {
  // Of a file or download, and again of all that is unpacked from it. More is refused.
  std::size_t max_bytes = default_max_bytes();
  long connect_timeout_s = 20;
  long stall_timeout_s = 30;  // less than 1000 bytes a second for this long ends a download
  long max_redirects = 5;
  // If given, called at least once a second during a download, and now and then while a folder of images is read; false
  // ends it with IoError. It must not throw.
  std::function<bool()> keep_going;
  // If given, called now and then during a download, as keep_going is. It must not throw.
  std::function<void(const DownloadProgress&)> on_download;

  // A quarter of the machine's memory, but at most 4 GiB: an archive and what is unpacked from it are both held for a
  // while, and while either grows it is there twice.
  static std::size_t default_max_bytes();
};

using NpzArrays = std::map<std::string, NpyArray>;

// `where` is a path, or an http:// or https:// URL that is read into memory and not saved. Arrays are named as in
// NumPy, without ".npy"; entries of the zip that are not .npy are passed over. Throws IoError when it cannot be read (a
// URL also where the environment's HUBEL_OFFLINE is 1), FormatError when it is not an NPZ or holds an array of Python
// objects or of structures; the message names `where` and the array at fault.
NpzArrays load_npz(const std::string& where, const ReadLimits& limits = {});
// The same from memory; `name` is for messages.
NpzArrays parse_npz(std::span<const std::byte> bytes, const std::string& name, const ReadLimits& limits = {});
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& name);

}  // namespace hubel
