// Pooling inner loops; see pool.hpp.
#include "simd/pool.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/pool.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Where a later value takes the maximum's place: it is larger, or it is NaN. Once the best is NaN no number takes over.
template <class Vec>
HWY_INLINE auto takes_over(Vec value, Vec best) {
  return hn::Or(hn::Gt(value, best), hn::IsNaN(value));
}

// The element offset of a tap of the window.
HWY_INLINE std::ptrdiff_t tap_offset(const PoolWindows& w, std::size_t i, std::size_t j) {
  return static_cast<std::ptrdiff_t>(i) * w.line + static_cast<std::ptrdiff_t>(j * w.channels);
}

// Calls f(d, offset into the input, offset into the output) for each vector of channels of each window.
template <class T, class F>
HWY_INLINE void for_each_window(const PoolWindows& w, const F& f) {
  for (std::size_t p = 0; p < w.pixels; ++p) {
    for_each_vector<T>(w.channels, [&](auto d, std::size_t c) HWY_ATTR {
      f(d, static_cast<std::ptrdiff_t>(p) * w.pixel_step + static_cast<std::ptrdiff_t>(c), p * w.channels + c);
    });
  }
}

template <class D, class T>
HWY_INLINE hn::Vec<D> window_maximum(D d, const PoolWindows& w, const T* in) {
  auto best = hn::LoadU(d, in);
  for (std::size_t i = 0; i < w.kh; ++i) {
    for (std::size_t j = i == 0 ? 1 : 0; j < w.kw; ++j) {
      const auto value = hn::LoadU(d, in + tap_offset(w, i, j));
      best = hn::IfThenElse(takes_over(value, best), value, best);
    }
  }
  return best;
}

template <class T>
HWY_INLINE void max_row(const PoolWindows& w, const T* in, T* out) {
  for_each_window<T>(w, [&](auto d, std::ptrdiff_t from, std::size_t to)
                            HWY_ATTR { hn::StoreU(window_maximum(d, w, in + from), d, out + to); });
}

template <class T>
HWY_INLINE void max_row_winners(const PoolWindows& w, const T* in, T* out, T* winner) {
  for_each_window<T>(w, [&](auto d, std::ptrdiff_t from, std::size_t to) HWY_ATTR {
    auto best = hn::LoadU(d, in + from), place = hn::Zero(d);
    T number = 0;
    for (std::size_t i = 0; i < w.kh; ++i) {
      for (std::size_t j = i == 0 ? 1 : 0; j < w.kw; ++j) {
        number += 1;
        const auto value = hn::LoadU(d, in + from + tap_offset(w, i, j));
        // Not takes_over, whose last NaN wins: the first maximum is wanted, and a NaN is one.
        const auto larger = hn::AndNot(hn::IsNaN(best), takes_over(value, best));
        best = hn::IfThenElse(larger, value, best);
        place = hn::IfThenElse(larger, hn::Set(d, number), place);
      }
    }
    hn::StoreU(best, d, out + to);
    hn::StoreU(place, d, winner + to);
  });
}

// Pixels of a line that are summed one after another; the sums of such runs are added after that, so that the rounding
// error of a large window grows with the number of runs and not with that of pixels.
inline constexpr std::size_t kRun = 64;

template <class D, class T>
HWY_INLINE hn::Vec<D> line_sum(D d, const PoolWindows& w, const T* line) {
  auto sum = hn::Zero(d);
  for (std::size_t begin = 0; begin < w.kw; begin += kRun) {
    auto run = hn::Zero(d);
    for (std::size_t j = begin; j < HWY_MIN(begin + kRun, w.kw); ++j) {
      run = hn::Add(run, hn::LoadU(d, line + tap_offset(w, 0, j)));
    }
    sum = hn::Add(sum, run);
  }
  return sum;
}

template <class T>
HWY_INLINE void avg_row(const PoolWindows& w, T count, const T* in, T* out) {
  for_each_window<T>(w, [&](auto d, std::ptrdiff_t from, std::size_t to) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (std::size_t i = 0; i < w.kh; ++i) sum = hn::Add(sum, line_sum(d, w, in + from + tap_offset(w, i, 0)));
    hn::StoreU(hn::Div(sum, hn::Set(d, count)), d, out + to);
  });
}

// Two passes over the window: its maximum, then the first place that holds it. (Keeping the winner's number from the
// first pass would bound the window's size by what a float can count.)
template <class T>
HWY_INLINE void max_row_backward(const PoolWindows& w, const T* in, const T* dout, T* din) {
  for_each_window<T>(w, [&](auto d, std::ptrdiff_t from, std::size_t to) HWY_ATTR {
    const auto best = window_maximum(d, w, in + from);
    const auto gradient = hn::LoadU(d, dout + to);
    auto waiting = hn::FirstN(d, hn::Lanes(d));  // every lane
    for (std::size_t i = 0; i < w.kh; ++i) {
      for (std::size_t j = 0; j < w.kw; ++j) {
        const std::ptrdiff_t tap = from + tap_offset(w, i, j);
        const auto value = hn::LoadU(d, in + tap);
        const auto is_best = hn::Or(hn::Eq(value, best), hn::And(hn::IsNaN(value), hn::IsNaN(best)));
        const auto here = hn::And(waiting, is_best);
        waiting = hn::AndNot(here, waiting);
        hn::StoreU(hn::Add(hn::LoadU(d, din + tap), hn::IfThenElseZero(here, gradient)), d, din + tap);
      }
    }
  });
}

