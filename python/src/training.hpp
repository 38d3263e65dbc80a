// What Python says of a training, made into the trainer's options; and NumPy arrays of targets as a source.
#pragma once

#include <nanobind/nanobind.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hubel/batch_trainer.hpp"
#include "hubel/trainer.hpp"
#include "stream.hpp"
#include "watch.hpp"

namespace hubel::python {

namespace nb = nanobind;

// From a name and its options' values, as the Python classes give them; what they do not give keeps its default.
OptimizerOptions optimizer_options(const nb::str& name, const nb::dict& values);
Loss loss_options(const nb::str& name, const nb::dict& values);

// The settings' losses, (name, values, weight) of each output.
std::vector<OutputLoss> output_losses(const nb::dict& settings);

// From the settings of hubel.Model.fit; without callbacks.
TrainOptions train_options(const nb::dict& settings);
// What hubel.Model.fit calls the settings that a training's state goes by, where that is another name.
std::map<std::string, std::string> setting_names();
// From those of hubel.Model.train_on_batch.
StepOptions step_options(const nb::dict& settings);

// Samples x with y: labels of int32, (m) or with more axes, or float32 targets, (m, ...). Both are kept. Or x is a
// hubel._core.FolderPart, without y. Or both are lists, of an array for each input and each output. `weights` are None
// or float32 (m) or (m, ...), and kept too.
std::unique_ptr<SampleSource> source_of(nb::handle x, nb::handle y, nb::handle weights);
// The same, or x is a hubel._core.Stream, without y and weights: see stream_source.
std::unique_ptr<SampleSource> source_of(nb::handle x, nb::handle y, nb::handle weights, Watch& watch,
                                        OnFailure on_failure);

}  // namespace hubel::python
