// `hubel summary`: the layers of a saved model, or of LeNet-5.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "hubel/hubel.hpp"

namespace hubel::cli {

void add_summary(CLI::App& app, int& exit_code) {
  auto path = std::make_shared<std::string>();
  CLI::App* c = app.add_subcommand("summary", "Print the layers of a saved model, or of LeNet-5");
  c->add_option("model", *path, "The model file; without one, LeNet-5 for MNIST is shown")->type_name("MODEL");
  c->callback([path, &exit_code] {
    const Model model = path->empty() ? Model{lenet5(), {}, {}} : load_model(*path);
    fmt::print("{}", model.network.summary());
    if (!model.class_names.empty()) {
      fmt::print("Classes: {}", class_name(model.class_names, 0));
      for (std::int64_t i = 1; i < std::ssize(model.class_names); ++i)
        fmt::print(", {}", class_name(model.class_names, i));
      fmt::print("\n");
    }
    for (const auto& [key, text] : model.notes) fmt::print("{}: {}\n", printable(key), printable(text));
    exit_code = 0;
  });
}

}  // namespace hubel::cli
