// NumPy arrays as a source of samples: see samples.hpp.
#include "samples.hpp"

#include <algorithm>
#include <stdexcept>

namespace hubel::python {

namespace {

Shape sample_array_shape(nb::handle images) {
  if (!PyArray_Check(images.ptr()) || !PyArray_ISCARRAY_RO(as_array(images)) || PyArray_NDIM(as_array(images)) < 1 ||
      PyArray_NDIM(as_array(images)) > static_cast<int>(Shape::kMaxRank)) {
    throw std::logic_error("samples must be a C-contiguous array");
  }
  std::int64_t extents[Shape::kMaxRank];
  const std::size_t rank = static_cast<std::size_t>(PyArray_NDIM(as_array(images)));
  for (std::size_t i = 0; i < rank; ++i) extents[i] = PyArray_DIM(as_array(images), static_cast<int>(i));
  return Shape(std::span<const std::int64_t>(extents, rank));
}

}  // namespace

ArraySource::ArraySource(nb::handle images, nb::handle labels)
    : images_(nb::borrow(images)),
      labels_(nb::borrow(labels)),
      shape_(sample_array_shape(images)),
      type_(PyArray_TYPE(as_array(images))) {
  if (type_ != NPY_UBYTE && type_ != NPY_FLOAT && type_ != NPY_DOUBLE) {
    throw std::logic_error("samples must be uint8, float32 or float64");
  }
  if (labels.is_none()) return;
  if (!PyArray_Check(labels.ptr()) || !PyArray_ISCARRAY_RO(as_array(labels)) ||
      PyArray_TYPE(as_array(labels)) != NPY_INT32 || PyArray_NDIM(as_array(labels)) < 1 ||
      PyArray_DIM(as_array(labels), 0) != shape_[0]) {
    throw std::logic_error("labels must be an int32 array, a row for each sample");
  }
  for (int i = 1; i < PyArray_NDIM(as_array(labels)); ++i) labels_each_ *= PyArray_DIM(as_array(labels), i);
}

template <class Index>
void ArraySource::convert(const Index& index, std::int64_t n, float* out) const {
  const std::int64_t size = shape_.without_first().elements();
  const void* data = PyArray_DATA(as_array(images_));
  for (std::int64_t i = 0; i < n; ++i, out += size) {
    const std::int64_t offset = index(i) * size;
    if (type_ == NPY_FLOAT) {
      std::copy_n(static_cast<const float*>(data) + offset, size, out);
    } else if (type_ == NPY_DOUBLE) {
      std::transform(static_cast<const double*>(data) + offset, static_cast<const double*>(data) + offset + size, out,
                     [](double x) { return static_cast<float>(x); });
    } else {
      std::transform(static_cast<const std::uint8_t*>(data) + offset,
                     static_cast<const std::uint8_t*>(data) + offset + size, out,
                     [](std::uint8_t x) { return static_cast<float>(x) / 255.0f; });
    }
  }
}

void ArraySource::gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const {
  convert([&](std::int64_t i) { return std::int64_t{indices[i]}; }, n, out);
  if (labels_.is_none()) return;
  const auto* all = static_cast<const std::int32_t*>(PyArray_DATA(as_array(labels_)));
  for (std::int64_t i = 0; i < n; ++i) labels = std::copy_n(all + indices[i] * labels_each_, labels_each_, labels);
}

TensorView<const float> ArraySource::batch(std::int64_t begin, std::int64_t n, Tensor<float>& scratch) const {
  const Shape shape = shape_.with_first(n);
  if (type_ == NPY_FLOAT) {
    return {static_cast<const float*>(PyArray_DATA(as_array(images_))) + begin * shape_.without_first().elements(),
            shape};
  }
  if (scratch.size() < shape.elements()) scratch = Tensor<float>::uninitialized(shape);
  convert([&](std::int64_t i) { return begin + i; }, n, scratch.data());
  return {scratch.data(), shape};
}

}  // namespace hubel::python
