// All that a training is between two of its steps: what is written down to go on from there later, to the same bits.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hubel/named_view.hpp"

namespace hubel {

struct TrainingState {
  // What the run is settled by: its options and a fingerprint of its samples, as text by name. A training goes on from
  // a state of the same settings only.
  std::map<std::string, std::string> settings;
  // Where it is: epochs, steps, running sums, the best value so far. Whole numbers below 2^53 are exact; infinity and
  // NaN may be among them.
  std::map<std::string, double> numbers;
  // "network/conv2d_1.kernel", "optimizer/conv2d_1.kernel/first_moment", "average/...", "best/...", "losses/...",
  // "accumulated/...".
  std::vector<NamedView<float>> tensors;
  // Where it was read from, for messages; empty where it was not.
  std::string origin = {};
  // What messages call settings that whoever gave them knows by other names.
  std::map<std::string, std::string> names = {};
};

}  // namespace hubel
