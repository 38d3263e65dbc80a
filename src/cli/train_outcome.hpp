// What a training leaves behind: its model in a file, and in words how it went.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "cli/train_options.hpp"
#include "hubel/hubel.hpp"

namespace hubel::cli {

struct Trained {
  const TrainArguments& arguments;
  const DatasetSplits& data;
  Network<float>& network;
  const std::string& how;  // for the notes: "adam, learning rate ..."
};

// How far it has come: steps, and epochs that are whole.
struct SoFar {
  std::int64_t steps = 0, epochs = 0;
};

std::string percent(double share);
// The accuracy in percent, or that there is none where an output is not finite.
std::string accuracy_text(const Evaluation& evaluation);

// Tests, saves the model and says what came of it. Returns the exit code.
int finish(const Trained& trained, const TrainResult& result);

// The training ended with this error, of a full disk for one: what it has learnt is saved all the same, and it is for
// the caller to tell the error. Throws an error that tells both when there is no saving it.
void save_after(const std::exception& error, const Trained& trained, const SoFar& so_far);

}  // namespace hubel::cli
