// `hubel summary`: the layers of a network.

#include "cli/commands.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "hubel/hubel.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

void add_summary(CLI::App& app, int& exit_code) {
  auto name = std::make_shared<std::string>("lenet5");
  auto options = std::make_shared<ZooOptions>();
  CLI::App* c = app.add_subcommand("summary", "Print the layers of a network: a saved model, or a known one by name");
  c->add_option("network", *name, kNetworkHelp)->type_name("NETWORK")->capture_default_str();
  add_zoo_options(*c, options);
  c->callback([name, options, &exit_code] {
    const NamedGraph named = named_graph(*name, *options);
    detail::print("{}", summary(named.graph));
    if (!named.class_names.empty()) {
      detail::print("Classes: {}", class_name(named.class_names, 0));
      for (std::int64_t i = 1; i < std::ssize(named.class_names); ++i)
        detail::print(", {}", class_name(named.class_names, i));
      detail::print("\n");
    }
    for (const auto& [key, text] : named.notes) detail::print("{}: {}\n", printable(key), printable(text));
    exit_code = 0;
  });
}

}  // namespace hubel::cli
