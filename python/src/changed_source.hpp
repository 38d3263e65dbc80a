// A source of samples together with those that change its samples, which refer to it.
#pragma once

#include <memory>
#include <vector>

#include "hubel/augment.hpp"
#include "hubel/trainer.hpp"

namespace hubel::python {

class ChangedSource {
 public:
  explicit ChangedSource(std::unique_ptr<const SampleSource> plain) { links_.push_back(std::move(plain)); }

  // Changes the samples that there are so far. Labels of mixed samples become rows of probabilities of `classes`.
  // Throws std::invalid_argument, which begins with "fit", when the options do not fit the samples.
  void change(const Augmentation& options, std::int64_t classes);

  const SampleSource& get() const { return *links_.back(); }

 private:
  std::vector<std::unique_ptr<const SampleSource>> links_;  // each changes what the one before it gives
};

// What of the options is done to samples for validation too: that which is not at random.
Augmentation normalisation_of(const Augmentation& options);

}  // namespace hubel::python