template <class T>
HWY_INLINE void avg_row_backward(const PoolWindows& w, T count, const T* dout, T* din) {
  for_each_window<T>(w, [&](auto d, std::ptrdiff_t from, std::size_t to) HWY_ATTR {
    const auto share = hn::Div(hn::LoadU(d, dout + to), hn::Set(d, count));
    for (std::size_t i = 0; i < w.kh; ++i) {
      for (std::size_t j = 0; j < w.kw; ++j) {
        T* at = din + from + tap_offset(w, i, j);
        hn::StoreU(hn::Add(hn::LoadU(d, at), share), d, at);
      }
    }
  });
}

void MaxRowF32(const PoolWindows& w, const float* in, float* out) { max_row(w, in, out); }
void MaxRowF64(const PoolWindows& w, const double* in, double* out) { max_row(w, in, out); }
void MaxRowWinnersF32(const PoolWindows& w, const float* in, float* out, float* winner) {
  max_row_winners(w, in, out, winner);
}
void MaxRowWinnersF64(const PoolWindows& w, const double* in, double* out, double* winner) {
  max_row_winners(w, in, out, winner);
}
void AvgRowF32(const PoolWindows& w, float count, const float* in, float* out) { avg_row(w, count, in, out); }
void AvgRowF64(const PoolWindows& w, double count, const double* in, double* out) { avg_row(w, count, in, out); }
void MaxRowBackwardF32(const PoolWindows& w, const float* in, const float* dout, float* din) {
  max_row_backward(w, in, dout, din);
}
void MaxRowBackwardF64(const PoolWindows& w, const double* in, const double* dout, double* din) {
  max_row_backward(w, in, dout, din);
}
void AvgRowBackwardF32(const PoolWindows& w, float count, const float* dout, float* din) {
  avg_row_backward(w, count, dout, din);
}
void AvgRowBackwardF64(const PoolWindows& w, double count, const double* dout, double* din) {
  avg_row_backward(w, count, dout, din);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(MaxRowF32);
HWY_EXPORT(MaxRowF64);
HWY_EXPORT(MaxRowWinnersF32);
HWY_EXPORT(MaxRowWinnersF64);
HWY_EXPORT(AvgRowF32);
HWY_EXPORT(AvgRowF64);
HWY_EXPORT(MaxRowBackwardF32);
HWY_EXPORT(MaxRowBackwardF64);
HWY_EXPORT(AvgRowBackwardF32);
HWY_EXPORT(AvgRowBackwardF64);

template <>
void max_pool_row(const PoolWindows& windows, const float* in, float* out) {
  HWY_DYNAMIC_DISPATCH(MaxRowF32)(windows, in, out);
}
template <>
void max_pool_row(const PoolWindows& windows, const double* in, double* out) {
  HWY_DYNAMIC_DISPATCH(MaxRowF64)(windows, in, out);
}
template <>
void max_pool_row_winners(const PoolWindows& windows, const float* in, float* out, float* winner) {
  HWY_DYNAMIC_DISPATCH(MaxRowWinnersF32)(windows, in, out, winner);
}
template <>
void max_pool_row_winners(const PoolWindows& windows, const double* in, double* out, double* winner) {
  HWY_DYNAMIC_DISPATCH(MaxRowWinnersF64)(windows, in, out, winner);
}
template <>
void avg_pool_row(const PoolWindows& windows, float count, const float* in, float* out) {
  HWY_DYNAMIC_DISPATCH(AvgRowF32)(windows, count, in, out);
}
template <>
void avg_pool_row(const PoolWindows& windows, double count, const double* in, double* out) {
  HWY_DYNAMIC_DISPATCH(AvgRowF64)(windows, count, in, out);
}
template <>
void max_pool_row_backward(const PoolWindows& windows, const float* in, const float* dout, float* din) {
  HWY_DYNAMIC_DISPATCH(MaxRowBackwardF32)(windows, in, dout, din);
}
template <>
void max_pool_row_backward(const PoolWindows& windows, const double* in, const double* dout, double* din) {
  HWY_DYNAMIC_DISPATCH(MaxRowBackwardF64)(windows, in, dout, din);
}
template <>
void avg_pool_row_backward(const PoolWindows& windows, float count, const float* dout, float* din) {
  HWY_DYNAMIC_DISPATCH(AvgRowBackwardF32)(windows, count, dout, din);
}
template <>
void avg_pool_row_backward(const PoolWindows& windows, double count, const double* dout, double* din) {
  HWY_DYNAMIC_DISPATCH(AvgRowBackwardF64)(windows, count, dout, din);
}

}  // namespace hubel::simd
#endif
