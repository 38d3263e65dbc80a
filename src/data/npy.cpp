// The .npy header: magic, version, length, and a Python dict literal with the keys descr, fortran_order and shape. The
// literal is parsed here, not evaluated: only what the format allows is understood, all else is refused.
#include "data/npy.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// NumPy's own arrays have 64 axes at most (32 before NumPy 2).
constexpr std::size_t kMaxRank = 64;

// The header of an array of numbers takes 128 bytes, of 64 axes not 2000. One larger than version 1 can hold describes
// structures, which are refused anyway.
constexpr std::size_t kMaxHeaderBytes = 65535;

// Parses the dict literal from its first to its last character.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  NpyArray parse() {
    expect('{');
    while (!accept('}')) {
      parse_item();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("has something after its end");
    if (!descr_ || !fortran_order_ || !shape_) fail("lacks one of the keys descr, fortran_order and shape");
    NpyArray array;
    set_dtype(array, *descr_);
    array.fortran_order = *fortran_order_;
    array.shape = *std::move(shape_);
    if (!npy_data_bytes(array)) fail("has a shape that is too large");
    return array;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(detail::formatted("{}: its .npy header {}", name_, what));
  }
  [[noreturn]] void refuse_dtype(const std::string& what) const {
    throw FormatError(detail::formatted("{}: {}", name_, what));
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  // The next character that is not space; '\0' at the end.
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(detail::formatted("has no '{}' at character {}", c, at_));
  }

  void parse_item() {
    const std::string key = parse_string();
    expect(':');
    if (key == "descr") {
      set_once(descr_, key, parse_descr());
    } else if (key == "fortran_order") {
      set_once(fortran_order_, key, parse_bool());
    } else if (key == "shape") {
      set_once(shape_, key, parse_shape());
    } else {
      fail(detail::formatted("has an unknown key '{}'", printable(key)));
    }
  }

  template <class T>
  void set_once(std::optional<T>& slot, const std::string& key, T value) {
    if (slot) fail(detail::formatted("has the key '{}' twice", key));
    slot = std::move(value);
  }

  std::string parse_string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail(detail::formatted("has no string at character {}", at_));
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("has a string without an end");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    if (inside.find('\\') != std::string_view::npos) fail("has a backslash in a string");
    at_ = end + 1;
    return std::string(inside);
  }

  // A structured dtype is a list, one with a shape of its own a tuple.
  std::string parse_descr() {
    const char c = peek();
    if (c == '[' || c == '(' || c == '{')
      refuse_dtype("has a structured dtype, which is not read; only plain numbers are");
    return parse_string();
  }

  bool parse_bool() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    fail("has a fortran_order that is neither True nor False");
  }

  // (), (3,) or (3, 4); an L behind a number is Python 2's.
  std::vector<std::int64_t> parse_shape() {
    std::vector<std::int64_t> shape;
    expect('(');
    bool comma = true;
    while (!accept(')')) {
      if (!comma) fail("has a shape without a comma between its numbers");
      shape.push_back(parse_extent());
      accept('L');
      comma = accept(',');
      if (shape.size() > kMaxRank) fail(detail::formatted("has a shape of more than {} axes", kMaxRank));
    }
    if (shape.size() == 1 && !comma) fail("has a shape that is a number, not a tuple");
    return shape;
  }

  std::int64_t parse_extent() {
    std::int64_t value = 0;
    bool overflow = false;
    skip_space();
    const std::size_t first = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      overflow |= __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value);
    }
    if (at_ == first) fail("has a shape whose extents are not all whole numbers from 0 on");
    if (overflow) fail("has a shape that is too large");
    return value;
  }

  // descr: byte order, kind and size, such as "<f4".
  void set_dtype(NpyArray& array, std::string_view descr) const {
    std::string_view rest = descr;
    char order = '=';
    if (!rest.empty() && std::string_view("<>|=").find(rest.front()) != std::string_view::npos) {
      order = rest.front();
      rest.remove_prefix(1);
    }
    array.kind = rest.empty() ? '\0' : rest.front();
    const std::string_view digits = rest.substr(std::min<std::size_t>(1, rest.size()));
    array.item_size = item_size(array.kind, digits, descr);
    const bool matters = array.item_size > 1 && array.kind != 'S';
    if (matters && order == '|') fail(detail::formatted("has dtype '{}' without a byte order", printable(descr)));
    if (order == '=') order = std::endian::native == std::endian::little ? '<' : '>';
    array.byte_order = matters ? order : '|';
  }

  std::size_t item_size(char kind, std::string_view digits, std::string_view descr) const {
    if (kind == 'O') {
      refuse_dtype(detail::formatted(
          "has dtype '{}' (pickled Python objects), which is not read; only plain numbers are", printable(descr)));
    }
    std::size_t size = 0;
    constexpr std::size_t kMaxDigits = 9;  // a size below 10^9, which cannot overflow
    const bool number = !digits.empty() && digits.size() <= kMaxDigits &&
                        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number) {
      for (const char c : digits) size = size * 10 + static_cast<std::size_t>(c - '0');
    }
    if (number && is_known(kind, size)) return kind == 'U' ? 4 * size : size;  // U counts UCS-4 characters
    refuse_dtype(detail::formatted("has dtype '{}', which is not read; only plain numbers are", printable(descr)));
  }

  static bool is_known(char kind, std::size_t size) {
    switch (kind) {
      case 'b':
        return size == 1;
      case 'i':
      case 'u':
        return size == 1 || size == 2 || size == 4 || size == 8;
      case 'f':
        return size == 2 || size == 4 || size == 8;
      case 'c':
        return size == 8 || size == 16;
      case 'S':
      case 'U':
        return size >= 1;
      default:
        return false;
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::optional<std::string> descr_;
  std::optional<bool> fortran_order_;
  std::optional<std::vector<std::int64_t>> shape_;
};

// Where the header's text begins: its length has 2 bytes in version 1 and 4 later.
std::size_t header_offset(ByteSpan bytes) { return bytes[kMagic.size()] == std::byte{1} ? 10 : 12; }

}  // namespace

