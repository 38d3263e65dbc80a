// What the tests share: seeded tensors, comparison with the reference, central differences, arrays between forbidden
// pages, and checks of error messages.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/conv.hpp"
#include "hubel/pool.hpp"
#include "hubel/tensor.hpp"
#include "hubel/threads.hpp"
#include "reference.hpp"
#include "text/formatted.hpp"

namespace hubel::test {

using FloatTypes = ::testing::Types<float, double>;

// ---- Numbers ---------------------------------------------------------------------------------------------------

// A seeded source of numbers (SplitMix64: Steele, Lea & Flood 2014), the same on every machine, and not Hubel's own.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double real(double low, double high) { return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1p-53); }
  // In {low, ..., high}.
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(double probability) { return real(0, 1) < probability; }

 private:
  std::uint64_t state_;
};

template <class T>
Tensor<T> random_tensor(Shape shape, std::uint64_t seed, double low = -1, double high = 1) {
  Noise noise(seed);
  Tensor<T> x(shape);
  for (T& value : x) value = static_cast<T>(noise.real(low, high));
  return x;
}

template <class T>
Tensor<T> constant_tensor(Shape shape, T value) {
  Tensor<T> x(shape);
  std::fill(x.begin(), x.end(), value);
  return x;
}

// ---- Comparison ------------------------------------------------------------------------------------------------

// The position of element i, as NumPy would index it: "[0, 3, 2, 1]".
inline std::string position(const Shape& shape, std::int64_t i) {
  std::array<std::int64_t, Shape::kMaxRank> indices{};
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    indices[axis] = i % shape[axis];
    i /= shape[axis];
  }
  return "[" + detail::joined(std::span(indices).first(shape.rank()), ", ") + "]";
}

// Both NaN, both the same infinity, or both finite.
inline bool same_kind(long double a, long double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return true;
}

// Succeeds when NaN and infinity stand exactly where the reference has them and every other element is within
// tolerance * the largest finite |reference|.
template <class T>
::testing::AssertionResult close(TensorView<T> actual, const reference::Array& expected, double tolerance) {
  if (actual.size() != expected.size())
    return ::testing::AssertionFailure() << "shape " << actual.shape().to_string() << " for " << expected.size();
  long double scale = 0, worst = 0;
  std::int64_t at = 0;
  const auto expect = [&](std::int64_t i) { return static_cast<long double>(static_cast<T>(expected[i])); };
  for (std::int64_t i = 0; i < actual.size(); ++i)
    if (std::isfinite(expect(i))) scale = std::max(scale, std::abs(expected[i]));
  for (std::int64_t i = 0; i < actual.size(); ++i) {
    if (!same_kind(actual[i], expect(i)))
      return ::testing::AssertionFailure() << position(actual.shape(), i) << " of " << actual.shape().to_string()
                                           << " is " << actual[i] << ", the reference has " << expected[i];
    const long double error = std::isfinite(expect(i)) ? std::abs(actual[i] - expected[i]) : 0;
    if (error > worst) worst = error, at = i;
  }
  if (worst <= scale * static_cast<long double>(tolerance)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << position(actual.shape(), at) << " of " << actual.shape().to_string() << " is "
                                       << actual[at] << ", the reference has " << expected[at] << ": an error of "
                                       << worst / scale << " of the largest, more than " << tolerance;
}

template <class T>
::testing::AssertionResult close(const Tensor<T>& actual, const reference::Array& expected, double tolerance) {
  return close(TensorView<const T>(actual), expected, tolerance);
}

template <class T>
::testing::AssertionResult same_bits(TensorView<const T> a, TensorView<const T> b) {
  if (!(a.shape() == b.shape()))
    return ::testing::AssertionFailure() << a.shape().to_string() << " beside " << b.shape().to_string();
  for (std::int64_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0)
      return ::testing::AssertionFailure() << position(a.shape(), i) << " of " << a.shape().to_string() << ": " << a[i]
                                           << " beside " << b[i] << ", apart by " << a[i] - b[i];
  return ::testing::AssertionSuccess();
}

template <class T>
::testing::AssertionResult same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  return same_bits(a.view(), b.view());
}

