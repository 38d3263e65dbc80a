// Tensors: an owning array, and a view that borrows one.
//
// Every tensor is dense and row-major (the last axis varies fastest), as NumPy's default is. Images are channels
// last, (m, h, w, c); convolution weights are (kh, kw, c_prev, c_new). Elements are float or double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hubel {

// The extents of a tensor's axes, outermost first. At most kMaxRank axes, kept inline so that making one is free.
class Shape {
 public:
  static constexpr std::size_t kMaxRank = 6;  // (m, d, h, w, c) and one to spare

  Shape() = default;
  // Throws std::invalid_argument for a negative extent, more than kMaxRank axes, or a product beyond 2^58.
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const std::int64_t> extents);

  std::size_t rank() const { return rank_; }
  std::int64_t operator[](std::size_t axis) const { return extents_[axis]; }
  const std::int64_t* begin() const { return extents_; }
  const std::int64_t* end() const { return extents_ + rank_; }
  std::int64_t back() const { return extents_[rank_ - 1]; }

  // The number of elements: 1 for rank 0, 0 when any extent is 0.
  std::int64_t elements() const;
  // This shape without its first axis (the shape of one sample), and with another first axis.
  Shape without_first() const;
  Shape with_first(std::int64_t extent) const;

  // As NumPy prints it: "(32, 28, 28, 1)".
  std::string to_string() const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::size_t rank_ = 0;
  std::int64_t extents_[kMaxRank] = {};
};

// A borrowed tensor: a pointer and a shape. T is float, double, const float or const double. Copying a view copies
// no elements; whoever made it keeps the memory alive.
template <class T>
class TensorView {
 public:
  TensorView() = default;
  TensorView(T* data, Shape shape) : data_(data), shape_(shape) {}
  // A view that may write serves where one that reads is wanted.
  template <class U>
  requires(std::is_same_v<const U, T>) TensorView(TensorView<U> other) : data_(other.data()), shape_(other.shape()) {}

  T* data() const { return data_; }
  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return shape_.elements(); }
  T* begin() const { return data_; }
  T* end() const { return data_ + size(); }
  T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  Shape shape_;
};

// Bytes from the start of one vector-friendly block to the next: a cache line, and the widest vector in use today.
inline constexpr std::size_t kAlignment = 64;

// An owned, dense tensor. Movable and copyable (a copy copies the elements).
template <class T>
class Tensor {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "hubel tensors hold float or double");

 public:
  Tensor() = default;
  // All elements zero. Throws std::bad_alloc when there is no memory for it.
  explicit Tensor(Shape shape) : Tensor(shape, kUninitialized) {
    for (T& x : *this) x = T(0);
  }
  Tensor(Shape shape, std::initializer_list<T> values);
  // Elements unset: for a result that will be written whole.
  static Tensor uninitialized(Shape shape) { return Tensor(shape, kUninitialized); }

  Tensor(const Tensor& other) : Tensor(other.shape_, kUninitialized) {
    for (std::int64_t i = 0; i < size(); ++i) data_[i] = other.data_[i];
  }
  Tensor& operator=(const Tensor& other) {
    if (this != &other) *this = Tensor(other);
    return *this;
  }
  Tensor(Tensor&& other) noexcept : shape_(std::exchange(other.shape_, Shape{0})), data_(std::move(other.data_)) {}
  Tensor& operator=(Tensor&& other) noexcept {
    shape_ = std::exchange(other.shape_, Shape{0});
    data_ = std::move(other.data_);
    return *this;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return shape_.elements(); }
  T* begin() { return data(); }
  T* end() { return data() + size(); }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size(); }
  T& operator[](std::int64_t i) { return data_[i]; }
  const T& operator[](std::int64_t i) const { return data_[i]; }

  TensorView<T> view() { return {data(), shape_}; }
  TensorView<const T> view() const { return {data(), shape_}; }
  operator TensorView<T>() { return view(); }
  operator TensorView<const T>() const { return view(); }

 private:
  struct Uninitialized {};
  static constexpr Uninitialized kUninitialized{};
  struct Free {
    void operator()(T* p) const { ::operator delete[](p, std::align_val_t(kAlignment)); }
  };
  Tensor(Shape shape, Uninitialized)
      : shape_(shape),
        data_(static_cast<T*>(
            ::operator new[](static_cast<std::size_t>(shape.elements()) * sizeof(T), std::align_val_t(kAlignment)))) {}

  Shape shape_{0};
  std::unique_ptr<T[], Free> data_;
};

template <class T>
Tensor<T>::Tensor(Shape shape, std::initializer_list<T> values) : Tensor(shape, kUninitialized) {
  if (static_cast<std::int64_t>(values.size()) != shape.elements()) {
    throw std::invalid_argument("Tensor: " + std::to_string(values.size()) + " values do not fill shape " +
                                shape.to_string());
  }
  std::int64_t i = 0;
  for (T v : values) data_[i++] = v;
}

}  // namespace hubel
