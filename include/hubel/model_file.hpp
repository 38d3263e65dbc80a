// Model files: a network's architecture and weights in one safetensors file.
//
// Format (docs/model-format.md): safetensors as published by Hugging Face - 8 bytes little-endian header length, a JSON
// header, the tensors' bytes. Each weight is an F32 tensor under its parameter's name; the header's __metadata__
// carries "format": "hubel", "format_version": "1", "architecture": JSON of the input shape and layers, "class_names":
// a JSON array, and each note under "note." and its key.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hubel/network.hpp"

namespace hubel {

// A network and what was noted with it ("class_names", "test_accuracy", "data", ...).
struct Model {
  Network<float> network;
  std::vector<std::string> class_names;      // as many as outputs, or empty
  std::map<std::string, std::string> notes;  // free text by key
};

// Writes to a temporary name beside `path` and renames, so that `path` is never half-written: after an error it is what
// it was before. A symbolic link is followed. Throws IoError when it cannot be written, std::invalid_argument when the
// number of class names is not the number of outputs or a text is not UTF-8.
void save_model(const Model& model, const std::string& path);
void save_model(const Network<float>& network, const std::string& path);

// Throws IoError when the file cannot be read, FormatError when it is not such a file or its tensors do not fit its
// architecture. Any bytes may be given: no more memory is taken than the file's own size asks for. Weights of dtype
// F64, F16 and BF16 are converted. Values are taken as they are, infinite ones and NaN too: so can be looked at what a
// training that diverged has left.
Model load_model(const std::string& path);

// The weights alone, in safetensors, and back into a network of the same names and shapes: that of any file whose
// tensors are exactly its parameters, such as a model file, whatever else it holds. Written as save_model writes.
// Throws as these do; where something is thrown the network is as it was.
void save_weights(const Network<float>& network, const std::string& path);
void load_weights(Network<float>& network, const std::string& path);

// The architecture alone as JSON text, and back. Options that the text leaves out have their defaults. FormatError,
// with the key at fault, when it is not an architecture.
std::string architecture_to_json(const Graph& graph);
Graph architecture_from_json(const std::string& json);

}  // namespace hubel
