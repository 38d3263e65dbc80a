// See transfer.hpp.
#include "cli/transfer.hpp"

#include <algorithm>
#include <stdexcept>

#include "cli/terminal.hpp"
#include "hubel/model_file.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

// Of many names, the first few.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 6;
  const std::vector<std::string> first(names.begin(), names.begin() + std::min(names.size(), kMost));
  std::string text = printable(detail::joined(first, ", "));
  if (names.size() > kMost) text += detail::formatted(" and {} more", names.size() - kMost);
  return text;
}

}  // namespace

void begin_with_weights(Network<float>& network, const std::string& path) {
  const Model model = load_model(path);
  const std::vector<std::string> fresh = network.copy_weights(model.network);
  const std::size_t all = network.parameters().size(), taken = all - fresh.size();
  if (taken == 0) {
    throw std::runtime_error(
        detail::formatted("--weights {}: none of its weights has the name and shape of one of the network's", path));
  }
  detail::print("Weights: {} of {} from {}{}{}\n", taken, all, printable(path),
                fresh.empty() ? "" : "; fresh: ", some_of(fresh));
}

void freeze_layers(Network<float>& network, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return;
  for (const std::string& pattern : patterns) {
    try {
      network.freeze(pattern);
    } catch (const std::invalid_argument&) {
      throw std::runtime_error(detail::formatted(
          "--freeze {}: no layer has that name; `hubel summary MODEL` prints the names", printable(pattern)));
    }
  }
  std::int64_t learning = 0;
  for (const LayerInfo& layer : network.info()) learning += layer.trainable;
  if (learning == 0) throw std::runtime_error("--freeze leaves no layer that could learn");
  detail::print("Frozen: {} of {} parameters learn\n", with_commas(learning), with_commas(network.parameter_count()));
}

}  // namespace hubel::cli
