// Products of matrices with few rows; see few_rows.hpp.
#include "ops/few_rows.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/parallel.hpp"
#include "simd/dense.hpp"
#include "simd/elementwise.hpp"

namespace hubel::detail {

namespace {

// Elements of X and dZ up to which a gradient uses them as they lie, 128 KB of floats: from L2 that is no slower than
// from panels, where each element is read for few others.
constexpr std::int64_t kGradientElements = std::int64_t{1} << 15;

// Calls f(begin, end) for parts of [0, n), whole cache lines of floats, as independent items: as many as make for some
// threads' work, and not so narrow that rows of memory are read in pieces shorter than a prefetcher needs.
template <class F>
void for_each_part(std::int64_t n, double flops, const F& f) {
  constexpr std::int64_t kLine = 16, kLeast = 128, kMost = 16;
  const std::int64_t parts = std::clamp<std::int64_t>(n / kLeast, 1, kMost), lines = (n + kLine - 1) / kLine;
  parallel_for(parts, flops, [&](std::int64_t i) {
    const std::int64_t begin = lines * i / parts * kLine, end = lines * (i + 1) / parts * kLine;
    f(static_cast<std::size_t>(begin), static_cast<std::size_t>(std::min(end, n)));
  });
}

// W is (channels, out_channels), or transposed.
template <class T>
bool is_forward(const Correlation<T>& k) {
  return k.w_n == 1 && k.w_c == k.out_channels;
}
template <class T>
bool is_transposed(const Correlation<T>& k) {
  return k.w_c == 1 && k.w_n == k.channels && !k.bias && k.activation == Activation::identity;
}

double flops_of(std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(inputs) * static_cast<double>(outputs);
}

}  // namespace

bool is_matrix(const PatchGrid& g) {
  return g.images == 1 && g.height == 1 && g.grid_h == 1 && g.step_x == 1 && g.width == g.grid_w &&
         g.rows.size() == 1 && g.columns.size() == 1 && g.rows[0].offset == 0 && g.columns[0].offset == 0;
}

template <class T>
bool by_few_rows(const Correlation<T>& k) {
  return !k.kernel_is_kept && k.groups == 1 && is_matrix(k.grid) &&
         k.grid.grid_w <= static_cast<std::int64_t>(simd::kDenseFew) && k.out_pixel == k.out_channels &&
         (is_forward(k) || is_transposed(k));
}

template <class T>
bool by_few_rows(const WeightGradient<T>& k) {
  return k.groups == 1 && is_matrix(k.grid) && k.grid.grid_w <= kGradientElements / (k.channels + k.out_channels);
}

template <class T>
void correlate_few_rows(const Correlation<T>& k) {
  const auto m = static_cast<std::size_t>(k.grid.grid_w), channels = static_cast<std::size_t>(k.channels),
             outputs = static_cast<std::size_t>(k.out_channels);
  const T* weights = k.weights + k.grid.rows[0].index * k.w_row + k.grid.columns[0].index * k.w_column;
  for_each_part(k.out_channels, flops_of(k.grid.grid_w, k.channels, k.out_channels),
                [&](std::size_t begin, std::size_t end) {
                  if (!is_forward(k)) {
                    simd::dense_backward_data_few(k.source, weights, k.out, m, outputs, channels, begin, end);
                    return;
                  }
                  simd::dense_forward(k.source, weights, k.bias, k.out, m, channels, outputs, begin, end);
                  if (k.activation == Activation::identity) return;
                  for (std::size_t row = 0; row < m; ++row) {
                    T* at = k.out + row * outputs + begin;
                    simd::activate(k.activation, at, at, end - begin);
                  }
                });
}

template <class T>
void weight_gradient_few_rows(const WeightGradient<T>& k) {
  for_each_part(k.channels, flops_of(k.grid.grid_w, k.channels, k.out_channels),
                [&](std::size_t begin, std::size_t end) {
                  simd::dense_backward_weights(k.source, k.dz, k.dw, static_cast<std::size_t>(k.grid.grid_w),
                                               static_cast<std::size_t>(k.channels),
                                               static_cast<std::size_t>(k.out_channels), begin, end);
                });
}

template bool by_few_rows(const Correlation<float>&);
template bool by_few_rows(const Correlation<double>&);
template bool by_few_rows(const WeightGradient<float>&);
template bool by_few_rows(const WeightGradient<double>&);
template void correlate_few_rows(const Correlation<float>&);
template void correlate_few_rows(const Correlation<double>&);
template void weight_gradient_few_rows(const WeightGradient<float>&);
template void weight_gradient_few_rows(const WeightGradient<double>&);

}  // namespace hubel::detail
