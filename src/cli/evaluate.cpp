// `hubel evaluate`: how good a saved model is on a data set.

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "hubel/hubel.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

struct Options {
  std::string model = kDefaultModel;
  std::string data = "mnist";
  std::string split = "test";
  std::int64_t batch = 256;
  std::int64_t show = 0;
  bool brief = false;
};

// One image as text art, with what the model says of it.
void show_image(const Model& model, const Dataset& images, std::int32_t index) {
  const Shape shape = images.sample_shape();
  Tensor<float> x(shape.rank() == 3 ? Shape{1, shape[0], shape[1], shape[2]} : Shape{1, shape.elements()});
  std::int32_t label = 0;
  images.gather(&index, 1, x.data(), &label);
  const Tensor<float> output = predict(model.network, x);
  const auto best = std::max_element(output.begin(), output.end()) - output.begin();
  Tensor<float> grey({shape[0], shape[1]});
  for (std::int64_t i = 0; i < grey.size(); ++i) {
    for (std::int64_t k = 0; k < shape[2]; ++k) grey[i] += x[i * shape[2] + k] / static_cast<float>(shape[2]);
  }
  detail::print(
      "{}image {}: {} {}", text_image(grey, speaks_unicode()), index, class_name(model.class_names, best),
      label == best ? "(right)" : detail::formatted("(wrong: it is {})", class_name(model.class_names, label)));
  if (model.network.ends_in_softmax()) detail::print(", with probability {:.1f} %", 100 * output[best]);
  detail::print("\n\n");
}

int run(const Options& o) {
  const Model model = load_model(o.model);
  const DatasetSplits data = load_shown(o.data);
  const Dataset& images = choose_split(data, o.split);
  check_fits(model, o.model, images, data.source);
  catch_interrupts();
  std::vector<std::int64_t> confusion;
  const Evaluation e = evaluate_shown(model.network, images, o.batch, "Evaluating", &confusion);
  if (interrupted()) {
    detail::print("Stopped after {} of {} images.\n", with_commas(e.count), with_commas(images.count()));
  }
  if (!std::isfinite(e.loss)) {
    throw std::runtime_error(
        detail::formatted("the output of {} is not finite for all images of {} (the loss is {}), so it has no accuracy",
                          o.model, data.source, e.loss));
  }
  // A model file may name fewer classes than the network tells apart.
  const std::size_t classes = model.class_names.size();
  const bool all_named = classes * classes == confusion.size();
  if (!o.brief)
    detail::print("{}\n", confusion_table(confusion,
                                          all_named ? printable_names(model.class_names) : std::vector<std::string>()));
  for (std::int32_t i = 0; i < std::min(o.show, images.count()); ++i) show_image(model, images, i);
  detail::print("{} accuracy {:.2f} % ({} of {} right), loss {:.4f}\n", o.split == "test" ? "Test" : o.split,
                100 * e.accuracy, with_commas(std::llround(e.accuracy * static_cast<double>(e.count))),
                with_commas(e.count), e.loss);
  return interrupted() ? interrupted_code() : 0;
}

}  // namespace

void add_evaluate(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("evaluate", "Accuracy and confusion matrix of a saved model on a data set");
  c->add_option("model", o->model, "The model file")->type_name("MODEL")->capture_default_str();
  c->add_option("--data", o->data, kDataHelp)->capture_default_str();
  c->add_option("--split", o->split, "Which of its images")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  c->add_option("--batch", o->batch, "Images computed at a time; the result does not depend on it")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str();
  c->add_option("--show", o->show, "Also draw the first N images as text, each with the model's answer")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1000}))
      ->type_name("N")
      ->capture_default_str();
  c->add_flag("--brief", o->brief, "Leave the confusion matrix out");
  add_threads_option(*c);
  c->callback([o, &exit_code] { exit_code = run(*o); });
}

}  // namespace hubel::cli
