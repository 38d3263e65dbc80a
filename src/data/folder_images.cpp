// See folder_images.hpp.
#include "data/folder_images.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "data/bytes.hpp"
#include "data/file.hpp"
#include "hubel/errors.hpp"
#include "hubel/image.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

// An image is worth sharing however small it is: to open its file alone takes some microseconds.
constexpr double kFlopsAnImage = 1e6;

Image read_listed(const std::string& path, std::int64_t max_pixels, std::size_t max_bytes) {
  const std::string name = path_for_messages(path);
  return with_memory_for(name, [&] { return decode_image(read_file(path, max_bytes), name, max_pixels); });
}

void check_options(const char* who, const ImageFolderOptions& o) {
  if (o.height < 0 || o.width < 0 || (o.height == 0) != (o.width == 0)) {
    throw std::invalid_argument(
        detail::formatted("{}: height = {}, width = {}, they must be at least 1, or both 0 for the first image's", who,
                          o.height, o.width));
  }
  if (o.channels != 0 && o.channels != 1 && o.channels != 3) {
    throw std::invalid_argument(
        detail::formatted("{}: channels = {}, it must be 1 (grey), 3 (RGB) or 0 (as the images are)", who, o.channels));
  }
  if (o.max_pixels < 1) {
    throw std::invalid_argument(detail::formatted("{}: max_pixels = {}, it must be at least 1", who, o.max_pixels));
  }
}

// The first image of each class, or of the given one alone; broken ones are passed over when they may be.
std::vector<Image> first_images(const std::vector<ListedImage>& images, const ImageForm& form, OnBroken on_broken,
                                bool of_every_class) {
  std::vector<Image> found;
  std::optional<std::int32_t> seen;
  for (const ListedImage& listed : images) {
    if (seen == listed.label) continue;
    try {
      found.push_back(read_listed(listed.path, form.max_pixels, form.max_file_bytes));
      if (!of_every_class) break;
      seen = listed.label;
    } catch (const std::runtime_error&) {
      if (on_broken == OnBroken::refuse) throw;
    }
  }
  return found;
}

}  // namespace

bool FirstFailure::wants(std::int64_t i) const {
  const std::scoped_lock lock(mutex_);
  return i < item_;
}

void FirstFailure::note(std::int64_t i) {
  const std::scoped_lock lock(mutex_);
  if (i >= item_) return;
  item_ = i;
  error_ = std::current_exception();
}

void FirstFailure::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

void ImageForm::decode(const std::string& path, std::uint8_t* out) const {
  const Image image = read_listed(path, max_pixels, max_file_bytes);
  if (image.height == shape[0] && image.width == shape[1] && image.channels == shape[2]) {
    std::copy(image.pixels.begin(), image.pixels.end(), out);
    return;
  }
  const Tensor<float> resized = with_memory_for(path, [&] { return prepare_image(image, shape, false); });
  std::transform(resized.begin(), resized.end(), out, [](float value) {
    return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0F, 1.0F)));
  });
}

ImageForm image_form(const char* who, const FolderListing& listing, const ImageFolderOptions& options,
                     const ReadLimits& limits) {
  check_options(who, options);
  ImageForm form{{0, 0, 0}, options.max_pixels, limits.max_bytes};
  std::int64_t height = options.height, width = options.width, channels = options.channels;
  if (height == 0 || channels == 0) {
    const auto& images = listing.train.empty() ? listing.test : listing.train;
    const std::vector<Image> first = first_images(images, form, options.on_broken, channels == 0);
    if (first.empty())
      throw FormatError(detail::formatted("{}: cannot be read, nor can any other image", images[0].path));
    if (height == 0) height = first[0].height, width = first[0].width;
    const auto is_grey = [](const Image& image) { return image.channels == 1; };
    if (channels == 0) channels = std::all_of(first.begin(), first.end(), is_grey) ? 1 : 3;
  }
  form.shape = Shape{height, width, channels};
  return form;
}

std::vector<std::size_t> visit_images(std::size_t n, OnBroken on_broken, const ReadLimits& limits,
                                      const std::string& folder, const std::function<void(std::size_t)>& visit,
                                      std::vector<std::string>& messages) {
  constexpr std::size_t kChunk = 64;  // between two looks at keep_going: a second of large photographs
  std::vector<std::size_t> broken;
  for (std::size_t begin = 0; begin < n; begin += kChunk) {
    if (limits.keep_going && !limits.keep_going()) throw IoError(folder + ": the reading was stopped");
    const auto count = static_cast<std::int64_t>(std::min(kChunk, n - begin));
    FirstFailure failure;
    std::vector<std::string> reasons(kChunk);
    parallel_for(count, kFlopsAnImage * static_cast<double>(count), [&](std::int64_t i) {
      if (!failure.wants(i)) return;
      try {
        visit(begin + static_cast<std::size_t>(i));
      } catch (const std::runtime_error& error) {
        if (on_broken == OnBroken::skip) reasons[static_cast<std::size_t>(i)] = error.what();
        if (on_broken == OnBroken::refuse) failure.note(i);
      } catch (...) {
        failure.note(i);
      }
    });
    failure.rethrow();
    for (std::size_t i = 0; i < kChunk; ++i) {
      if (reasons[i].empty()) continue;
      broken.push_back(begin + i);
      messages.push_back(std::move(reasons[i]));
    }
  }
  return broken;
}

}  // namespace hubel::detail
