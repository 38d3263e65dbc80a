// load_image_folder: all images of a folder in memory.
#include "hubel/image_folder.hpp"

#include <algorithm>
#include <utility>

#include "data/folder_images.hpp"
#include "data/splits.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

using detail::ImageForm;
using detail::ListedImage;

// Takes the images that are broken out of `part`, whose bytes for them mean nothing.
void drop(const std::vector<std::size_t>& broken, std::size_t size, Dataset& part) {
  if (broken.empty()) return;
  auto& pixels = std::get<std::vector<std::uint8_t>>(part.pixels);
  std::size_t kept = 0, next = 0;
  for (std::size_t i = 0; i < part.labels.size(); ++i) {
    if (next < broken.size() && broken[next] == i) {
      ++next;
      continue;
    }
    if (kept != i)
      std::copy_n(pixels.begin() + static_cast<std::ptrdiff_t>(i * size), size,
                  pixels.begin() + static_cast<std::ptrdiff_t>(kept * size));
    part.labels[kept++] = part.labels[i];
  }
  part.labels.resize(kept);
  pixels.resize(kept * size);
  part.shape = part.shape.with_first(static_cast<std::int64_t>(kept));
}

Dataset load_part(const std::vector<ListedImage>& images, const ImageForm& form, OnBroken on_broken,
                  const ReadLimits& limits, const std::string& folder, std::vector<std::string>& skipped) {
  Dataset part;
  const Shape& shape = form.shape;
  part.shape = Shape{std::ssize(images), shape[0], shape[1], shape[2]};
  std::vector<std::uint8_t> pixels(images.size() * form.bytes());
  for (const ListedImage& image : images) part.labels.push_back(image.label);
  const std::vector<std::size_t> broken = detail::visit_images(
      images.size(), on_broken, limits, folder,
      [&](std::size_t i) { form.decode(images[i].path, pixels.data() + i * form.bytes()); }, skipped);
  part.pixels = std::move(pixels);
  drop(broken, form.bytes(), part);
  return part;
}

}  // namespace

DatasetSplits load_image_folder(const std::string& folder, const ImageFolderOptions& options,
                                const ReadLimits& limits) {
  return detail::with_memory_for(folder, [&] {
    detail::FolderListing listing = detail::list_image_folder(folder);
    const ImageForm form = detail::image_form("load_image_folder", listing, options, limits);
    const std::size_t count = listing.train.size() + listing.validation.size() + listing.test.size();
    if (form.bytes() > limits.max_bytes / count) {
      throw IoError(
          detail::formatted("{}: {} images of shape {} are more than the limit of {} bytes; ask for a smaller size, "
                            "or open it as a FolderDataset",
                            detail::path_for_messages(folder), count, form.shape.to_string(), limits.max_bytes));
    }
    DatasetSplits splits;
    splits.source = folder;
    splits.made_alike =
        detail::formatted("{}x{}, {}", form.shape[0], form.shape[1], form.shape[2] == 1 ? "grey" : "colour");
    splits.class_names = std::move(listing.class_names);
    const auto load = [&](const std::vector<ListedImage>& images) {
      return load_part(images, form, options.on_broken, limits, folder, splits.skipped);
    };
    splits.train = load(listing.train);
    splits.validation = load(listing.validation);
    splits.test = load(listing.test);
    detail::finish_splits(splits);
    return splits;
  });
}

}  // namespace hubel
