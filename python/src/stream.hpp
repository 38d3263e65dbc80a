// Batches that a Python callable gives one after another, as a source of samples.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>

#include "hubel/trainer.hpp"
#include "watch.hpp"

namespace hubel::python {

namespace nb = nanobind;

// hubel._core.Stream. next() gives a batch (x, y, weights), as source_of takes them, or None at the end of all, after
// which it begins again; `batch` is one of the batches, whose kind all have; count is at least that of the samples.
struct PythonStream {
  nb::object next;
  std::int64_t count = 0;
  nb::tuple batch;
};

// What becomes of an exception from next(): it is left with the watch, and the samples are at their end; or it is
// thrown on.
enum class OnFailure { end, raise };

// The GIL must be held when this is called and when the source is destroyed. Batches of more than begin_batch is asked
// for are given in pieces.
std::unique_ptr<SampleSource> stream_source(const PythonStream& stream, Watch& watch, OnFailure on_failure);

}  // namespace hubel::python
