// Asking for memory ahead, shared by the SIMD files; compiled once for each instruction set that includes it.

#if defined(HUBEL_SIMD_AHEAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HUBEL_SIMD_AHEAD_INL_H_
#undef HUBEL_SIMD_AHEAD_INL_H_
#else
#define HUBEL_SIMD_AHEAD_INL_H_
#endif

#include <cstddef>

#include "simd/ahead.hpp"
#include "simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Asks for memory in `shares` shares of nearly equal size, one at each call of next().
class Shares {
 public:
  HWY_INLINE Shares(const Ahead& ahead, std::size_t shares)
      : line_(ahead.from), end_(ahead.from + ahead.lines * kCacheLine), lines_((ahead.lines + shares - 1) / shares) {}
  HWY_INLINE void next() {
    for (std::size_t i = 0; i < lines_ && line_ < end_; ++i, line_ += kCacheLine) expect_read(line_);
  }

 private:
  const char *line_, *end_;
  std::size_t lines_;
};

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
