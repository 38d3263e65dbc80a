// Data sets of labelled images, and where they come from: by name, from folders, files and URLs.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "hubel/npz.hpp"
#include "hubel/tensor.hpp"
#include "hubel/trainer.hpp"

namespace hubel {

// Labelled images. Bytes stay bytes (a quarter of the memory of floats) until a batch is made of them.
struct Dataset : SampleSource {
  // (count, h, w, c). Bytes mean [0, 1] in steps of 1/255; floats are taken as they are.
  Shape shape{0, 0, 0, 0};
  std::variant<std::vector<std::uint8_t>, std::vector<float>> pixels;
  std::vector<std::int32_t> labels;  // count labels in [0, classes)
  std::int32_t classes = 0;

  std::int64_t count() const override { return shape[0]; }
  Shape sample_shape() const override { return shape.without_first(); }

  // Writes images indices[0..n) as floats to out, (n, h, w, c), and their labels to labels_out (n), if not null.
  // Allocates nothing. Throws std::invalid_argument for an index outside [0, count).
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels_out) const override;
  // The images [begin, end) as a data set of their own (a copy). Throws std::invalid_argument unless
  // 0 <= begin <= end <= count.
  Dataset slice(std::int64_t begin, std::int64_t end) const;
  // Keeps the first `count` images, without copying them. Throws std::invalid_argument unless 0 <= count <= count().
  void keep_first(std::int64_t count);
};

// A data set in its usual parts. An absent part is empty (count() == 0). Images of all parts have one shape.
struct DatasetSplits {
  Dataset train, validation, test;
  std::vector<std::string> class_names;  // as many as classes: "0" ... "9", or the data set's own names
  std::string source;                    // for messages: the folder, file or URL it was read from
  std::vector<std::string> skipped;      // images of a folder that were left out as broken: what was wrong with each
  std::string made_alike;                // what images of a folder were made into: "32x40, colour"; else empty
};

// Reads a data set from `where`:
//   a name               "mnist", "fashion-mnist", "kmnist", "cifar10" or "cifar100": the subfolder of that name of the
//                        first of these that has it: the folder named by the environment's HUBEL_DATA_DIR; the one
//                        given to set_data_dir; ../share/hubel beside the library or the program; where Hubel was
//                        installed; the source tree's data (MNIST comes with Hubel). Then /usr/share/datasets, where
//                        Debian's package dataset-fashion-mnist puts that; then the cache (below)
//   a folder             IDX files with MNIST's names (train-images-idx3-ubyte, ...), plain or .gz; CIFAR-10 or
//                        CIFAR-100 in the binary version, as .tar.gz or unpacked; or images, a class a subfolder, all
//                        resized to the first one's size (load_image_folder in image_folder.hpp has options)
//   a file               NPZ: arrays X_train, Y_train, X_valid, Y_valid, X_test, Y_test (train or test at least; lower
//                        case will do, as in Keras's mnist.npz); or CIFAR's .tar.gz
//   http:// or https://  such a file, read into memory; nothing is saved
//
// The cache is $XDG_CACHE_HOME/hubel/<name>, or ~/.cache/hubel/<name>. A data set that is found nowhere is downloaded
// into it over https from its publishers' mirrors (and before those from $HUBEL_MIRROR/<name>, if that is set), within
// the limits; each file's published MD5 is checked, and a file appears in the cache when it is whole. The environment's
// HUBEL_OFFLINE=1 forbids all use of the network.
//
// Images in an NPZ are (n, h, w), (n, h, w, c), or (n, h w) where h = w. Bool is 0 or 1; integers must lie in 0 ... 255
// and mean [0, 1]; floats are kept as float32, except that when no value of any part is negative, none is above 255
// and some are above 1, they too are taken as 0 ... 255 and divided by 255. A pixel that is not finite is refused.
// Labels are whole numbers, (n) or (n, 1), of any numeric type, or one-hot rows, (n, classes).
// The number of classes is the width of the one-hot rows or the largest label + 1, over all parts, and 2 at least.
//
// Throws IoError when it cannot be read (the message of a named one says which URLs were tried, and which files to put
// where or what to install), FormatError when it is not what it should be.
DatasetSplits load_dataset(const std::string& where, const ReadLimits& limits = {});

// The names that load_dataset knows.
std::vector<std::string> dataset_names();

// Names a folder that has data sets as subfolders (mnist, cifar10), for programs that bring their own. It holds
// for the whole process and is looked at after the environment's HUBEL_DATA_DIR; "" takes it back. Thread-safe.
void set_data_dir(const std::string& folder);

}  // namespace hubel
