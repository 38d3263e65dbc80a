// What a training is settled by, as text by name: two trainings of the same settings, from the same state, go the same
// way bit for bit.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "hubel/trainer.hpp"

namespace hubel::detail {

// What ends the names "samples' fingerprint" and "validation samples' fingerprint", behind what they are of.
inline constexpr std::string_view kFingerprint = "' fingerprint";

// `losses`: of each output.
std::map<std::string, std::string> training_settings(const TrainOptions& options, std::span<const OutputLoss> losses,
                                                     const SampleSource& train, const SampleSource* validation);

}  // namespace hubel::detail
