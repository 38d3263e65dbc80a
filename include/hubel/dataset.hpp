// Data sets of labelled images, and where they come from: the embedded MNIST, IDX folders, NPZ files and URLs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// Labelled images. Bytes stay bytes (a quarter of the memory of floats) until a batch is made of them.
struct Dataset {
  // (count, h, w, c). Bytes mean [0, 1] in steps of 1/255; floats are taken as they are.
  Shape shape{0, 0, 0, 0};
  std::variant<std::vector<std::uint8_t>, std::vector<float>> pixels;
  std::vector<std::int32_t> labels;  // count labels in [0, classes)
  std::int32_t classes = 0;

  std::int64_t count() const { return shape[0]; }
  Shape image_shape() const { return shape.without_first(); }

  // Writes images indices[0..n) as floats to out, (n, h, w, c), and their labels to labels_out (n), if not null.
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels_out) const;
  // The images [begin, end) as a data set of their own (a copy).
  Dataset slice(std::int64_t begin, std::int64_t end) const;
};

// A data set in its usual parts. An absent part is empty (count() == 0).
struct DatasetSplits {
  Dataset train, validation, test;
  std::vector<std::string> class_names;  // as many as classes: "0" ... "9", or the data set's own names
  std::string source;                    // for messages: the folder, file or URL it was read from
};

// Reads a data set from `where`:
//   "mnist"              the embedded one: the folder HUBEL_DATA_DIR (environment) /mnist, else the one installed with
//                        Hubel, else the source tree's data/mnist
//   "fashion-mnist"      /usr/share/datasets/fashion-mnist, where Debian's package dataset-fashion-mnist puts it
//   a folder             IDX files with MNIST's names (train-images-idx3-ubyte, ...), plain or .gz
//   a file *.npz         arrays X_train, Y_train, X_valid, Y_valid, X_test, Y_test (train or test at least)
//   http:// or https://  such an NPZ, read into memory; nothing is saved
// Labels may be integers or one-hot; images (n, h, w), (n, h, w, c), or (n, h w c) where that is a square image;
// bytes, other integers (taken as 0 ... 255) or floats. Throws IoError when it cannot be read (the message says
// where was looked and what to install or pass), FormatError when it is not what it should be.
DatasetSplits load_dataset(const std::string& where);

}  // namespace hubel
