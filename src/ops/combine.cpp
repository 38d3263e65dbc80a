// Sums and products of branches. An operand that is spread over the pixels is a row that meets the rows of a matrix
// (columns.hpp), one over the channels a number for each row.
#include "hubel/combine.hpp"

#include <algorithm>

#include "ops/checks.hpp"
#include "ops/columns.hpp"
#include "simd/combine.hpp"
#include "simd/fused.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Elements of one item of parallel work.
constexpr std::int64_t kPiece = std::int64_t{1} << 13;

// Calls f(begin, end) for pieces of n elements.
template <class F>
void for_each_range(std::int64_t n, std::int64_t piece, double flops, const F& f) {
  detail::parallel_for((n + piece - 1) / piece, flops * static_cast<double>(n),
                       [&](std::int64_t i) { f(i * piece, std::min((i + 1) * piece, n)); });
}

// ---- Sums of many ----------------------------------------------------------------------------------------------

template <class T>
void check_some(std::string_view who, std::span<const TensorView<const T>> xs) {
  if (xs.empty()) throw std::invalid_argument(detail::formatted("{}: xs has 0 tensors, it must have at least 1", who));
}

template <class T>
void add_all(std::span<const TensorView<const T>> xs, Activation activation, TensorView<T> out) {
  constexpr std::string_view who = "add_forward";
  check_some(who, xs);
  for (std::size_t i = 1; i < xs.size(); ++i) {
    detail::check_shape(who, detail::formatted("xs[{}]", i), xs[i].shape(), xs[0].shape(), "the shape of xs[0]");
  }
  detail::check_shape(who, "out", out.shape(), xs[0].shape(), "the shape of xs[0]");
  const T** from = detail::scratch<const T*>(detail::Scratch::in_places, xs.size());
  for (std::size_t i = 0; i < xs.size(); ++i) from[i] = xs[i].data();
  const bool fused = simd::is_fused(activation);
  for_each_range(out.size(), kPiece, 4 * static_cast<double>(xs.size()), [&](std::int64_t begin, std::int64_t end) {
    simd::add_many<T>(from, xs.size(), static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin),
                      fused ? activation : Activation::identity, out.data() + begin);
  });
  if (!fused) activation_forward(TensorView<const T>(out), activation, out);
}

// ---- Two, one of them spread -----------------------------------------------------------------------------------

enum class Spread { none, pixels, channels };

Spread spread_of(std::string_view who, std::string_view name, const Shape& a, const Shape& b) {
  if (a == b) return Spread::none;
  if (a.rank() == b.rank() && a.rank() >= 2 && a[0] == b[0]) {
    bool row = b.back() == a.back(), column = b.back() == 1;
    for (std::size_t axis = 1; axis + 1 < a.rank(); ++axis) {
      row = row && b[axis] == 1;
      column = column && b[axis] == a[axis];
    }
    if (row) return Spread::pixels;
    if (column) return Spread::channels;
  }
  throw std::invalid_argument(
      detail::formatted("{}: {} has shape {} but must have {} or, of that, (m, 1, ..., 1, c) or (m, ..., 1)", who, name,
                        b.to_string(), a.to_string()));
}

struct Extents {
  std::int64_t samples, pixels, channels;

  explicit Extents(const Shape& a)
      : samples(a[0]), pixels(a.back() == 0 || a[0] == 0 ? 0 : a.elements() / (a[0] * a.back())), channels(a.back()) {}
};

struct Multiply {
  template <class T>
  static void rows(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
    simd::multiply_rows(rows, columns, a, b, out);
  }
  template <class T>
  static void by_row(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
    simd::multiply_by_row(rows, columns, a, b, out);
  }
};
struct Add {
  template <class T>
  static void rows(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
    simd::add_rows(rows, columns, a, b, out);
  }
  template <class T>
  static void by_row(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
    simd::add_by_row(rows, columns, a, b, out);
  }
};

