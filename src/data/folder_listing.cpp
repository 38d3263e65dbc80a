// The walk through a folder of images. Nothing is opened, and no link is followed to another place.
#include "data/folder_listing.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>

#include "data/splits.hpp"
#include "data/utf8.hpp"
#include "hubel/errors.hpp"
#include "hubel/image_folder.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace detail {
namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// What is in a folder and not hidden, sorted by the bytes of its name.
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().native().starts_with('.')) entries.push_back(*it);
  }
  if (error) throw IoError(detail::formatted("{}: cannot be read: {}", path_for_messages(folder), error.message()));
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_real_folder(const fs::directory_entry& entry) {
  std::error_code error;
  return entry.symlink_status(error).type() == fs::file_type::directory;
}

// A regular file, or a link to one inside `root`, which is canonical.
bool is_file_inside(const fs::directory_entry& entry, const fs::path& root) {
  std::error_code error;
  if (!entry.is_regular_file(error)) return false;
  if (!entry.is_symlink(error)) return true;
  const fs::path target = fs::canonical(entry.path(), error);
  return !error && std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first == root.end();
}

// Calls visit(path) for the images in the folder and in those below it; false ends the walk and is returned.
template <class Visit>
bool walk(const fs::path& folder, const fs::path& root, const Visit& visit) {
  for (const fs::directory_entry& entry : entries_of(folder)) {
    if (is_real_folder(entry)) {
      if (!walk(entry.path(), root, visit)) return false;
    } else if (is_image_name(entry.path()) && is_file_inside(entry, root)) {
      if (!visit(entry.path())) return false;
    }
  }
  return true;
}

std::vector<fs::path> subfolders(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : entries_of(folder)) {
    if (is_real_folder(entry)) found.push_back(entry.path());
  }
  return found;
}

// The one of these subfolders that is there and has subfolders itself: a class may well be called "train".
std::optional<fs::path> part_folder(const fs::path& folder, std::initializer_list<const char*> names) {
  std::optional<fs::path> found;
  for (const char* name : names) {
    const fs::directory_entry entry(folder / name);
    if (!is_real_folder(entry) || subfolders(entry.path()).empty()) continue;
    if (found) {
      throw FormatError(
          detail::formatted("{}: has both {} and {}", path_for_messages(folder), found->filename().string(), name));
    }
    found = entry.path();
  }
  return found;
}

struct PartFolders {
  std::optional<fs::path> train, validation, test;
  explicit operator bool() const { return train || validation || test; }
};

PartFolders part_folders(const fs::path& folder) {
  return {part_folder(folder, {"train"}), part_folder(folder, {"val", "valid", "validation"}),
          part_folder(folder, {"test"})};
}

// A class for each subfolder of `folder`, which must each have an image.
std::vector<std::string> read_classes(const fs::path& folder, const fs::path& root) {
  std::vector<std::string> classes;
  for (const fs::path& subfolder : subfolders(folder)) {
    if (walk(subfolder, root, [](const fs::path&) { return false; })) {
      throw FormatError(
          detail::formatted("{}: is a class without images (files inside {} that end in .png, .jpg or .jpeg)",
                            path_for_messages(subfolder), path_for_messages(root)));
    }
    classes.push_back(subfolder.filename().string());
  }
  if (classes.size() > static_cast<std::size_t>(kMaxClasses)) {
    throw FormatError(detail::formatted("{}: has {} subfolders, but at most {} classes are read",
                                        path_for_messages(folder), classes.size(), kMaxClasses));
  }
  return classes;
}

std::vector<ListedImage> list_part(const fs::path& folder, const fs::path& root,
                                   const std::vector<std::string>& classes) {
  std::vector<ListedImage> images;
  for (const fs::path& subfolder : subfolders(folder)) {
    const auto place = std::lower_bound(classes.begin(), classes.end(), subfolder.filename().string());
    if (place == classes.end() || *place != subfolder.filename()) {
      throw FormatError(
          detail::formatted("{}: is a class that the training images do not have", path_for_messages(subfolder)));
    }
    const auto label = static_cast<std::int32_t>(place - classes.begin());
    walk(subfolder, root, [&](const fs::path& path) {
      images.push_back({path.string(), label});
      return true;
    });
  }
  return images;
}

}  // namespace

std::string path_for_messages(std::string path) {
  for (char& c : path) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return path;
}

FolderListing list_image_folder(const std::string& folder) {
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  if (error) throw IoError(detail::formatted("{}: cannot be read: {}", path_for_messages(folder), error.message()));
  PartFolders parts = part_folders(folder);
  if (!parts) parts.train = folder;
  const fs::path first = parts.train ? *parts.train : parts.test ? *parts.test : *parts.validation;
  const std::vector<std::string> classes = read_classes(first, root);
  FolderListing listing;
  if (parts.train) listing.train = list_part(*parts.train, root, classes);
  if (parts.validation) listing.validation = list_part(*parts.validation, root, classes);
  if (parts.test) listing.test = list_part(*parts.test, root, classes);
  if (listing.train.empty() && listing.test.empty()) {
    throw FormatError(detail::formatted("{}: has no images in subfolders, one a class", path_for_messages(folder)));
  }
  std::transform(classes.begin(), classes.end(), std::back_inserter(listing.class_names),
                 [](const std::string& name) { return as_utf8(name); });
  return listing;
}

}  // namespace detail

bool is_image_folder(const std::string& folder) {
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(folder, error);
  if (error || !std::filesystem::is_directory(root, error)) return false;
  for (const std::filesystem::path& subfolder : detail::subfolders(folder)) {
    if (!detail::walk(subfolder, root, [](const std::filesystem::path&) { return false; })) return true;
  }
  return false;
}

}  // namespace hubel
