// NPZ archives read with libzip from memory. Sizes that the archive states are used only to refuse: how much is
// unpacked is decided by each array's own header, and that is checked against what the packed bytes can hold.
#include "data/npz.hpp"

#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "data/fetch.hpp"
#include "data/npy.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace detail {
namespace {

constexpr std::string_view kSuffix = ".npy";

// What the bytes are when they are no zip, for the message.
std::string_view guess(ByteSpan bytes) {
  if (starts_with(bytes, "\x93NUMPY")) return "it is a single .npy array";
  if (starts_with(bytes, "<")) return "it looks like a web page";
  if (starts_with(bytes, "\x1f\x8b")) return "it is gzip data";
  if (starts_with(bytes, "PK")) return "it is a broken or truncated zip";
  return "it is no zip";
}

// An archive in memory, opened for reading.
class Archive {
 public:
  Archive(ByteSpan bytes, const std::string& name) : bytes_(bytes), name_(name) {
    // libzip takes nothing at all for an archive of nothing.
    if (bytes.empty()) throw FormatError(detail::formatted("{}: is not an NPZ archive: it is empty", name));
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    if (source != nullptr) {
      zip_ = zip_open_from_source(source, ZIP_RDONLY, &error);
      if (zip_ == nullptr) zip_source_free(source);
    }
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (zip_ == nullptr) {
      throw FormatError(detail::formatted("{}: is not an NPZ archive: {} ({})", name, guess(bytes), printable(reason)));
    }
  }
  ~Archive() { zip_discard(zip_); }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  zip_t* get() const { return zip_; }
  zip_uint64_t entries() const {
    return static_cast<zip_uint64_t>(std::max<zip_int64_t>(zip_get_num_entries(zip_, 0), 0));
  }
  std::size_t size() const { return bytes_.size(); }
  const std::string& name() const { return name_; }

 private:
  ByteSpan bytes_;
  const std::string& name_;
  zip_t* zip_ = nullptr;
};

// One entry of an archive, read from its start.
class Entry {
 public:
  Entry(const Archive& archive, zip_uint64_t index, const std::string& label) : label_(label) {
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), index, 0, &stat) != 0) fail(zip_strerror(archive.get()));
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) fail("is encrypted");
    if ((stat.valid & ZIP_STAT_COMP_METHOD) == 0) fail("states no compression method");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
      fail(detail::formatted("is compressed with zip's method {}, but NPZ has it stored (0) or deflated (8)",
                             stat.comp_method));
    }
    const bool sized = (stat.valid & ZIP_STAT_COMP_SIZE) != 0 && stat.comp_size < archive.size();
    const std::size_t packed = sized ? static_cast<std::size_t>(stat.comp_size) : archive.size();
    if ((stat.valid & ZIP_STAT_SIZE) != 0) stated_ = stat.size;
    most_ = stat.comp_method == ZIP_CM_STORE ? packed : most_unpacked(packed);
    file_.reset(zip_fopen_index(archive.get(), index, 0));
    if (!file_) fail(printable(zip_strerror(archive.get())));
  }

  // More than the entry can possibly hold when unpacked?
  bool beyond(std::size_t bytes) const { return bytes > most_; }

  // Appends n bytes to out; fewer at the entry's end, where libzip has checked its CRC.
  std::size_t append(Bytes& out, std::size_t n) {
    const std::size_t begin = out.size();
    out.resize(begin + n);
    std::size_t filled = 0;
    while (filled < n) {
      const zip_int64_t got = zip_fread(file_.get(), out.data() + begin + filled, n - filled);
      if (got < 0) fail(printable(zip_error_strerror(zip_file_get_error(file_.get()))));
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    out.resize(begin + filled);
    unpacked_ += filled;
    return filled;
  }

  // Refuses an entry whose size, now that it is read to its end, is not what the zip states.
  void check_size() const {
    if (stated_ && *stated_ != unpacked_) {
      fail(detail::formatted("the zip states a size of {} bytes, but it holds {}", *stated_, unpacked_));
    }
  }

  [[noreturn]] void fail(std::string_view what) const { throw FormatError(detail::formatted("{}: {}", label_, what)); }

 private:
  struct Close {
    void operator()(zip_file_t* file) const { zip_fclose(file); }
  };
  const std::string& label_;
  std::unique_ptr<zip_file_t, Close> file_;
  std::size_t most_ = 0;
  std::size_t unpacked_ = 0;
  std::optional<std::uint64_t> stated_;
};

// Reads the entry as a .npy of at most max_bytes of data.
NpyArray read_array(Entry& entry, const std::string& label, std::size_t max_bytes) {
  Bytes head;
  entry.append(head, kNpyPreambleBytes);
  const std::size_t rest = npy_data_offset(head, label) - head.size();
  if (entry.append(head, rest) < rest) entry.fail("is truncated in its .npy header");
  NpyArray array = parse_npy_header(head, label);

  const std::size_t wanted = *npy_data_bytes(array);
  const std::string promise = detail::formatted("its .npy header promises {} bytes of data", wanted);
  if (wanted > max_bytes) entry.fail(detail::formatted("{}, more than the {} left of the limit", promise, max_bytes));
  if (entry.beyond(wanted)) entry.fail(detail::formatted("{}, but it cannot hold so many", promise));
  const std::size_t held = entry.append(array.data, wanted);
  if (held < wanted) entry.fail(detail::formatted("{}, but it holds {}", promise, held));
  if (entry.append(head, 1) != 0) entry.fail(detail::formatted("{}, but it holds more", promise));
  entry.check_size();
  return array;
}

}  // namespace

NpzArrays parse_npz_arrays(ByteSpan bytes, const std::string& name, const ReadLimits& limits, const NpzFilter& wanted) {
  const Archive archive(bytes, name);
  NpzArrays arrays;
  std::size_t left = limits.max_bytes;
  bool any = archive.entries() == 0;  // np.savez of nothing
  for (zip_uint64_t i = 0; i < archive.entries(); ++i) {
    const char* entry_name = zip_get_name(archive.get(), i, 0);
    if (entry_name == nullptr) throw FormatError(detail::formatted("{}: an entry of the zip has no name", name));
    std::string key = entry_name;
    if (!key.ends_with(kSuffix)) continue;
    key.resize(key.size() - kSuffix.size());
    any = true;
    if (!wanted(key)) continue;
    const std::string label = detail::formatted("{}: array '{}'", name, printable(key));
    if (arrays.contains(key)) throw FormatError(detail::formatted("{} is there twice", label));
    Entry entry(archive, i, label);
    NpyArray array = read_array(entry, label, left);
    left -= array.data.size();
    arrays.emplace(std::move(key), std::move(array));
  }
  if (!any)
    throw FormatError(detail::formatted("{}: is a zip, but not an NPZ archive: no entry in it is a .npy", name));
  return arrays;
}

}  // namespace detail

std::size_t ReadLimits::default_max_bytes() {
  constexpr std::size_t kMost = std::size_t{4} << 30;
  const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return kMost;
  return std::min(kMost, static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_bytes) / 4);
}

NpzArrays parse_npz(std::span<const std::byte> bytes, const std::string& name, const ReadLimits& limits) {
  return detail::parse_npz_arrays(bytes, name, limits, [](const std::string&) { return true; });
}

NpzArrays load_npz(const std::string& where, const ReadLimits& limits) {
  const std::string name = detail::name_for_messages(where);
  return detail::with_memory_for(name,
                                 [&] { return parse_npz(detail::read_file_or_url(where, limits), name, limits); });
}

}  // namespace hubel
