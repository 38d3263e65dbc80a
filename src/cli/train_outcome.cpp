// See train_outcome.hpp.
#include "cli/train_outcome.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <stdexcept>

#include "cli/interrupt.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

std::string counted_epochs(std::int64_t n) { return detail::formatted("{} epoch{}", n, n == 1 ? "" : "s"); }

std::map<std::string, std::string> notes(const Trained& trained, std::int64_t epochs, const Evaluation& test) {
  std::map<std::string, std::string> n;
  n["data"] = trained.data.source;
  n["training"] = detail::formatted("{}, {}", counted_epochs(epochs), trained.how);
  if (test.count > 0) n["test_accuracy"] = detail::formatted("{:.4f}", test.accuracy);
  return n;
}

void save(const Trained& trained, std::int64_t epochs, const Evaluation& test) {
  save_model(Model{trained.network, trained.data.class_names, notes(trained, epochs, test)}, trained.arguments.out);
}

// Weights that have not seen all images once replace no file.
bool keeps_old_file(const Trained& trained, std::int64_t epochs) {
  return epochs == 0 && std::filesystem::exists(trained.arguments.out);
}

void print_kept(const char* what, const TrainArguments& o) {
  detail::print("{} in the first epoch. {} stays as it was.\n", what, printable(o.out));
}

void print_ending(const TrainArguments& o, const TrainResult& result) {
  if (result.stopped) {
    detail::print("Stopped. Keeping the weights {}.\n",
                  result.best_epoch > 0 ? detail::formatted("of epoch {}, the best so far", result.best_epoch)
                                        : std::string("as they are"));
    if (!o.checkpoint_path().empty()) detail::print("To go on: --resume {}\n", printable(o.checkpoint_path()));
  } else if (result.epochs.empty()) {
    detail::print("The training was already complete in {}: {}.\n", printable(o.resume),
                  counted_epochs(result.epochs_done));
  }
  if (result.stopped_early) detail::print("Stopped early: the loss in validation gets no better.\n");
}

Evaluation print_test(const Trained& trained, std::int64_t best_epoch) {
  std::vector<std::int64_t> confusion;
  const Evaluation test = evaluate(trained.network, trained.data.test, 256, &confusion);
  if (!std::isfinite(test.loss)) {
    detail::print("\nTest accuracy {}\n", accuracy_text(test));
    return {};
  }
  detail::print(
      "\n{}\nTest accuracy {} ({} of {} right), loss {:.4f}{}\n",
      confusion_table(confusion, printable_names(trained.data.class_names)), percent(test.accuracy),
      with_commas(std::llround(test.accuracy * static_cast<double>(test.count))), with_commas(test.count), test.loss,
      best_epoch > 0 ? detail::formatted(" (weights of epoch {}, the best in validation)", best_epoch) : std::string());
  return test;
}

bool is_finite(const Network<float>& network) {
  return std::ranges::all_of(network.parameters(), [](const Parameter<float>& p) {
    return std::all_of(p.value.begin(), p.value.end(), [](float w) { return std::isfinite(w); });
  });
}

}  // namespace

std::string percent(double share) { return detail::formatted("{:.2f} %", 100 * share); }

std::string accuracy_text(const Evaluation& evaluation) {
  return std::isfinite(evaluation.loss) ? percent(evaluation.accuracy) : "none (the output is not finite)";
}

int finish(const Trained& trained, const TrainResult& result) {
  const TrainArguments& o = trained.arguments;
  if (result.stopped && keeps_old_file(trained, result.epochs_done)) {
    print_kept("Stopped", o);
    return interrupted_code();
  }
  print_ending(o, result);
  const Evaluation test = trained.data.test.count() > 0 ? print_test(trained, result.best_epoch) : Evaluation{};
  save(trained, result.epochs_done, test);
  detail::print("Saved {}\n", printable(o.out));
  return result.stopped ? interrupted_code() : 0;
}

void save_after(const std::exception& error, const Trained& trained, const SoFar& so_far) {
  // fit has left the best weights, or, of a training that diverges, perhaps some that are of no use.
  if (so_far.steps == 0 || !is_finite(trained.network)) return;
  if (keeps_old_file(trained, so_far.epochs)) {
    print_kept("Ended", trained.arguments);
    return;
  }
  try {
    save(trained, so_far.epochs, {});
  } catch (const std::exception& second) {
    throw std::runtime_error(
        detail::formatted("{}; and what was learnt so far is lost: {}", error.what(), second.what()));
  }
  detail::print("Saved {}, with the {} weights so far\n", printable(trained.arguments.out),
                so_far.epochs > 0 && trained.data.validation.count() > 0 ? "best" : "last");
}

}  // namespace hubel::cli