// ---- Gradients -------------------------------------------------------------------------------------------------

// dL/dx by central differences, L = loss(), which reads x. A sum of products is linear in each factor, so for it any
// step is exact but for rounding; elsewhere the error is about step^2.
template <class Loss>
reference::Array numerical_gradient(Tensor<double>& x, Loss loss, double step) {
  reference::Array gradient(x.size());
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = x[i];
    const long double high = loss();
    x[i] = kept - step;
    const double below = x[i];
    const long double low = loss();
    x[i] = kept;
    gradient[i] = (high - low) / (above - below);
  }
  return gradient;
}

// A loss to differentiate: the sum of weights * y.
inline long double weighted_sum(const Tensor<double>& weights, const Tensor<double>& y) {
  long double sum = 0;
  for (std::int64_t i = 0; i < y.size(); ++i) sum += static_cast<long double>(weights[i]) * y[i];
  return sum;
}

// ---- Threads ---------------------------------------------------------------------------------------------------

// What call() returns when it computes with n threads.
template <class Call>
auto with_threads(int n, Call call) {
  struct Restore {
    ~Restore() { set_num_threads(0); }
  } restore;
  set_num_threads(n);
  return call();
}

// ---- Memory ----------------------------------------------------------------------------------------------------

// A touch of a forbidden page ends the program; while one of these lives, its text is printed first.
class OnCrashSay {
 public:
  explicit OnCrashSay(const std::string& text) {
    std::snprintf(text_, sizeof text_, "outside its arrays: %s\n", text.c_str());
    struct sigaction action = {};
    action.sa_handler = [](int) {
      const ssize_t written = write(STDERR_FILENO, text_, std::strlen(text_));
      static_cast<void>(written);               // nothing to be done about it here
      sigaction(SIGSEGV, &previous_, nullptr);  // the access is tried again and meets the handler there was before
    };
    sigaction(SIGSEGV, &action, &previous_);
  }
  ~OnCrashSay() {
    sigaction(SIGSEGV, &previous_, nullptr);
    std::memset(text_, 0, sizeof text_);
  }
  OnCrashSay(const OnCrashSay&) = delete;
  OnCrashSay& operator=(const OnCrashSay&) = delete;

 private:
  static inline char text_[1024];
  static inline struct sigaction previous_;
};

enum class Fence { before, after };

// A tensor that begins right after a page that may not be touched, or ends right before one, as `fence` says: reading
// or writing past that end stops the program. The rest of its own pages is filled with a pattern that untouched()
// checks.
template <class T>
class FencedTensor {
 public:
  FencedTensor(Shape shape, Fence fence) : shape_(shape) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = static_cast<std::size_t>(shape.elements()) * sizeof(T);
    inner_bytes_ = (bytes / page + 1) * page;
    outer_bytes_ = inner_bytes_ + 2 * page;
    void* pages = mmap(nullptr, outer_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    outer_ = static_cast<std::byte*>(pages);
    inner_ = outer_ + page;
    mprotect(inner_, inner_bytes_, PROT_READ | PROT_WRITE);
    std::fill(inner_, inner_ + inner_bytes_, kPattern);
    data_ = reinterpret_cast<T*>(fence == Fence::before ? inner_ : inner_ + inner_bytes_ - bytes);
  }
  FencedTensor(const Tensor<T>& values, Fence fence) : FencedTensor(values.shape(), fence) {
    std::copy(values.begin(), values.end(), data_);
    mprotect(inner_, inner_bytes_, PROT_READ);  // an input: writing it stops the program too
  }
  ~FencedTensor() { munmap(outer_, outer_bytes_); }
  FencedTensor(const FencedTensor&) = delete;
  FencedTensor& operator=(const FencedTensor&) = delete;

