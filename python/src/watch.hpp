// A look at Python from within a long computation that runs with the GIL released: for Ctrl-C, and to report progress.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <exception>

namespace hubel::python {

namespace nb = nanobind;

// The computation calls glance() (or visit()) at its steps and stops when that returns false; its caller, holding the
// GIL again, calls rethrow().
class Watch {
 public:
  // At most every kInterval, or with `always` at once, takes the GIL, sees to pending signals (Ctrl-C raises
  // KeyboardInterrupt) and calls report(), which says whether to go on.
  template <class Report>
  bool glance(const Report& report, bool always = false) {
    const auto now = std::chrono::steady_clock::now();
    if (!always && now - last_ < kInterval) return !error_;
    last_ = now;
    return visit([&] {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      return report();
    });
  }
  bool glance() {
    return glance([] { return true; });
  }

  // Takes the GIL and calls action(), which says whether to go on; an exception it throws is kept and stops.
  template <class Action>
  bool visit(const Action& action) {
    nb::gil_scoped_acquire acquire;
    try {
      return action();
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }

  // visit() of what returns nothing, whose exception is thrown on at once: to where the caller has the GIL again.
  template <class Action>
  void call(const Action& action) {
    visit([&] {
      action();
      return true;
    });
    rethrow();
  }

  void rethrow() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  // Short for a person who pressed Ctrl-C, long beside the microseconds that taking the GIL costs.
  static constexpr auto kInterval = std::chrono::milliseconds(20);

  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::exception_ptr error_;
};

}  // namespace hubel::python
