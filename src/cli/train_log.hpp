// What a training leaves behind for programs to read: lines of JSON, and TensorBoard's event files.
#pragma once

#include <fstream>
#include <optional>
#include <string>

#include "hubel/event_file.hpp"
#include "hubel/trainer.hpp"

namespace hubel::cli {

// Throws IoError when there is a file of that name that is no log of a training: it shall not be written over.
void check_log(const std::string& path);

class TrainLog {
 public:
  // Without a name there is no such log. goes_on: the lines are added to those of the training so far. Throws IoError.
  TrainLog(const std::string& lines_path, const std::string& events_folder, std::int64_t every, bool goes_on);

  // Logs each `every`th step.
  void step(const TrainProgress& progress);
  void epoch(const EpochResult& epoch);

 private:
  void write_line(const std::string& line);

  std::string path_;
  std::int64_t every_, steps_ = 0;
  std::optional<std::ofstream> lines_;
  std::optional<EventFile> events_;
};

}  // namespace hubel::cli
