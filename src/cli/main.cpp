// The command `hubel`.

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "hubel/version.hpp"
#include "text/formatted.hpp"

namespace {

constexpr const char* kExamples = R"(Examples:
  hubel train                                LeNet-5 learns MNIST, five epochs, saved as lenet5.safetensors
  hubel train --data fashion-mnist --epochs 10 --out clothes.safetensors
  hubel evaluate lenet5.safetensors          accuracy and confusion matrix on the test images
  hubel predict seven.png photo.jpg          which digit is it?
  hubel summary                              the layers of LeNet-5
  hubel summary resnet18 --classes 10        of a network that `hubel zoo` lists
  hubel plot googlenet --out googlenet.svg   the same as a drawing
  hubel bench                                how fast each of them is here

`hubel COMMAND --help` says more of each command.)";

using hubel::cli::kFailed;
using hubel::cli::kWrongUsage;
using hubel::cli::printable;

int run(int argc, char** argv) {
  CLI::App app{"Hubel: convolutional neural networks on the CPU", "hubel"};
  app.set_version_flag("--version", "hubel " HUBEL_VERSION, "Print the version and exit");
  app.require_subcommand(1);
  app.footer(kExamples);
  int exit_code = 0;
  hubel::cli::add_train(app, exit_code);
  hubel::cli::add_evaluate(app, exit_code);
  hubel::cli::add_predict(app, exit_code);
  hubel::cli::add_summary(app, exit_code);
  hubel::cli::add_plot(app, exit_code);
  hubel::cli::add_zoo(app, exit_code);
  hubel::cli::add_bench(app, exit_code);
  if (argc == 1) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  }
  const std::vector<CLI::App*> named =
      app.get_subcommands([&](const CLI::App* command) { return command->check_name(argv[1]); });
  const CLI::App* command = named.empty() ? nullptr : named[0];
  if (argv[1][0] != '-' && !command) {
    hubel::detail::print(stderr, "hubel: there is no command {} (try `hubel --help`)\n", printable(argv[1]));
    return kWrongUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    hubel::detail::print(stderr, "hubel: {} (try `hubel {}--help`)\n", printable(error.what()),
                         command ? std::string(argv[1]) + ' ' : std::string());
    return kWrongUsage;
  }
  return exit_code;
}

// What was printed must have arrived: on a full disk it is only here that this comes out.
int checked(int exit_code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  hubel::detail::print(stderr, "hubel: standard output could not be written\n");
  return exit_code == 0 ? kFailed : exit_code;
}

}  // namespace

// What may escape is only want of memory for the message of an error.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  std::signal(SIGXFSZ, SIG_IGN);   // a file larger than allowed is an error of that write, which is told
  try {
    return checked(run(argc, argv));
  } catch (const std::bad_alloc&) {
    std::fputs("hubel: out of memory\n", stderr);
  } catch (const std::exception& error) {
    hubel::detail::print(stderr, "hubel: {}\n", hubel::cli::printable(error.what()));
  }
  return hubel::cli::kFailed;
}
