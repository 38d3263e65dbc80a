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
      : ahead_(ahead), share_((ahead.lines * ahead.rows + shares - 1) / shares) {}
  HWY_INLINE void next() {
    for (std::size_t i = 0; i < share_ && ahead_.rows > 0; ++i) {
      expect_read(ahead_.from + line_ * kCacheLine);
      if (++line_ < ahead_.lines) continue;
      line_ = 0;
      ahead_.from += ahead_.row_step;
      --ahead_.rows;
    }
  }

 private:
  Ahead ahead_;
  std::size_t share_, line_ = 0;
};

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
