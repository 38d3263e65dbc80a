// NumPy arrays as a source of samples for training and evaluation, without a copy of them.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>

#include "hubel/tensor.hpp"
#include "hubel/trainer.hpp"
#include "numpy_api.hpp"

namespace hubel::python {

// Whether it is for several inputs or outputs.
inline bool is_joint(const SampleSource& source) {
  return source.input_shapes().size() > 1 || source.answer_kinds().size() > 1;
}

// images is an array (m, ...) of uint8, float32 or float64 and labels one of int32 (m, ...), or None; both
// C-contiguous, aligned, in native byte order: hubel/_samples.py sees to it, and here it is checked. Bytes mean [0, 1],
// as in Dataset. Keeps a reference to both.
class ArraySource final : public SampleSource {
 public:
  ArraySource(nb::handle images, nb::handle labels);

  std::int64_t count() const override { return shape_[0]; }
  Shape sample_shape() const override { return shape_.without_first(); }
  std::int64_t labels_per_sample() const override { return labels_each_; }
  // Without labels `labels` is left alone.
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const override;

  // Samples [begin, begin + n) as floats: where they lie when they are float32, else converted into `scratch`.
  TensorView<const float> batch(std::int64_t begin, std::int64_t n, Tensor<float>& scratch) const;

 private:
  // Writes the floats of n samples, the i-th being that numbered index(i).
  template <class Index>
  void convert(const Index& index, std::int64_t n, float* out) const;

  nb::object images_, labels_;
  Shape shape_;
  int type_ = NPY_FLOAT;
  std::int64_t labels_each_ = 1;
};

}  // namespace hubel::python
