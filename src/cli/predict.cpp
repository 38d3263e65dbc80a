// `hubel predict`: what a saved model sees in image files.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/commands.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "hubel/hubel.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

struct Options {
  std::vector<std::string> images;
  std::string model = kDefaultModel;
  std::int64_t top = 3;
  bool whole = false;
  bool show = false;
  bool json = false;
};

// A model of digits gets its images as MNIST's were made: cut out, scaled and centred.
bool knows_digits(const Model& model) {
  for (std::size_t i = 0; i < 10; ++i) {
    if (model.class_names.size() != 10 || model.class_names[i] != std::to_string(i)) return false;
  }
  return model.network.input_shape().rank() == 3 && model.network.input_shape().back() == 1;
}

// The classes from the most to the least probable.
std::vector<std::int64_t> ranking(const Tensor<float>& p) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(p.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return p[a] > p[b]; });
  return order;
}

// NaN has no place in a ranking, and what comes of an infinite number is NaN.
void check_finite(const Tensor<float>& output, const std::string& path, const std::string& model) {
  const auto wrong = std::find_if(output.begin(), output.end(), [](float p) { return !std::isfinite(p); });
  if (wrong == output.end()) return;
  throw FormatError(detail::formatted("{}: the output of {} for it is not finite: it has {}, so it says nothing", path,
                                      model, *wrong));
}

void print_text(const Options& o, const Model& model, const std::string& path, const Tensor<float>& x,
                const Tensor<float>& p) {
  if (o.show) {
    Tensor<float> picture({x.shape()[1], x.shape()[2]});
    for (std::int64_t i = 0; i < picture.size(); ++i) picture[i] = x[i * x.shape()[3]];
    detail::print("{}", text_image(picture, speaks_unicode()));
  }
  const std::vector<std::int64_t> order = ranking(p);
  std::string line = detail::formatted("{}: {}", printable(path), class_name(model.class_names, order[0]));
  for (std::int64_t i = 0; i < std::min<std::int64_t>(o.top, p.size()); ++i) {
    const std::int64_t c = order[static_cast<std::size_t>(i)];
    line += detail::formatted("{}{} {:.1f} %", i == 0 ? "  (" : ", ", class_name(model.class_names, c), 100 * p[c]);
  }
  detail::print("{})\n", line);
}

void print_json(const Model& model, const std::string& path, const Tensor<float>& p) {
  nlohmann::ordered_json line;
  line["image"] = path;
  line["class"] = class_name(model.class_names, ranking(p)[0], Shown::as_it_is);
  for (std::int64_t c = 0; c < p.size(); ++c)
    line["probabilities"][class_name(model.class_names, c, Shown::as_it_is)] = p[c];
  detail::print("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// The image as the model takes it. What it says of the image alone is said with its name.
Tensor<float> prepared(const std::string& path, const Shape& input, bool fit_digit) {
  const Image image = read_image(path);
  try {
    return prepare_image(image, input, fit_digit);
  } catch (const FormatError& error) {
    throw FormatError(detail::formatted("{}: {}", path, error.what()));
  }
}

int run(const Options& o) {
  const Model model = load_model(o.model);
  const Shape& input = model.network.input_shape();
  if (input.rank() != 3) {
    throw std::runtime_error(
        detail::formatted("{} takes inputs of shape {}, which are not images", o.model, input.to_string()));
  }
  int failed = 0;
  for (const std::string& path : o.images) {
    try {
      const Tensor<float> x = prepared(path, input, knows_digits(model) && !o.whole);
      Tensor<float> p = predict(model.network, x);
      check_finite(p, path, o.model);
      if (!model.network.ends_in_softmax()) activation_forward(p, Activation::softmax, p);
      o.json ? print_json(model, path, p) : print_text(o, model, path, x, p);
    } catch (const IoError& error) {
      detail::print(stderr, "hubel: {}\n", printable(error.what()));
      failed = kFailed;
    } catch (const FormatError& error) {
      detail::print(stderr, "hubel: {}\n", printable(error.what()));
      failed = kFailed;
    }
  }
  return failed;
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("predict", "Say what is in PNG or JPEG images, with probabilities");
  c->add_option("images", o->images, "The image files: a digit of any size, light on dark or dark on light")
      ->type_name("IMAGE")
      ->required();
  c->add_option("--model", o->model, "The model file")->type_name("MODEL")->capture_default_str();
  c->add_option("--top", o->top, "How many classes to print the probabilities of")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str();
  c->add_flag(
      "--whole", o->whole,
      "Scale the whole image to the model's size. Without it, a model of digits gets its images as MNIST's were "
      "made: bright on dark, cut out, scaled and centred");
  c->add_flag("--show", o->show, "Also draw, as text, what the model is given to see");
  c->add_flag("--json", o->json, "Print one JSON object a line, with the probabilities of all classes");
  add_threads_option(*c);
  c->footer(
      "An image that cannot be read, or whose output is not finite, is told on standard error; the others are still "
      "done, and the exit code is 1.");
  c->callback([o, &exit_code] { exit_code = run(*o); });
}

}  // namespace hubel::cli
