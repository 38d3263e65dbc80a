// Folders of images, a class a subfolder, as torchvision's ImageFolder and Keras's image_dataset_from_directory read
// them: held in memory whole, or decoded when a batch asks for them.
//
//   root/cat/1.png, root/cat/2.jpg, root/dog/1.jpeg, ...                       all are training images
//   root/train/cat/1.png, ..., root/val/cat/7.png, ..., root/test/cat/9.png    parts; val may be valid or validation
//
// It is the second kind where one of those folders has subfolders. Classes are the subfolders' names, sorted by their
// bytes (what is not UTF-8 in a name is shown as U+FFFD); they are the training part's, and the other parts may have
// fewer. Images are files that end in .png, .jpg or .jpeg, in capitals or not, in the class's folder or in folders in
// it, sorted by their paths. Other files and all whose names begin with a dot are passed over. Symbolic links count
// when they lead to a file inside the folder; others, and links to folders, are passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hubel/dataset.hpp"
#include "hubel/tensor.hpp"
#include "hubel/trainer.hpp"

namespace hubel {

// What is done about an image that cannot be read or decoded: the first, in order, throws; or all such are left out,
// and listed with what is wrong with them.
enum class OnBroken { refuse, skip };

struct ImageFolderOptions {
  // All images are resized to this, their aspect not kept (area average when shrinking, bilinear when growing). Both 0:
  // the size of the first image.
  std::int64_t height = 0, width = 0;
  // 1 grey (with the weights of ITU-R BT.601) or 3 RGB. 0: 1 where the first image of every class is grey, else 3.
  std::int64_t channels = 0;
  OnBroken on_broken = OnBroken::refuse;
  std::int64_t max_pixels = 100'000'000;  // of one image as it is stored; a larger one counts as broken
  // FolderDataset alone: how many bytes of images, a byte a sample, are kept once they have been decoded.
  std::size_t cache_bytes = std::size_t{1} << 30;
};

// Whether `folder` is one of images: whether anything below it would be found as above.
bool is_image_folder(const std::string& folder);

// All images of the folder as bytes, decoded and resized on all threads; `skipped` tells those left out. The result
// does not depend on the number of threads. Throws IoError when the folder cannot be read or the images would take more
// than limits.max_bytes; FormatError for a class without images, a part's class that the training part lacks, no images
// at all, or a broken image unless it is skipped; std::invalid_argument for options that are none.
DatasetSplits load_image_folder(const std::string& folder, const ImageFolderOptions& options = {},
                                const ReadLimits& limits = {});

// The images of one part, decoded when they are gathered: for sets larger than memory.
class FolderDataset : public SampleSource {
 public:
  FolderDataset() = default;  // no images, of shape (0, 0, 0)

  std::int64_t count() const override;
  Shape sample_shape() const override;  // (h, w, c)
  // Decodes on all threads. Throws std::invalid_argument for an index outside [0, count), and FormatError or IoError,
  // naming the file, for an image that is broken.
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const override;

  const std::string& path(std::int64_t i) const;  // 0 <= i < count
  std::int32_t label(std::int64_t i) const;

 private:
  friend struct FolderSplits;
  struct Part;
  explicit FolderDataset(std::shared_ptr<const Part> part) : part_(std::move(part)) {}

  std::shared_ptr<const Part> part_;  // copies share the cache
};

struct FolderSplits {
  FolderDataset train, validation, test;
  std::vector<std::string> class_names;
  std::string source;                // the folder
  std::vector<std::string> skipped;  // as in DatasetSplits

  // Lists the images of a folder. With OnBroken::skip all are decoded once, to know which are broken; else only those
  // that the options' zeros need. Throws as load_image_folder does, but for the limit, which here is each file's.
  static FolderSplits open(const std::string& folder, const ImageFolderOptions& options = {},
                           const ReadLimits& limits = {});
};

}  // namespace hubel
