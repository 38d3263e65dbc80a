// Checkpoints: a training's state in a file, to go on from after whatever has ended it.
//
// Format (docs/model-format.md): a safetensors file of the state's tensors, whose metadata has "format":
// "hubel checkpoint", its version, the network's architecture, and the state's settings and numbers.
#pragma once

#include <string>
#include <vector>

#include "hubel/network.hpp"
#include "hubel/tensor.hpp"
#include "hubel/training_state.hpp"

namespace hubel {

// A state that was read, with the memory of its tensors.
struct Checkpoint {
  TrainingState state;
  std::vector<Tensor<float>> tensors;  // what state.tensors are views of
};

// Writes the state of a training of that network, whole or not at all, so that after any failure (a full disk, a power
// cut) the file is what it was before. Throws IoError when it cannot be written.
void save_checkpoint(const TrainingState& state, const Network<float>& network, const std::string& path);

// Whether a training may write checkpoints to `path`: there is no file, or an empty one, or a checkpoint. Throws
// FormatError for any other file, which would be lost, and IoError where it cannot be read.
void check_checkpoint_path(const std::string& path);

// Reads it, to be given to fit as TrainOptions::resume. Any bytes may be given. Throws IoError when the file cannot be
// read, FormatError when it is no checkpoint, or one of a network of another architecture: it names the first layer
// that differs.
Checkpoint load_checkpoint(const std::string& path, const Network<float>& network);

}  // namespace hubel
