// See shared.hpp.
#include "cli/shared.hpp"

#include <algorithm>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/interrupt.hpp"
#include "cli/terminal.hpp"
#include "data/file.hpp"
#include "hubel/errors.hpp"
#include "hubel/threads.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

void add_threads_option(CLI::App& command) {
  command
      .add_option_function<int>(
          "--threads", [](int n) { set_num_threads(n); },
          "Threads to compute with; 0 is one for each core. The result is the same for any number")
      ->check(CLI::Range(0, kMaxThreads))
      ->type_name("N")
      ->default_str("0");
}

namespace {

Graph read_architecture(const std::string& path) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 24;
  const detail::Bytes bytes = detail::read_file(path, kMostBytes);
  try {
    return architecture_from_json(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  } catch (const FormatError& error) {
    throw FormatError(detail::formatted("{}: {}", path, error.what()));
  }
}

}  // namespace

NamedGraph named_graph(const std::string& text, const ZooOptions& options) {
  const auto names = zoo_names();
  if (std::find(names.begin(), names.end(), text) != names.end()) return {zoo_graph(text, options)};
  if (options.classes || options.input_shape || options.small_images) {
    throw std::runtime_error(detail::formatted(
        "{} is not a name that `hubel zoo` lists, and --input, --classes and --small go with such", text));
  }
  if (text.ends_with(".json")) return {read_architecture(text)};
  if (text.find_first_of("./") == std::string::npos && !std::filesystem::exists(text))
    throw std::runtime_error(detail::formatted("{} is neither a file nor a name that `hubel zoo` lists", text));
  Model model = load_model(text);
  return {model.network.graph(), std::move(model.class_names), std::move(model.notes)};
}

void add_zoo_options(CLI::App& command, const std::shared_ptr<ZooOptions>& options) {
  const CLI::Range positive(std::int64_t{1}, std::int64_t{1} << 30);
  command
      .add_option_function<std::vector<std::int64_t>>(
          "--input",
          [options](const std::vector<std::int64_t>& shape) { options->input_shape = Shape(std::span(shape)); },
          "An image's height, width and channels, for a network by name")
      ->delimiter(',')
      ->expected(3)
      ->check(positive)
      ->type_name("H,W,C");
  command
      .add_option_function<std::int64_t>(
          "--classes", [options](std::int64_t n) { options->classes = n; },
          "Classes to tell apart, for a network by name")
      ->check(positive)
      ->type_name("N");
  command.add_flag("--small", options->small_images, "The network's variant for images of about 32x32");
}

DatasetSplits load_shown(const std::string& where) {
  constexpr double kMegabyte = 1e6;
  Progress progress;
  ReadLimits limits;
  limits.on_download = [&](const DownloadProgress& now) {
    if (!progress.due()) return;
    const auto done = static_cast<double>(now.bytes), all = static_cast<double>(now.all_bytes);
    const std::string of_all = all > 0 ? detail::formatted(" of {:.1f}", all / kMegabyte) : "";
    progress.show(all > 0 ? std::min(done / all, 1.0) : 0, "Downloading " + printable(now.url),
                  detail::formatted("{:.1f}{} MB", done / kMegabyte, of_all));
  };
  try {
    DatasetSplits data = load_dataset(where, limits);
    progress.clear();
    if (!data.made_alike.empty()) {
      detail::print("Images are taken as {}, as the first of {} are; others are resized.\n", data.made_alike,
                    printable(data.source));
    }
    return data;
  } catch (...) {
    progress.clear();  // for the message to stand alone
    throw;
  }
}

const Dataset& choose_split(const DatasetSplits& data, const std::string& split) {
  const std::pair<std::string_view, const Dataset&> splits[] = {
      {"train", data.train}, {"validation", data.validation}, {"test", data.test}};
  std::vector<std::string> there;
  for (const auto& [name, images] : splits) {
    if (images.count() == 0) continue;
    if (name == split) return images;
    there.push_back(detail::formatted("{} ({})", name, with_commas(images.count())));
  }
  throw std::runtime_error(detail::formatted("{} has no {} images; there are: {}", data.source, split,
                                             there.empty() ? "none" : detail::joined(there, ", ")));
}

void check_fits(const Model& model, const std::string& model_path, const Dataset& images, const std::string& source) {
  const Shape &wants = model.network.input_shape(), got = images.sample_shape();
  if (wants != got) {
    throw std::runtime_error(detail::formatted("{} takes images of shape {} but those of {} are {}", model_path,
                                               wants.to_string(), source, got.to_string()));
  }
  const std::int64_t outputs = model.network.output_shape().elements();
  if (outputs < images.classes) {
    throw std::runtime_error(
        detail::formatted("{} tells {} classes apart but {} has {}", model_path, outputs, source, images.classes));
  }
}

std::string class_name(const std::vector<std::string>& names, std::int64_t index, Shown shown) {
  if (names.empty()) return std::to_string(index);
  const std::string& name = names[static_cast<std::size_t>(index)];
  return shown == Shown::printable ? printable(name) : name;
}

std::vector<std::string> printable_names(std::vector<std::string> names) {
  for (std::string& name : names) name = printable(name);
  return names;
}

Evaluation evaluate_shown(const Network<float>& network, const Dataset& images, std::int64_t batch_size,
                          const std::string& what, std::vector<std::int64_t>* confusion) {
  Progress progress;
  const auto show = [&](std::int64_t done) {
    if (progress.due()) {
      progress.show(static_cast<double>(done) / static_cast<double>(images.count()), what,
                    detail::formatted("{} of {} images", with_commas(done), with_commas(images.count())));
    }
    return !interrupted();
  };
  const Evaluation result = evaluate(network, images, batch_size, confusion, show);
  progress.clear();
  return result;
}

}  // namespace hubel::cli
