// A long sum whose error does not grow with its length (Kahan 1965).
#pragma once

#include <cmath>

namespace hubel::detail {

class CompensatedSum {
 public:
  void add(double x) {
    const double term = x - compensation_;
    const double total = sum_ + term;
    compensation_ = std::isfinite(total) ? (total - sum_) - term : 0.0;
    sum_ = total;
  }
  double value() const { return sum_; }

 private:
  double sum_ = 0;
  double compensation_ = 0;  // what rounding took from the sum so far
};

}  // namespace hubel::detail
