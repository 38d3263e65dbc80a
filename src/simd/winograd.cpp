// Winograd's transforms; see winograd.hpp.
//
// Points. The transforms evaluate polynomials at five finite points and infinity; which ones decides the rounding error
// (Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks",
// 2020). Here they are 0, +-a and +-b: with p = a^2 = 1/2 and q = b^2 = 2, p q = 1 and p + q = 5/2.
//
// For the polynomial M(x) = x (x^2 - p) (x^2 - q), input row j is M(x) / (x - point j), the kernel's and gradient's
// row j is the powers of point j over M'(point j), and the output takes the powers of the points.
#include "simd/winograd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/winograd.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/fused-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

inline constexpr double kA = 0.70710678118654752440, kB = 1.41421356237309504880;
inline constexpr double kP = 0.5, kQ = 2.0;
// 1 / M'(0), 1 / M'(+-a), 1 / M'(+-b).
inline constexpr double kScale0 = 1 / (kP * kQ), kScaleA = 1 / (2 * kP * (kP - kQ)), kScaleB = 1 / (2 * kQ * (kQ - kP));

template <class D>
HWY_INLINE hn::Vec<D> constant(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

// The one-dimensional transforms: from `In` vectors to `Out`.
struct InputTransform {
  static constexpr int kIn = 6, kOut = 6;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE void apply(D d, const V (&x)[6], V (&y)[6]) {
    const V q = constant(d, kQ), p = constant(d, kP), sum = constant(d, kP + kQ);
    static_assert(kP * kQ == 1);
    const V even_a = hn::NegMulAdd(q, x[2], x[4]), odd_a = hn::NegMulAdd(q, x[1], x[3]);
    const V even_b = hn::NegMulAdd(p, x[2], x[4]), odd_b = hn::NegMulAdd(p, x[1], x[3]);
    y[0] = hn::NegMulAdd(sum, x[2], hn::Add(x[0], x[4]));
    y[1] = hn::MulAdd(constant(d, kA), odd_a, even_a);
    y[2] = hn::NegMulAdd(constant(d, kA), odd_a, even_a);
    y[3] = hn::MulAdd(constant(d, kB), odd_b, even_b);
    y[4] = hn::NegMulAdd(constant(d, kB), odd_b, even_b);
    y[5] = hn::NegMulAdd(sum, x[3], hn::Add(x[1], x[5]));
  }
};

struct KernelTransform {
  static constexpr int kIn = 3, kOut = 6;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE void apply(D d, const V (&x)[3], V (&y)[6]) {
    const V even_a = hn::Mul(constant(d, kScaleA), hn::MulAdd(constant(d, kP), x[2], x[0]));
    const V odd_a = hn::Mul(constant(d, kScaleA * kA), x[1]);
    const V even_b = hn::Mul(constant(d, kScaleB), hn::MulAdd(constant(d, kQ), x[2], x[0]));
    const V odd_b = hn::Mul(constant(d, kScaleB * kB), x[1]);
    static_assert(kScale0 == 1);
    y[0] = x[0];
    y[1] = hn::Add(even_a, odd_a);
    y[2] = hn::Sub(even_a, odd_a);
    y[3] = hn::Add(even_b, odd_b);
    y[4] = hn::Sub(even_b, odd_b);
    y[5] = x[2];
  }
};

struct GradientTransform {
  static constexpr int kIn = 4, kOut = 6;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE void apply(D d, const V (&x)[4], V (&y)[6]) {
    const V even_a = hn::Mul(constant(d, kScaleA), hn::MulAdd(constant(d, kP), x[2], x[0]));
    const V odd_a = hn::Mul(constant(d, kScaleA * kA), hn::MulAdd(constant(d, kP), x[3], x[1]));
    const V even_b = hn::Mul(constant(d, kScaleB), hn::MulAdd(constant(d, kQ), x[2], x[0]));
    const V odd_b = hn::Mul(constant(d, kScaleB * kB), hn::MulAdd(constant(d, kQ), x[3], x[1]));
    y[0] = x[0];
    y[1] = hn::Add(even_a, odd_a);
    y[2] = hn::Sub(even_a, odd_a);
    y[3] = hn::Add(even_b, odd_b);
    y[4] = hn::Sub(even_b, odd_b);
    y[5] = x[3];
  }
};

struct OutputTransform {
  static constexpr int kIn = 6, kOut = 4;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE void apply(D d, const V (&x)[6], V (&y)[4]) {
    const V sum_a = hn::Add(x[1], x[2]), sum_b = hn::Add(x[3], x[4]);
    const V diff_a = hn::Sub(x[1], x[2]), diff_b = hn::Sub(x[3], x[4]);
    y[0] = hn::Add(hn::Add(x[0], sum_a), sum_b);
    y[1] = hn::MulAdd(constant(d, kA), diff_a, hn::Mul(constant(d, kB), diff_b));
    y[2] = hn::MulAdd(constant(d, kP), sum_a, hn::Mul(constant(d, kQ), sum_b));
    y[3] = hn::MulAdd(constant(d, kA * kP), diff_a, hn::MulAdd(constant(d, kB * kQ), diff_b, x[5]));
  }
};

struct KernelGradientTransform {
  static constexpr int kIn = 6, kOut = 3;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE void apply(D d, const V (&x)[6], V (&y)[3]) {
    const V sum_a = hn::Add(x[1], x[2]), sum_b = hn::Add(x[3], x[4]);
    const V diff_a = hn::Sub(x[1], x[2]), diff_b = hn::Sub(x[3], x[4]);
    y[0] = hn::Add(hn::Add(x[0], sum_a), sum_b);
    y[1] = hn::MulAdd(constant(d, kA), diff_a, hn::Mul(constant(d, kB), diff_b));
    y[2] = hn::MulAdd(constant(d, kP), sum_a, hn::MulAdd(constant(d, kQ), sum_b, x[5]));
  }
};

// Elements of a cache line, and the distance at which the transforms ask for their results' lines.
template <class T>
inline constexpr std::size_t kLine = 64 / sizeof(T);
template <class T>
inline constexpr std::size_t kAhead = 2 * kLine<T>;

// Multiples of a stride, kept in registers: the address of a load is then a pointer and one of them.
template <int N>
struct Multiples {
  std::ptrdiff_t at[N];
  HWY_INLINE explicit Multiples(std::ptrdiff_t step) {
    HUBEL_UNROLL
    for (int i = 0; i < N; ++i) at[i] = i * step;
  }
};

// One vector of channels of a tile into its 36 values: first along the columns, then along the rows. Without kWhole
// pixels outside [top, bottom) x [left, right) are zeros.
template <class Transform, bool kWhole, class T, class D>
HWY_INLINE void transform_tile_vector(const WinogradTile<T>& a, D d, std::size_t i) {
  constexpr int kIn = Transform::kIn;
  using V = hn::Vec<D>;
  // Each of the 36 values goes to a line of its own, which is in L2 at best; the next tile's lie right behind.
  if (i % kLine<T> == 0) {
    for (int f = 0; f < 36; ++f) expect_write(a.out + f * a.point + i + kAhead<T>);
    // The pixels of the tile to the right that this one does not see; kernels, 3 wide, have none.
    for (int y = 0; kIn >= 4 && y < kIn; ++y) {
      for (int x = kIn - 4; x < kIn; ++x) expect_read(a.in + i + y * a.line + (x + 4) * a.pixel);
    }
  }
  V half[6][kIn];
  const T* pixel = a.in + i;
  const Multiples<kIn> line(a.line);
  HUBEL_UNROLL
  for (int x = 0; x < kIn; ++x, pixel += a.pixel) {
    V column[kIn], turned[6];
    HUBEL_UNROLL
    for (int y = 0; y < kIn; ++y) {
      const auto uy = static_cast<std::size_t>(y), ux = static_cast<std::size_t>(x);
      const bool there = kWhole || (uy >= a.top && uy < a.bottom && ux >= a.left && ux < a.right);
      column[y] = there ? hn::LoadU(d, pixel + line.at[y]) : hn::Zero(d);
    }
    Transform::apply(d, column, turned);
    HUBEL_UNROLL
    for (int y = 0; y < 6; ++y) half[y][x] = turned[y];
  }
  T* out = a.out + i;
  const Multiples<6> point(a.point);
  HUBEL_UNROLL
  for (int y = 0; y < 6; ++y, out += 6 * a.point) {
    V turned[6];
    Transform::apply(d, half[y], turned);
    HUBEL_UNROLL
    for (int x = 0; x < 6; ++x) hn::StoreU(turned[x], d, out + point.at[x]);
  }
}

template <class Transform, class T>
HWY_INLINE void transform_tile(const WinogradTile<T>& a) {
  constexpr std::size_t kIn = Transform::kIn;
  if (a.top == 0 && a.left == 0 && a.bottom == kIn && a.right == kIn) {
    for_each_vector<T>(a.n, [&](auto d, std::size_t i) HWY_ATTR { transform_tile_vector<Transform, true>(a, d, i); });
  } else {
    for_each_vector<T>(a.n, [&](auto d, std::size_t i) HWY_ATTR { transform_tile_vector<Transform, false>(a, d, i); });
  }
}

// 36 sums into one vector of channels of the result's pixels: first along the columns, then along the rows. Without
// kWhole only rows x columns of them are there.
template <class Transform, bool kWhole, bool kAccumulate, class T, class D>
HWY_INLINE void transform_back_vector(const WinogradResult<T>& a, D d, std::size_t i) {
  constexpr int kOut = Transform::kOut;
  using V = hn::Vec<D>;
  if (i % kLine<T> == 0) {
    for (int f = 0; f < 36; ++f) expect_read_soon(a.in + f * a.point + i + a.next);
  }
  V half[kOut][6];
  const T* in = a.in + i;
  const Multiples<6> six_points(6 * a.point);
  HUBEL_UNROLL
  for (int x = 0; x < 6; ++x, in += a.point) {
    V column[6], turned[kOut];
    HUBEL_UNROLL
    for (int y = 0; y < 6; ++y) column[y] = hn::LoadU(d, in + six_points.at[y]);
    Transform::apply(d, column, turned);
    HUBEL_UNROLL
    for (int y = 0; y < kOut; ++y) half[y][x] = turned[y];
  }
  const V bias = a.bias ? hn::LoadU(d, a.bias + i) : hn::Zero(d);
  const V low = hn::Set(d, a.bounds.low), high = hn::Set(d, a.bounds.high);
  T* out = a.out + i;
  const Multiples<kOut> pixel(a.pixel);
  HUBEL_UNROLL
  for (int y = 0; y < kOut; ++y, out += a.line) {
    if (!kWhole && static_cast<std::size_t>(y) >= a.rows) break;
    V turned[kOut];
    Transform::apply(d, half[y], turned);
    HUBEL_UNROLL
    for (int x = 0; x < kOut; ++x) {
      if (!kWhole && static_cast<std::size_t>(x) >= a.columns) break;
      T* to = out + pixel.at[x];
      V value = hn::Add(turned[x], bias);
      if constexpr (kAccumulate) value = hn::Add(hn::LoadU(d, to), value);
      hn::StoreU(bounded(value, low, high), d, to);
    }
  }
}

template <class Transform, bool kAccumulate, class T>
HWY_INLINE void transform_back(const WinogradResult<T>& a) {
  constexpr std::size_t kOut = Transform::kOut;
  if (a.rows == kOut && a.columns == kOut) {
    for_each_vector<T>(
        a.n, [&](auto d, std::size_t i) HWY_ATTR { transform_back_vector<Transform, true, kAccumulate>(a, d, i); });
  } else {
    for_each_vector<T>(
        a.n, [&](auto d, std::size_t i) HWY_ATTR { transform_back_vector<Transform, false, kAccumulate>(a, d, i); });
  }
}
template <class T>
HWY_INLINE void transform_output(const WinogradResult<T>& a) {
  a.accumulate ? transform_back<OutputTransform, true>(a) : transform_back<OutputTransform, false>(a);
}

// HWY_EXPORT takes plain functions, one for each type.
void InputF32(const WinogradTile<float>& a) { transform_tile<InputTransform>(a); }
void InputF64(const WinogradTile<double>& a) { transform_tile<InputTransform>(a); }
void GradientF32(const WinogradTile<float>& a) { transform_tile<GradientTransform>(a); }
void GradientF64(const WinogradTile<double>& a) { transform_tile<GradientTransform>(a); }
void KernelF32(const WinogradTile<float>& a) { transform_tile<KernelTransform>(a); }
void KernelF64(const WinogradTile<double>& a) { transform_tile<KernelTransform>(a); }
void OutputF32(const WinogradResult<float>& a) { transform_output(a); }
void OutputF64(const WinogradResult<double>& a) { transform_output(a); }
void KernelGradientF32(const WinogradResult<float>& a) { transform_back<KernelGradientTransform, false>(a); }
void KernelGradientF64(const WinogradResult<double>& a) { transform_back<KernelGradientTransform, false>(a); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(InputF32);
HWY_EXPORT(InputF64);
HWY_EXPORT(GradientF32);
HWY_EXPORT(GradientF64);
HWY_EXPORT(KernelF32);
HWY_EXPORT(KernelF64);
HWY_EXPORT(OutputF32);
HWY_EXPORT(OutputF64);
HWY_EXPORT(KernelGradientF32);
HWY_EXPORT(KernelGradientF64);

template <>
void winograd_input(const WinogradTile<float>& tile) {
  HWY_DYNAMIC_DISPATCH(InputF32)(tile);
}
template <>
void winograd_input(const WinogradTile<double>& tile) {
  HWY_DYNAMIC_DISPATCH(InputF64)(tile);
}
template <>
void winograd_gradient(const WinogradTile<float>& tile) {
  HWY_DYNAMIC_DISPATCH(GradientF32)(tile);
}
template <>
void winograd_gradient(const WinogradTile<double>& tile) {
  HWY_DYNAMIC_DISPATCH(GradientF64)(tile);
}
template <>
void winograd_kernel(const WinogradTile<float>& tile) {
  HWY_DYNAMIC_DISPATCH(KernelF32)(tile);
}
template <>
void winograd_kernel(const WinogradTile<double>& tile) {
  HWY_DYNAMIC_DISPATCH(KernelF64)(tile);
}
template <>
void winograd_output(const WinogradResult<float>& result) {
  HWY_DYNAMIC_DISPATCH(OutputF32)(result);
}
template <>
void winograd_output(const WinogradResult<double>& result) {
  HWY_DYNAMIC_DISPATCH(OutputF64)(result);
}
template <>
void winograd_kernel_gradient(const WinogradResult<float>& result) {
  HWY_DYNAMIC_DISPATCH(KernelGradientF32)(result);
}
template <>
void winograd_kernel_gradient(const WinogradResult<double>& result) {
  HWY_DYNAMIC_DISPATCH(KernelGradientF64)(result);
}

}  // namespace hubel::simd
#endif
