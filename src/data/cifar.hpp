// CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
// 2009; the format is told at https://www.cs.toronto.edu/~kriz/cifar.html): records of a label, or a coarse and a fine
// one, and 3 planes (red, green, blue) of 32 x 32 bytes, rows from the top.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/bytes.hpp"
#include "hubel/dataset.hpp"

namespace hubel::detail {

// Which of the two; labels are CIFAR-100's fine ones.
enum class Cifar { ten, hundred };

// Built in, in the order of the labels.
std::span<const char* const> cifar_class_names(Cifar kind);

// Appends a file's records to `part`, whose pixels are bytes: images (n, 32, 32, 3). Throws FormatError, naming `name`,
// for a size that is no whole number of records, or a label out of range.
void append_cifar_records(Cifar kind, ByteSpan bytes, const std::string& name, Dataset& part);

// Whether the folder has the files, an archive of them by its own name (cifar-10-binary.tar.gz) or the folder that it
// unpacks to (cifar-10-batches-bin).
bool is_cifar_folder(const std::string& folder);

// Fill the parts, `source` and the class names: those of the set's own text file where it has one, else those built in.
// Throw IoError, FormatError.
DatasetSplits read_cifar_folder(const std::string& folder, const ReadLimits& limits);
DatasetSplits read_cifar_archive(ByteSpan bytes, const std::string& name, const ReadLimits& limits);

}  // namespace hubel::detail
