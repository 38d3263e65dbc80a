// Model files: a network as a safetensors file that carries its architecture. Reading goes from the small to the large:
// header, architecture, what the architecture asks for, and only then memory for weights that are known to be there.
#include "hubel/model_file.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <stdexcept>
#include <utility>

#include "hubel/errors.hpp"
#include "io/architecture.hpp"
#include "io/checkpoint_source.hpp"
#include "io/json_text.hpp"
#include "io/model_source.hpp"
#include "io/safetensors.hpp"
#include "nn/network_plan.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

using detail::json_quoted;
using nlohmann::json;

constexpr const char* kFormat = "format";
constexpr const char* kHubel = "hubel";
constexpr const char* kWeights = "hubel weights";
constexpr const char* kVersion = "format_version";
constexpr const char* kCurrentVersion = "1";
constexpr const char* kArchitecture = "architecture";
constexpr const char* kClassNames = "class_names";
constexpr std::string_view kNote = "note.";  // a note's key in the file is this and its own

using Metadata = std::map<std::string, std::string>;

void write_tensors(const Network<float>& network, const Metadata& metadata, const std::string& path) {
  std::vector<detail::NamedTensor> tensors;
  for (const Parameter<float>& p : network.parameters()) tensors.push_back({p.name, p.value});
  detail::write_safetensors(path, metadata, tensors);
}

void write_model(const Network<float>& network, const std::vector<std::string>& class_names, const Metadata& notes,
                 const std::string& path) {
  const std::int64_t outputs = network.output_shape().elements();
  if (!class_names.empty() && network.output_shapes().size() > 1)
    throw std::invalid_argument("save_model: class names are of one output, but the network has several");
  if (!class_names.empty() && std::ssize(class_names) != outputs) {
    throw std::invalid_argument(
        detail::formatted("save_model: {} class names for a network of {} outputs", class_names.size(), outputs));
  }
  Metadata metadata = {
      {kFormat, kHubel}, {kVersion, kCurrentVersion}, {kArchitecture, architecture_to_json(network.graph())}};
  if (!class_names.empty()) metadata[kClassNames] = detail::dump_json(class_names, "save_model: a class name");
  for (const auto& [key, text] : notes) metadata[std::string(kNote) + key] = text;
  write_tensors(network, metadata, path);
}

const std::string& metadata_value(const Metadata& metadata, const char* key, std::string_view who) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) {
    throw FormatError(detail::formatted("{}: not a model of Hubel: its metadata has no '{}'", who, key));
  }
  return found->second;
}

void refuse_checkpoint(const detail::SafetensorsHeader& header, std::string_view wanted, std::string_view who) {
  if (!detail::is_checkpoint(header)) return;
  throw FormatError(detail::formatted(
      "{}: not {}: it is a checkpoint, which a training of the same network goes on from", who, wanted));
}

void check_format(const Metadata& metadata, std::string_view who) {
  const std::string& format = metadata_value(metadata, kFormat, who);
  if (format != kHubel) {
    throw FormatError(detail::formatted("{}: not a model of Hubel: its format is {}", who, json_quoted(format)));
  }
  const std::string& version = metadata_value(metadata, kVersion, who);
  if (version != kCurrentVersion) {
    throw FormatError(detail::formatted("{}: its format_version is {}, this Hubel reads {}", who, json_quoted(version),
                                        kCurrentVersion));
  }
}

const Shape& shape_of(const detail::ParameterSpec& parameter) { return parameter.shape; }
const Shape& shape_of(const Parameter<float>& parameter) { return parameter.value.shape(); }

// The file's tensors must be exactly these parameters, which `whose` has. Returns them in the order of the parameters.
template <class Parameters>
std::vector<const detail::SafetensorsEntry*> match_tensors(const Parameters& parameters, std::string_view whose,
                                                           const detail::SafetensorsHeader& header,
                                                           std::string_view who) {
  std::map<std::string_view, const detail::SafetensorsEntry*> unclaimed;
  for (const detail::SafetensorsEntry& tensor : header.tensors) unclaimed[tensor.name] = &tensor;
  std::vector<const detail::SafetensorsEntry*> matched;
  for (const auto& wanted : parameters) {
    const auto found = unclaimed.find(wanted.name);
    if (found == unclaimed.end())
      throw FormatError(detail::formatted("{}: the tensor {} is missing", who, wanted.name));
    const Shape& shape = found->second->shape;
    if (!(shape == shape_of(wanted))) {
      throw FormatError(detail::formatted("{}: the tensor {} has shape {}, {} asks for {}", who, wanted.name,
                                          shape.to_string(), whose, shape_of(wanted).to_string()));
    }
    matched.push_back(found->second);
    unclaimed.erase(found);
  }
  if (!unclaimed.empty()) {
    throw FormatError(
        detail::formatted("{}: the tensor {} belongs to no layer", who, json_quoted(unclaimed.begin()->first)));
  }
  return matched;
}