std::size_t npy_data_offset(ByteSpan preamble, const std::string& name) {
  if (!starts_with(preamble, kMagic)) {
    throw FormatError(detail::formatted("{}: is not a .npy array (it does not begin with NumPy's magic)", name));
  }
  if (preamble.size() < kNpyPreambleBytes)
    throw FormatError(detail::formatted("{}: is truncated in its .npy header", name));
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(preamble[i]); };
  const std::size_t version = byte(kMagic.size());
  if (version < 1 || version > 3) {
    throw FormatError(detail::formatted("{}: is of .npy version {}, but 1 to 3 are read", name, version));
  }
  const std::size_t offset = header_offset(preamble);
  std::size_t length = 0;
  for (std::size_t i = offset; i-- > kMagic.size() + 2;) length = length << 8 | byte(i);
  if (length > kMaxHeaderBytes) {
    throw FormatError(
        detail::formatted("{}: its .npy header of {} bytes is too long for an array of numbers", name, length));
  }
  return std::max(offset + length, kNpyPreambleBytes);
}

NpyArray parse_npy_header(ByteSpan before_data, const std::string& name) {
  const std::size_t offset = header_offset(before_data);
  const auto* text = reinterpret_cast<const char*>(before_data.data());
  return HeaderParser(std::string_view(text + offset, before_data.size() - offset), name).parse();
}

}  // namespace hubel::detail

namespace hubel {

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const std::size_t preamble = std::min(bytes.size(), detail::kNpyPreambleBytes);
  const std::size_t offset = detail::npy_data_offset(bytes.first(preamble), name);
  if (offset > bytes.size()) throw FormatError(detail::formatted("{}: is truncated in its .npy header", name));
  NpyArray array = detail::parse_npy_header(bytes.first(offset), name);
  const std::size_t wanted = *detail::npy_data_bytes(array), held = bytes.size() - offset;
  if (held != wanted) {
    throw FormatError(
        detail::formatted("{}: its .npy header promises {} bytes of data, but it holds {}", name, wanted, held));
  }
  array.data.assign(bytes.begin() + static_cast<std::ptrdiff_t>(offset), bytes.end());
  return array;
}

}  // namespace hubel
