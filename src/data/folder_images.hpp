// Images of a folder decoded to bytes of one shape, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "data/folder_listing.hpp"
#include "hubel/image_folder.hpp"

namespace hubel::detail {

// The first failure, by number, of items that run at once: so that an error is the same on any number of threads.
class FirstFailure {
 public:
  // Whether item i may still matter.
  bool wants(std::int64_t i) const;
  // Takes the exception that is being handled.
  void note(std::int64_t i);
  void rethrow() const;

 private:
  mutable std::mutex mutex_;
  std::int64_t item_ = std::numeric_limits<std::int64_t>::max();
  std::exception_ptr error_;
};

// What all images of a folder are made into.
struct ImageForm {
  Shape shape{0, 0, 0};  // (h, w, c)
  std::int64_t max_pixels = 0;
  std::size_t max_file_bytes = 0;

  std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()); }
  // Writes the image, bytes() bytes. Throws IoError, FormatError, which name the path.
  void decode(const std::string& path, std::uint8_t* out) const;
};

// The options' zeros filled in from the images. Throws std::invalid_argument that begins with `who`.
ImageForm image_form(const char* who, const FolderListing& listing, const ImageFolderOptions& options,
                     const ReadLimits& limits);

// Calls visit(i) for the images [0, n) on all threads, some at a time, and limits.keep_going between; false from it
// ends with IoError that names `folder`. What visit throws (IoError, FormatError) goes on to the caller, or with `skip`
// into the answer: the numbers of the broken images, in order, whose messages are appended to `messages`.
std::vector<std::size_t> visit_images(std::size_t n, OnBroken on_broken, const ReadLimits& limits,
                                      const std::string& folder, const std::function<void(std::size_t)>& visit,
                                      std::vector<std::string>& messages);

}  // namespace hubel::detail
