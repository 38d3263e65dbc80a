// What is in a folder of images: the rules of image_folder.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hubel::detail {

struct ListedImage {
  std::string path;
  std::int32_t label = 0;
};

struct FolderListing {
  std::vector<ListedImage> train, validation, test;
  std::vector<std::string> class_names;
};

// Throws IoError, FormatError as load_image_folder does.
FolderListing list_image_folder(const std::string& folder);

// A path for a message of one line: control characters in it become '?'.
std::string path_for_messages(std::string path);

}  // namespace hubel::detail
