// --schedule: a schedule's name and, behind a colon, its options: "milestones:at=30/60,gamma=0.5".
#pragma once

#include <string>

#include "hubel/schedule.hpp"

namespace hubel::cli {

// Throws std::invalid_argument, one sentence, for an unknown name or option, or a value out of its range.
Schedule schedule_option(const std::string& text);

}  // namespace hubel::cli