// out = a Op b.
template <class Op, class T>
void combine(Spread spread, TensorView<const T> a, TensorView<const T> b, TensorView<T> out) {
  if (a.size() == 0) return;
  if (spread == Spread::none) {
    for_each_range(a.size(), kPiece, 4, [&](std::int64_t begin, std::int64_t end) {
      Op::rows(1, static_cast<std::size_t>(end - begin), a.data() + begin, b.data() + begin, out.data() + begin);
    });
    return;
  }
  const Extents e(a.shape());
  if (spread == Spread::channels) {
    for_each_range(b.size(), std::max<std::int64_t>(1, kPiece / e.channels), 4.0 * static_cast<double>(e.channels),
                   [&](std::int64_t begin, std::int64_t end) {
                     Op::by_row(static_cast<std::size_t>(end - begin), static_cast<std::size_t>(e.channels),
                                a.data() + begin * e.channels, b.data() + begin, out.data() + begin * e.channels);
                   });
    return;
  }
  const detail::Columns k(e.pixels, e.channels);
  detail::for_each_sample(e.samples, k.size(), 4, [&](std::int64_t sample) {
    T* wide = detail::scratch<T>(detail::Scratch::widened, static_cast<std::size_t>(k.width()));
    k.widen(b.data() + sample * e.channels, wide);
    k.for_each_piece(4, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
      const std::int64_t first = sample * k.size() + at;
      Op::rows(rows, columns, a.data() + first, wide, out.data() + first);
    });
  });
}

template <class Op, class T>
void forward(std::string_view who, TensorView<const T> a, TensorView<const T> b, TensorView<T> out) {
  const Spread spread = spread_of(who, "b", a.shape(), b.shape());
  detail::check_shape(who, "out", out.shape(), a.shape(), "the shape of a");
  combine<Op>(spread, a, b, out);
}

// db = the sum, over where b went, of dout, or of dout a if `a` is not null.
template <class T>
void spread_gradient(Spread spread, TensorView<const T> dout, const T* a, TensorView<T> db) {
  const Extents e(dout.shape());
  if (dout.size() == 0) {
    std::fill(db.begin(), db.end(), T(0));
    return;
  }
  if (spread == Spread::channels) {
    for_each_range(db.size(), std::max<std::int64_t>(1, kPiece / e.channels), 4.0 * static_cast<double>(e.channels),
                   [&](std::int64_t begin, std::int64_t end) {
                     simd::row_sums(static_cast<std::size_t>(end - begin), static_cast<std::size_t>(e.channels),
                                    dout.data() + begin * e.channels, a ? a + begin * e.channels : nullptr,
                                    db.data() + begin);
                   });
    return;
  }
  const detail::Columns k(e.pixels, e.channels);
  detail::for_each_sample(e.samples, k.size(), 4, [&](std::int64_t sample) {
    const std::size_t n = static_cast<std::size_t>(e.channels);
    double* sums = detail::scratch<double>(detail::Scratch::moments, 2 * n);
    T* zeros = detail::scratch<T>(detail::Scratch::widened, static_cast<std::size_t>(k.width()));
    std::fill_n(zeros, k.width(), T(0));
    const T *dy = dout.data() + sample * k.size(), *x = a ? a + sample * k.size() : nullptr;
    detail::sum_rows(k, 4, sums, sums + n,
                     [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t column, double* s, double* p) {
                       simd::column_products<T>(range, Activation::identity, dy + at, x ? x + at : nullptr, nullptr,
                                                zeros + column, s, p);
                     });
    const double* wanted = a ? sums + n : sums;
    std::transform(wanted, wanted + n, db.data() + sample * e.channels, [](double s) { return static_cast<T>(s); });
  });
}

template <class T>
void copy(TensorView<const T> from, TensorView<T> to) {
  if (from.data() == to.data()) return;
  for_each_range(from.size(), kPiece, 4, [&](std::int64_t begin, std::int64_t end) {
    std::copy(from.data() + begin, from.data() + end, to.data() + begin);
  });
}

template <class T>
void add_gradients(TensorView<const T> dout, TensorView<T> da, TensorView<T> db) {
  constexpr std::string_view who = "add_backward";
  const bool wants_a = detail::is_given(da), wants_b = detail::is_given(db);
  if (wants_a) detail::check_shape(who, "da", da.shape(), dout.shape(), "the shape of dout");
  const Spread spread = wants_b ? spread_of(who, "db", dout.shape(), db.shape()) : Spread::none;
  if (wants_b && spread == Spread::none) copy(dout, db);
  if (wants_b && spread != Spread::none) spread_gradient<T>(spread, dout, nullptr, db);
  if (wants_a) copy(dout, da);
}