  operator TensorView<T>() { return {data_, shape_}; }
  operator TensorView<const T>() const { return {data_, shape_}; }
  TensorView<const T> view() const { return {data_, shape_}; }

  bool untouched() const {
    const std::byte* begin = reinterpret_cast<const std::byte*>(data_);
    const std::byte* end = reinterpret_cast<const std::byte*>(data_ + shape_.elements());
    const auto is_pattern = [](std::byte b) { return b == kPattern; };
    const std::byte* inner = inner_;
    return std::all_of(inner, begin, is_pattern) && std::all_of(end, inner + inner_bytes_, is_pattern);
  }

 private:
  // A large negative number when read as a float or a double: an element left unwritten shows in any comparison.
  static constexpr std::byte kPattern{0xd5};

  Shape shape_;
  std::size_t inner_bytes_ = 0, outer_bytes_ = 0;
  std::byte* outer_ = nullptr;
  std::byte* inner_ = nullptr;
  T* data_ = nullptr;
};

// ---- Errors ----------------------------------------------------------------------------------------------------

// Succeeds when call() throws std::invalid_argument whose message is one line, begins with `who` and ": ", and holds
// each of the parts: the argument's name, what it got, what it wanted.
template <class Call>
::testing::AssertionResult refuses(Call call, std::string_view who, const std::vector<std::string>& parts) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    const std::string_view message = error.what();
    if (!message.starts_with(detail::formatted("{}: ", who)))
      return ::testing::AssertionFailure() << "does not begin with \"" << who << ": \": " << message;
    if (message.find('\n') != std::string_view::npos)
      return ::testing::AssertionFailure() << "is more than one line: " << message;
    for (const std::string& part : parts)
      if (message.find(part) == std::string_view::npos)
        return ::testing::AssertionFailure() << "does not say \"" << part << "\": " << message;
    return ::testing::AssertionSuccess();
  } catch (const std::exception& error) {
    return ::testing::AssertionFailure() << "threw something else: " << error.what();
  }
  return ::testing::AssertionFailure() << "did not throw";
}

// ---- Cases -----------------------------------------------------------------------------------------------------

inline std::string to_string(const std::array<std::int64_t, 2>& pair) {
  return detail::formatted("({}, {})", pair[0], pair[1]);
}

inline std::string to_string(const Padding& padding) {
  if (padding.kind == Padding::Kind::same) return "same";
  if (padding.kind == Padding::Kind::valid) return "valid";
  return detail::formatted("(({}, {}), ({}, {}))", padding.top, padding.bottom, padding.left, padding.right);
}

// A convolution to try.
struct ConvCase {
  Shape A_prev, W;
  ConvOptions options;
  bool bias = true;

  Shape b() const { return {1, 1, 1, W[3]}; }
  Shape output() const { return reference::Conv(A_prev, W, options).output_shape(); }
  std::string to_string() const {
    return detail::formatted("A_prev {} W {} {} b, padding {}, stride {}, dilation {}, groups {}{}", A_prev.to_string(),
                             W.to_string(), bias ? "with" : "without", test::to_string(options.padding),
                             test::to_string(options.stride), test::to_string(options.dilation), options.groups,
                             options.algorithm == ConvAlgorithm::winograd ? ", winograd"
                             : options.algorithm == ConvAlgorithm::direct ? ", direct"
                                                                          : "");
  }
};

inline std::ostream& operator<<(std::ostream& out, const ConvCase& c) { return out << c.to_string(); }

// A pooling to try.
struct PoolCase {
  Shape A_prev;
  PoolOptions options;

  Shape output() const { return reference::Pool(A_prev, options).output_shape(); }
  std::string to_string() const {
    return detail::formatted("A_prev {}, kernel_shape {}, stride {}, {}", A_prev.to_string(),
                             test::to_string(options.kernel_shape), test::to_string(options.stride),
                             options.mode == PoolMode::max ? "max" : "avg");
  }
};

inline std::ostream& operator<<(std::ostream& out, const PoolCase& c) { return out << c.to_string(); }

}  // namespace hubel::test