std::vector<std::string> read_class_names(const Metadata& metadata, const Network<float>& network,
                                          std::string_view who) {
  const auto found = metadata.find(kClassNames);
  if (found == metadata.end()) return {};
  if (network.output_shapes().size() > 1)
    throw FormatError(detail::formatted("{}: '{}' is of one output, but the network has several", who, kClassNames));
  const std::int64_t outputs = network.output_shape().elements();
  const json names = detail::parse_json(found->second, detail::formatted("{}: '{}'", who, kClassNames));
  const auto is_string = [](const json& name) { return name.is_string(); };
  if (!names.is_array() || std::ssize(names) != outputs || !std::all_of(names.begin(), names.end(), is_string)) {
    throw FormatError(
        detail::formatted("{}: '{}' must be an array of {} strings, one for each output", who, kClassNames, outputs));
  }
  return names.get<std::vector<std::string>>();
}

Metadata read_notes(const Metadata& metadata) {
  Metadata notes;
  for (const auto& [key, text] : metadata)
    if (key.starts_with(kNote)) notes[key.substr(kNote.size())] = text;
  return notes;
}

template <class Read>
auto read_file(const std::string& path, const Read& read) {
  try {
    return read(detail::FileSource(path));
  } catch (const std::bad_alloc&) {
    throw IoError(detail::formatted("{}: cannot be read: there is not enough memory for its weights", path));
  }
}

}  // namespace

namespace detail {

Model read_model(const ByteSource& source, const std::string& who) {
  const SafetensorsHeader header = read_safetensors_header(source, who);
  refuse_checkpoint(header, "a model of Hubel", who);
  check_format(header.metadata, who);
  const std::string place = detail::formatted("{}: '{}'", who, kArchitecture);
  Architecture architecture = read_architecture(metadata_value(header.metadata, kArchitecture, who), place);
  std::vector<Parameter<float>> parameters;
  for (const SafetensorsEntry* tensor : match_tensors(architecture.plan.parameters, "its architecture", header, who))
    parameters.push_back({tensor->name, read_float_tensor(source, *tensor, who)});
  Network<float> network(std::move(architecture.graph), std::move(parameters));
  std::vector<std::string> class_names = read_class_names(header.metadata, network, who);
  return {std::move(network), std::move(class_names), read_notes(header.metadata)};
}

void read_weights(const ByteSource& source, const std::string& who, Network<float>& network) {
  const SafetensorsHeader header = read_safetensors_header(source, who);
  refuse_checkpoint(header, "a file of weights", who);
  std::vector<Tensor<float>> values;
  for (const SafetensorsEntry* tensor : match_tensors(std::as_const(network).parameters(), "the network", header, who))
    values.push_back(read_float_tensor(source, *tensor, who));
  for (std::size_t i = 0; i < values.size(); ++i) network.parameters()[i].value = std::move(values[i]);
}

}  // namespace detail

void save_model(const Model& model, const std::string& path) {
  write_model(model.network, model.class_names, model.notes, path);
}

void save_model(const Network<float>& network, const std::string& path) { write_model(network, {}, {}, path); }

void save_weights(const Network<float>& network, const std::string& path) {
  write_tensors(network, {{kFormat, kWeights}, {kVersion, kCurrentVersion}}, path);
}

Model load_model(const std::string& path) {
  return read_file(path, [&](const detail::FileSource& file) { return detail::read_model(file, path); });
}

void load_weights(Network<float>& network, const std::string& path) {
  read_file(path, [&](const detail::FileSource& file) { detail::read_weights(file, path, network); });
}

}  // namespace hubel
