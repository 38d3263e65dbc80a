// See train_log.hpp.
#include "cli/train_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <vector>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

// A full disk may have left half a line at the end, with which the next would make one that is none.
void cut_half_line(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) return;
  constexpr std::uintmax_t kLongest = 4096;  // of a line, by far
  const std::uintmax_t size = std::filesystem::file_size(path), begin = size - std::min(size, kLongest);
  std::string end(static_cast<std::size_t>(size - begin), '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(begin)).read(end.data(), std::ssize(end));
  const std::size_t newline = end.rfind('\n');
  if (!file || end.ends_with('\n')) return;
  std::error_code ignored;  // where it cannot be cut it cannot be written either, which is told
  std::filesystem::resize_file(path, newline == std::string::npos ? begin : begin + newline + 1, ignored);
}

}  // namespace

void check_log(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) return;  // it is to be made, or is a pipe
  constexpr std::string_view kBegins[] = {R"({"event":"step")", R"({"event":"epoch")"};
  std::string begin(kBegins[1].size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), std::ssize(begin));
  begin.resize(static_cast<std::size_t>(file.gcount()));
  // What a full disk has left of a first line will do.
  const auto fits = [&](std::string_view ours) { return begin.starts_with(ours) || ours.starts_with(begin); };
  if (std::ranges::any_of(kBegins, fits)) return;
  throw IoError(
      detail::formatted("{}: is there and is no log of a training, so it is left as it is; name another file "
                        "for --log",
                        path));
}

TrainLog::TrainLog(const std::string& lines_path, const std::string& events_folder, std::int64_t every, bool goes_on)
    : path_(lines_path), every_(every) {
  if (!lines_path.empty()) {
    if (goes_on) cut_half_line(lines_path);
    lines_.emplace(lines_path, goes_on ? std::ios::app : std::ios::trunc);
    if (!*lines_) throw IoError(detail::formatted("{}: cannot be written: {}", lines_path, std::strerror(errno)));
  }
  if (!events_folder.empty()) events_.emplace(events_folder);
}

// Whole lines, each on the disk's way before the next step: a killed training leaves no half of one.
void TrainLog::write_line(const std::string& line) {
  *lines_ << line + "\n" << std::flush;
  if (!*lines_) throw IoError(detail::formatted("{}: cannot be written: {}", path_, std::strerror(errno)));
}

void TrainLog::step(const TrainProgress& p) {
  steps_ = p.all_steps;
  if (p.all_steps % every_ != 0) return;
  if (lines_) {
    nlohmann::ordered_json line = {{"event", "step"},
                                   {"epoch", p.epoch},
                                   {"step", p.all_steps},
                                   {"samples", p.samples},
                                   {"loss", p.loss},
                                   {"accuracy", p.accuracy},
                                   {"learning_rate", p.learning_rate}};
    if (p.gradient_norm > 0) line["gradient_norm"] = p.gradient_norm;
    write_line(line.dump());
  }
  if (events_) {
    const Scalar scalars[] = {{"step/loss", p.loss}, {"step/accuracy", p.accuracy}, {"learning_rate", p.learning_rate}};
    events_->write(p.all_steps, scalars);
  }
}

void TrainLog::epoch(const EpochResult& e) {
  if (lines_) {
    nlohmann::ordered_json line = {{"event", "epoch"},     {"epoch", e.epoch}, {"step", steps_},
                                   {"samples", e.samples}, {"loss", e.loss},   {"accuracy", e.accuracy}};
    if (e.validation) {
      line["val_loss"] = e.validation->loss;
      line["val_accuracy"] = e.validation->accuracy;
    }
    line["learning_rate"] = e.learning_rate;
    line["seconds"] = e.seconds;
    write_line(line.dump());
  }
  if (events_) {
    std::vector<Scalar> scalars = {{"loss/train", e.loss}, {"accuracy/train", e.accuracy}};
    if (e.validation) {
      scalars.push_back({"loss/validation", e.validation->loss});
      scalars.push_back({"accuracy/validation", e.validation->accuracy});
    }
    events_->write(steps_, scalars);
  }
}

}  // namespace hubel::cli
