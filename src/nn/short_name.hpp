// Long names, cut for where there is little room.
#pragma once

#include <cstddef>
#include <string>

namespace hubel::detail {

// Of a longer name its beginning and its end, which tell names apart; `most` is 8 at least.
inline std::string short_name(const std::string& name, std::size_t most = 40) {
  if (name.size() <= most) return name;
  const std::size_t end = (most - 2) * 2 / 5;
  return name.substr(0, most - 2 - end) + ".." + name.substr(name.size() - end);
}

}  // namespace hubel::detail
