// The subcommands: each adds itself, with its options and help, to the command line, and sets `exit_code` when it runs.
#pragma once

#include <CLI/CLI.hpp>

namespace hubel::cli {

// What the shell sees. 0 is success.
inline constexpr int kFailed = 1;      // a file, data set or model that does not serve; the sentence is on stderr
inline constexpr int kWrongUsage = 2;  // an option that is not, or a value it cannot have

void add_train(CLI::App& app, int& exit_code);
void add_evaluate(CLI::App& app, int& exit_code);
void add_predict(CLI::App& app, int& exit_code);
void add_summary(CLI::App& app, int& exit_code);
void add_plot(CLI::App& app, int& exit_code);
void add_zoo(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);

}  // namespace hubel::cli
