// Merging branches: runs of elements that lie in L1 while all inputs pass over them. Memory bounds it.
#include "hubel/merge.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Elements of a run, and of one item of parallel work.
constexpr std::int64_t kRun = 512, kItem = 16 * kRun;

template <class T>
using Inputs = std::span<const TensorView<const T>>;

// Calls f(begin, n) for the runs of `size` elements, in parallel; `inputs` says what an element costs.
template <class F>
void for_each_run(std::int64_t size, std::size_t inputs, const F& f) {
  const double flops = 4 * static_cast<double>(inputs) * static_cast<double>(size);
  detail::parallel_for((size + kItem - 1) / kItem, flops, [&](std::int64_t item) {
    for (std::int64_t at = item * kItem; at < std::min((item + 1) * kItem, size); at += kRun)
      f(at, std::min(kRun, size - at));
  });
}

template <class T>
void check_inputs(std::string_view who, MergeMode mode, Inputs<T> xs) {
  const bool two = mode == MergeMode::subtract;
  if (two ? xs.size() != 2 : xs.empty()) {
    throw std::invalid_argument(detail::formatted("{}: xs has {} tensors, {} takes {}", who, xs.size(),
                                                  merge_mode_name(mode), two ? "2" : "1 or more"));
  }
  for (std::size_t i = 1; i < xs.size(); ++i)
    detail::check_shape(who, detail::formatted("xs[{}]", i), xs[i].shape(), xs[0].shape(), "the shape of xs[0]");
}

// y = merged(y, x), of n elements. A comparison with NaN is false: NaN stays, and is let in.
template <class T>
void merge_run(MergeMode mode, const T* x, std::int64_t n, T* y) {
  switch (mode) {
    case MergeMode::subtract:
      for (std::int64_t i = 0; i < n; ++i) y[i] -= x[i];
      break;
    case MergeMode::average:
      for (std::int64_t i = 0; i < n; ++i) y[i] += x[i];
      break;
    case MergeMode::maximum:
      for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
      break;
    case MergeMode::minimum:
      for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] < y[i] || x[i] != x[i] ? x[i] : y[i];
      break;
  }
}

// The n elements from `at` on of all inputs; of an average the sum.
template <class T>
void merged_run(MergeMode mode, Inputs<T> xs, std::int64_t at, std::int64_t n, T* y) {
  std::copy_n(xs[0].data() + at, n, y);
  for (std::size_t k = 1; k < xs.size(); ++k) merge_run(mode, xs[k].data() + at, n, y);
}

template <class T>
void forward(MergeMode mode, Inputs<T> xs, TensorView<T> out) {
  constexpr std::string_view who = "merge_forward";
  check_inputs(who, mode, xs);
  detail::check_shape(who, "out", out.shape(), xs[0].shape(), "the shape of xs[0]");
  for_each_run(out.size(), xs.size(), [&](std::int64_t at, std::int64_t n) {
    T y[kRun];
    merged_run(mode, xs, at, n, y);
    if (mode == MergeMode::average)
      for (std::int64_t i = 0; i < n; ++i) y[i] /= static_cast<T>(xs.size());
    std::copy_n(y, n, out.data() + at);
  });
}

// The gradients of the n elements from `at` on. d is a copy of dout's.
template <class T>
void backward_run(MergeMode mode, const T* d, Inputs<T> xs, std::span<const TensorView<T>> dxs, std::int64_t at,
                  std::int64_t n) {
  const bool chooses = mode == MergeMode::maximum || mode == MergeMode::minimum;
  T best[kRun] = {}, share[kRun] = {};
  if (chooses) {
    merged_run(mode, xs, at, n, best);
    for (const TensorView<const T>& x : xs)
      for (std::int64_t i = 0; i < n; ++i) share[i] += x.data()[at + i] == best[i] ? T(1) : T(0);
    for (std::int64_t i = 0; i < n; ++i) share[i] = d[i] / share[i];
  }
  for (std::size_t k = 0; k < xs.size(); ++k) {
    if (!detail::is_given(dxs[k])) continue;
    T* dx = dxs[k].data() + at;
    const T* x = xs[k].data() + at;
    if (chooses) {
      for (std::int64_t i = 0; i < n; ++i) dx[i] = x[i] == best[i] ? share[i] : T(0);
    } else if (mode == MergeMode::average) {
      for (std::int64_t i = 0; i < n; ++i) dx[i] = d[i] / static_cast<T>(xs.size());
    } else {
      for (std::int64_t i = 0; i < n; ++i) dx[i] = k == 0 ? d[i] : -d[i];
    }
  }
}

template <class T>
void backward(MergeMode mode, TensorView<const T> dout, Inputs<T> xs, std::span<const TensorView<T>> dxs) {
  constexpr std::string_view who = "merge_backward";
  check_inputs(who, mode, xs);
  detail::check_shape(who, "dout", dout.shape(), xs[0].shape(), "the shape of xs[0]");
  if (dxs.size() != xs.size()) {
    throw std::invalid_argument(
        detail::formatted("{}: dxs has {} tensors, it must have {} as xs", who, dxs.size(), xs.size()));
  }
  for (std::size_t k = 0; k < dxs.size(); ++k) {
    if (!detail::is_given(dxs[k])) continue;
    detail::check_shape(who, detail::formatted("dxs[{}]", k), dxs[k].shape(), dout.shape(), "the shape of dout");
  }
  for_each_run(dout.size(), xs.size(), [&](std::int64_t at, std::int64_t n) {
    T d[kRun];
    std::copy_n(dout.data() + at, n, d);
    backward_run(mode, d, xs, dxs, at, n);
  });
}

template <class T>
Tensor<T> forward_new(MergeMode mode, Inputs<T> xs) {
  check_inputs("merge_forward", mode, xs);
  auto out = Tensor<T>::uninitialized(xs[0].shape());
  forward<T>(mode, xs, out);
  return out;
}

}  // namespace

void merge_forward(MergeMode mode, std::span<const TensorView<const float>> xs, TensorView<float> out) {
  forward(mode, xs, out);
}
void merge_forward(MergeMode mode, std::span<const TensorView<const double>> xs, TensorView<double> out) {
  forward(mode, xs, out);
}
Tensor<float> merge_forward(MergeMode mode, std::span<const TensorView<const float>> xs) {
  return forward_new(mode, xs);
}
Tensor<double> merge_forward(MergeMode mode, std::span<const TensorView<const double>> xs) {
  return forward_new(mode, xs);
}
void merge_backward(MergeMode mode, TensorView<const float> dout, std::span<const TensorView<const float>> xs,
                    std::span<const TensorView<float>> dxs) {
  backward(mode, dout, xs, dxs);
}
void merge_backward(MergeMode mode, TensorView<const double> dout, std::span<const TensorView<const double>> xs,
                    std::span<const TensorView<double>> dxs) {
  backward(mode, dout, xs, dxs);
}

}  // namespace hubel
