// Model files: a network's architecture and weights in one safetensors file.
//
// Format (documented in docs/model-format.md): safetensors as published by Hugging Face - 8 bytes little-endian header
// length, a JSON header, the tensors' bytes. Each weight is an F32 tensor under its parameter name; the header's
// __metadata__ carries "format": "hubel", "format_version": "1", and "architecture": JSON of the input shape and
// layers.
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

// Writes to a temporary name beside `path` and renames, so that `path` is never half-written. Throws IoError.
void save_model(const Model& model, const std::string& path);
void save_model(const Network<float>& network, const std::string& path);

// Throws IoError when the file cannot be read, FormatError when it is not such a file or its tensors do not fit its
// architecture.
Model load_model(const std::string& path);

// The architecture alone as JSON text, and back (FormatError when it is not one).
std::string architecture_to_json(const Shape& input_shape, std::span<const Layer> layers);
std::pair<Shape, std::vector<Layer>> architecture_from_json(const std::string& json);

}  // namespace hubel