template <class T>
void multiply_gradients(TensorView<const T> dout, TensorView<const T> a, TensorView<const T> b, TensorView<T> da,
                        TensorView<T> db) {
  constexpr std::string_view who = "multiply_backward";
  const Spread spread = spread_of(who, "b", a.shape(), b.shape());
  detail::check_shape(who, "dout", dout.shape(), a.shape(), "the shape of a");
  if (detail::is_given(da)) detail::check_shape(who, "da", da.shape(), a.shape(), "the shape of a");
  if (detail::is_given(db)) {  // first, since da may be the memory of dout
    detail::check_shape(who, "db", db.shape(), b.shape(), "the shape of b");
    if (spread == Spread::none) {
      combine<Multiply>(spread, dout, a, db);
    } else {
      spread_gradient(spread, dout, a.data(), db);
    }
  }
  if (detail::is_given(da)) combine<Multiply>(spread, dout, b, da);
}

template <class Op, class T>
Tensor<T> forward_new(std::string_view who, TensorView<const T> a, TensorView<const T> b) {
  auto out = Tensor<T>::uninitialized(a.shape());
  forward<Op, T>(who, a, b, out);
  return out;
}

template <class T>
Tensor<T> add_all_new(std::span<const TensorView<const T>> xs, Activation activation) {
  check_some("add_forward", xs);
  auto out = Tensor<T>::uninitialized(xs[0].shape());
  add_all<T>(xs, activation, out);
  return out;
}

}  // namespace

void add_forward(std::span<const TensorView<const float>> xs, Activation activation, TensorView<float> out) {
  add_all(xs, activation, out);
}
void add_forward(std::span<const TensorView<const double>> xs, Activation activation, TensorView<double> out) {
  add_all(xs, activation, out);
}
Tensor<float> add_forward(std::span<const TensorView<const float>> xs, Activation activation) {
  return add_all_new(xs, activation);
}
Tensor<double> add_forward(std::span<const TensorView<const double>> xs, Activation activation) {
  return add_all_new(xs, activation);
}
void add_forward(TensorView<const float> a, TensorView<const float> b, TensorView<float> out) {
  forward<Add>("add_forward", a, b, out);
}
void add_forward(TensorView<const double> a, TensorView<const double> b, TensorView<double> out) {
  forward<Add>("add_forward", a, b, out);
}
void multiply_forward(TensorView<const float> a, TensorView<const float> b, TensorView<float> out) {
  forward<Multiply>("multiply_forward", a, b, out);
}
void multiply_forward(TensorView<const double> a, TensorView<const double> b, TensorView<double> out) {
  forward<Multiply>("multiply_forward", a, b, out);
}
Tensor<float> add_forward(TensorView<const float> a, TensorView<const float> b) {
  return forward_new<Add>("add_forward", a, b);
}
Tensor<double> add_forward(TensorView<const double> a, TensorView<const double> b) {
  return forward_new<Add>("add_forward", a, b);
}
Tensor<float> multiply_forward(TensorView<const float> a, TensorView<const float> b) {
  return forward_new<Multiply>("multiply_forward", a, b);
}
Tensor<double> multiply_forward(TensorView<const double> a, TensorView<const double> b) {
  return forward_new<Multiply>("multiply_forward", a, b);
}
void add_backward(TensorView<const float> dout, TensorView<float> da, TensorView<float> db) {
  add_gradients(dout, da, db);
}
void add_backward(TensorView<const double> dout, TensorView<double> da, TensorView<double> db) {
  add_gradients(dout, da, db);
}
void multiply_backward(TensorView<const float> dout, TensorView<const float> a, TensorView<const float> b,
                       TensorView<float> da, TensorView<float> db) {
  multiply_gradients(dout, a, b, da, db);
}
void multiply_backward(TensorView<const double> dout, TensorView<const double> a, TensorView<const double> b,
                       TensorView<double> da, TensorView<double> db) {
  multiply_gradients(dout, a, b, da, db);
}

}  // namespace hubel
