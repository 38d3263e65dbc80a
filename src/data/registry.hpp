// The data sets that are known by name: their files, where these are published and with which checksums.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace hubel::detail {

struct PublishedFile {
  std::string name;
  std::string md5;
  std::string instead;  // a path within the folder that serves as well: the file unpacked
};

struct NamedData {
  std::string name;
  std::vector<PublishedFile> files;
  std::vector<std::string> mirrors;      // <mirror>/<file>, tried in order
  std::vector<std::string> class_names;  // empty: numbers, or what the files say
  std::string system_folder;             // where a distribution's package puts it; may be empty
  std::string advice;                    // what else may be done to have it; may be empty
};

std::span<const NamedData> named_data();

// Null for a name that is none.
const NamedData* find_named_data(const std::string& name);

}  // namespace hubel::detail
