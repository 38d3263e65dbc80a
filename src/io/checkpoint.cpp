// Checkpoints as safetensors files; see checkpoint.hpp.
#include "hubel/checkpoint.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <new>

#include "hubel/errors.hpp"
#include "hubel/model_file.hpp"
#include "io/checkpoint_source.hpp"
#include "io/json_text.hpp"
#include "io/safetensors.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr const char* kFormat = "format";
constexpr const char* kCheckpoint = "hubel checkpoint";
constexpr const char* kVersion = "format_version";
constexpr const char* kCurrentVersion = "1";
constexpr const char* kArchitecture = "architecture";
constexpr std::string_view kSetting = "setting.", kNumber = "number.";  // a key in the file is this and its own

using Metadata = std::map<std::string, std::string>;

const std::string& metadata_value(const Metadata& metadata, const char* key, std::string_view who) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) {
    throw FormatError(detail::formatted("{}: not a checkpoint of Hubel: its metadata has no '{}'", who, key));
  }
  return found->second;
}

void check_format(const Metadata& metadata, std::string_view who) {
  const std::string& format = metadata_value(metadata, kFormat, who);
  if (format != kCheckpoint) {
    throw FormatError(
        detail::formatted("{}: not a checkpoint of Hubel: its format is {}", who, detail::json_quoted(format)));
  }
  const std::string& version = metadata_value(metadata, kVersion, who);
  if (version != kCurrentVersion) {
    throw FormatError(detail::formatted("{}: its format_version is {}, this Hubel reads {}", who,
                                        detail::json_quoted(version), kCurrentVersion));
  }
}

std::string inputs_text(const Graph& graph) {
  std::vector<std::string> texts;
  for (const GraphInput& input : graph.inputs())
    texts.push_back(detail::formatted("{} {}", detail::json_quoted(input.name), input.shape.to_string()));
  return detail::joined(texts, ", ");
}

std::string outputs_text(const Graph& graph) {
  std::vector<std::string> names;
  for (const Graph::Value output : graph.outputs()) names.push_back(detail::json_quoted(graph.name(output)));
  return detail::joined(names, ", ");
}

void check_architecture(const std::string& given, const Network<float>& network, std::string_view who) {
  if (given == architecture_to_json(network.graph())) return;
  const Graph graph = architecture_from_json(given);
  if (graph == network.graph()) return;
  const auto of_another = [&](const std::string& how) {
    return FormatError(detail::formatted("{}: the checkpoint is of another network: {}", who, how));
  };
  const std::string input = inputs_text(graph), wanted = inputs_text(network.graph());
  if (input != wanted) throw of_another(detail::formatted("its input is {}, this one's {}", input, wanted));
  const auto theirs = graph.layers(), own = network.layers();
  for (std::size_t i = 0; i < std::min(theirs.size(), own.size()); ++i)
    if (!(theirs[i] == own[i]))
      throw of_another(detail::formatted("they differ in layer {}, {}", i + 1, theirs[i].name));
  if (theirs.size() != own.size())
    throw of_another(detail::formatted("it has {} layers, this one {}", theirs.size(), own.size()));
  throw of_another(
      detail::formatted("its output is {}, this one's {}", outputs_text(graph), outputs_text(network.graph())));
}

double read_number(const std::string& text, std::string_view key, std::string_view who) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  throw FormatError(
      detail::formatted("{}: {} is {}, not a number", who, detail::json_quoted(key), detail::json_quoted(text)));
}

}  // namespace

namespace detail {

bool is_checkpoint(const SafetensorsHeader& header) {
  const auto found = header.metadata.find(kFormat);
  return found != header.metadata.end() && found->second == kCheckpoint;
}

Checkpoint read_checkpoint(const ByteSource& source, const std::string& who, const Network<float>& network) {
  const SafetensorsHeader header = read_safetensors_header(source, who);
  check_format(header.metadata, who);
  check_architecture(metadata_value(header.metadata, kArchitecture, who), network, who);
  Checkpoint checkpoint;
  checkpoint.state.origin = who;
  for (const auto& [key, text] : header.metadata) {
    if (key.starts_with(kSetting)) checkpoint.state.settings[key.substr(kSetting.size())] = text;
    if (key.starts_with(kNumber)) checkpoint.state.numbers[key.substr(kNumber.size())] = read_number(text, key, who);
  }
  for (const SafetensorsEntry& entry : header.tensors) {
    checkpoint.tensors.push_back(read_float_tensor(source, entry, who));
    checkpoint.state.tensors.push_back({entry.name, std::as_const(checkpoint.tensors.back()).view()});
  }
  return checkpoint;
}

}  // namespace detail

void save_checkpoint(const TrainingState& state, const Network<float>& network, const std::string& path) {
  Metadata metadata = {
      {kFormat, kCheckpoint}, {kVersion, kCurrentVersion}, {kArchitecture, architecture_to_json(network.graph())}};
  for (const auto& [name, text] : state.settings) metadata[std::string(kSetting) + name] = text;
  // The shortest text that is read back to the same bits.
  for (const auto& [name, number] : state.numbers)
    metadata[std::string(kNumber) + name] = detail::formatted("{}", number);
  std::vector<detail::NamedTensor> tensors;
  for (const NamedView<float>& tensor : state.tensors) tensors.push_back({tensor.name, tensor.value});
  detail::write_safetensors(path, metadata, tensors);
}

void check_checkpoint_path(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored) || std::filesystem::file_size(path, ignored) == 0) return;
  try {
    if (detail::is_checkpoint(detail::read_safetensors_header(detail::FileSource(path), path))) return;
  } catch (const FormatError&) {  // told below
  }
  throw FormatError(detail::formatted(
      "{}: there is a file already, which is no checkpoint: it would be written over; choose another path", path));
}

Checkpoint load_checkpoint(const std::string& path, const Network<float>& network) {
  try {
    return detail::read_checkpoint(detail::FileSource(path), path, network);
  } catch (const std::bad_alloc&) {
    throw IoError(detail::formatted("{}: cannot be read: there is not enough memory for its tensors", path));
  }
}

}  // namespace hubel
