// What several subcommands do alike.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hubel/dataset.hpp"
#include "hubel/model_file.hpp"
#include "hubel/trainer.hpp"
#include "hubel/zoo.hpp"

namespace hubel::cli {

inline constexpr const char* kDefaultModel = "lenet5.safetensors";

inline constexpr const char* kDataHelp =
    "The data set: mnist, fashion-mnist, kmnist, cifar10 or cifar100 (downloaded into ~/.cache/hubel when they are "
    "nowhere else; not with HUBEL_OFFLINE=1 in the environment), a folder of IDX files, of CIFAR's, or of images, a "
    "class a subfolder (resized to the size of the first; in colour, unless the first of every class is grey), an .npz "
    "file, or an http(s):// URL of one (read into memory, not saved)";

// --threads; the callback sets it before the command runs.
void add_threads_option(CLI::App& command);

// A network by its architecture, and what was noted with it where it comes from a model file.
struct NamedGraph {
  Graph graph;
  std::vector<std::string> class_names = {};
  std::map<std::string, std::string> notes = {};
};

// What a command's NETWORK may be, for its help.
inline constexpr const char* kNetworkHelp =
    "A network: a name that `hubel zoo` lists, an architecture (.json) or a model file; of a file called like "
    "a name, ./NAME";

// What `text` names, by kNetworkHelp. Throws std::runtime_error when it is nothing of that, or when classes or an input
// shape are given beside a file; else as zoo_graph, architecture_from_json and load_model do.
NamedGraph named_graph(const std::string& text, const ZooOptions& options);

// --input, --classes and --small, for named_graph.
void add_zoo_options(CLI::App& command, const std::shared_ptr<ZooOptions>& options);

// load_dataset with a progress line while it downloads.
DatasetSplits load_shown(const std::string& where);

// Which images a command is about. Throws std::runtime_error when the data set has no such part.
const Dataset& choose_split(const DatasetSplits& data, const std::string& split);

// Throws std::runtime_error, with both shapes, when the model does not take such images or has too few outputs.
void check_fits(const Model& model, const std::string& model_path, const Dataset& images, const std::string& source);

// The name of a class, or its number; for people to read, made printable.
enum class Shown { printable, as_it_is };
std::string class_name(const std::vector<std::string>& names, std::int64_t index, Shown shown = Shown::printable);

// The names of all classes, made printable.
std::vector<std::string> printable_names(std::vector<std::string> names);

// evaluate() with a progress line on a terminal when it takes long. Ctrl-C stops it.
Evaluation evaluate_shown(const Network<float>& network, const Dataset& images, std::int64_t batch_size,
                          const std::string& what, std::vector<std::int64_t>* confusion);

}  // namespace hubel::cli
