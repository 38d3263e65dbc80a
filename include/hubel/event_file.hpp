// Event files, which TensorBoard shows as curves.
//
// A file is a row of records in TensorFlow's TFRecord framing (8 bytes of length, its masked CRC-32C, the record, its
// masked CRC-32C), each an Event message of TensorFlow's event.proto in protocol-buffer encoding.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hubel {

// A named number, such as {"loss/train", 0.25}; the part before the slash is the chart's group.
struct Scalar {
  std::string_view tag;
  double value;
};

class EventFile {
 public:
  // Makes the folder, and in it a new file whose name ends in `suffix`: TensorBoard takes the files of a folder for one
  // run. Throws IoError.
  explicit EventFile(const std::string& folder, std::string_view suffix = "hubel");

  // Writes the numbers at a step, so that they can be seen at once. Throws IoError.
  void write(std::int64_t step, std::span<const Scalar> scalars);

  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void write_record(std::string_view record);

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace hubel
