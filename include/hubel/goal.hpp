// What is wanted of a value that is watched from epoch to epoch.
#pragma once

namespace hubel {

enum class Goal { minimum, maximum };  // of a loss, of an accuracy

}  // namespace hubel
