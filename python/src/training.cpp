// See training.hpp.
#include "training.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "bindings.hpp"
#include "files.hpp"
#include "hubel/event_file.hpp"
#include "hubel/image_folder.hpp"
#include "hubel/weighted.hpp"
#include "samples.hpp"
#include "text/formatted.hpp"

namespace hubel::python {

namespace {

constexpr const char* kFit = "fit";

// Reads a description's values by name.
class Values {
 public:
  Values(const char* who, const nb::dict& values) : who_(who), values_(values) {}

  void read(const char* key, double& field) const {
    if (values_.contains(key)) field = real({who_, key, "a number"}, values_[key]);
  }
  void read(const char* key, bool& field) const {
    if (values_.contains(key)) field = boolean({who_, key, "True or False"}, values_[key]);
  }
  void read(const char* key, std::int64_t& field) const {
    if (values_.contains(key)) field = integer({who_, key, "an integer"}, values_[key]);
  }
  void read(const char* key, std::optional<std::int32_t>& field) const {
    if (!values_.contains(key)) return;
    const std::int64_t value = integer({who_, key, "an integer"}, values_[key]);
    if (value != static_cast<std::int32_t>(value)) {
      throw nb::value_error(detail::formatted("{}: {} is {}, it must be within 32 bits", who_, key, value).c_str());
    }
    field = static_cast<std::int32_t>(value);
  }
  void read(const char* key, std::vector<double>& field) const {
    if (!values_.contains(key)) return;
    for (nb::handle value : nb::borrow<nb::sequence>(values_[key]))
      field.push_back(real({who_, key, "numbers"}, value));
  }

 private:
  const char* who_;
  const nb::dict& values_;
};

// The shape of a C-contiguous array of that type; what else there is must not come here.
Shape array_shape(nb::handle array, int type) {
  if (!PyArray_Check(array.ptr()) || !PyArray_ISCARRAY_RO(as_array(array)) || PyArray_TYPE(as_array(array)) != type ||
      PyArray_NDIM(as_array(array)) > static_cast<int>(Shape::kMaxRank))
    throw std::logic_error("an array must be C-contiguous and of its type");
  std::vector<std::int64_t> extents;
  for (int i = 0; i < PyArray_NDIM(as_array(array)); ++i) extents.push_back(PyArray_DIM(as_array(array), i));
  return Shape(std::span<const std::int64_t>(extents));
}

bool holds_targets(nb::handle y) { return PyArray_Check(y.ptr()) && PyArray_TYPE(as_array(y)) == NPY_FLOAT; }

// What `count` samples have for an output, one along each first axis: labels of int32, or float32 targets.
class ArrayAnswers {
 public:
  ArrayAnswers(nb::handle array, std::int64_t count) : array_(nb::borrow(array)), has_targets_(holds_targets(array)) {
    const Shape shape = array_shape(array, has_targets_ ? NPY_FLOAT : NPY_INT32);
    if (shape.rank() < (has_targets_ ? 2 : 1) || shape[0] != count)
      throw std::logic_error("answers must be an array with a row for each sample");
    each_ = shape.without_first();
  }

  AnswerKind kind() const { return has_targets_ ? AnswerKind{0, each_} : AnswerKind{each_.elements(), {}}; }
  void gather(const std::int32_t* indices, std::int64_t n, AnswerRoom room) const {
    has_targets_ ? copy(indices, n, room.targets) : copy(indices, n, room.labels);
  }

 private:
  template <class T>
  void copy(const std::int32_t* indices, std::int64_t n, T* out) const {
    const auto* all = static_cast<const T*>(PyArray_DATA(as_array(array_)));
    const std::int64_t size = each_.elements();
    for (std::int64_t i = 0; i < n; ++i) out = std::copy_n(all + indices[i] * size, size, out);
  }

  nb::object array_;
  bool has_targets_;
  Shape each_;
};

// Float32 targets beside the samples.
class ArrayTargets final : public TargetSource {
 public:
  ArrayTargets(nb::handle images, nb::handle targets)
      : images_(images, nb::none()), targets_(targets, images_.count()) {}

  std::int64_t count() const override { return images_.count(); }
  Shape sample_shape() const override { return images_.sample_shape(); }
  Shape target_shape() const override { return targets_.kind().target; }
  void gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const override {
    images_.gather(indices, n, out, nullptr);
    targets_.gather(indices, n, {nullptr, targets});
  }

 private:
  ArraySource images_;
  ArrayAnswers targets_;
};

// An array for each input and for each output.
class JointArrays final : public JointSource {
 public:
  JointArrays(const nb::list& xs, const nb::list& ys) {
    for (nb::handle x : xs) inputs_.emplace_back(x, nb::none());
    for (nb::handle y : ys) answers_.emplace_back(y, count());
    for (const ArraySource& input : inputs_)
      if (input.count() != count()) throw std::logic_error("all inputs must have as many samples");
  }

  std::int64_t count() const override { return inputs_.at(0).count(); }
  std::vector<Shape> input_shapes() const override {
    std::vector<Shape> shapes;
    for (const ArraySource& input : inputs_) shapes.push_back(input.sample_shape());
    return shapes;
  }
  std::vector<AnswerKind> answer_kinds() const override {
    std::vector<AnswerKind> kinds;
    for (const ArrayAnswers& answers : answers_) kinds.push_back(answers.kind());
    return kinds;
  }
  void gather_batch(const std::int32_t* indices, std::int64_t n, std::span<float* const> xs,
                    std::span<const AnswerRoom> answers) const override {
    for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].gather(indices, n, xs[i], nullptr);
    for (std::size_t i = 0; i < answers_.size(); ++i) answers_[i].gather(indices, n, answers[i]);
  }

 private:
  std::vector<ArraySource> inputs_;
  std::vector<ArrayAnswers> answers_;
};

// Weights beside the samples, which it owns. Base is Weighted or WeightedTargets, Source what it takes.
template <class Base, class Source>
class WithWeights final : public Base {
 public:
  WithWeights(std::unique_ptr<const SampleSource> source, nb::handle weights)
      : Base(dynamic_cast<const Source&>(*source), values(weights)),
        source_(std::move(source)),
        weights_(nb::borrow(weights)) {}

 private:
  static std::span<const float> values(nb::handle weights) {
    const Shape shape = array_shape(weights, NPY_FLOAT);
    return {static_cast<const float*>(PyArray_DATA(as_array(weights))), static_cast<std::size_t>(shape.elements())};
  }

  std::unique_ptr<const SampleSource> source_;
  nb::object weights_;
};

std::unique_ptr<SampleSource> unweighted(nb::handle x, nb::handle y) {
  if (nb::isinstance<FolderDataset>(x)) return std::make_unique<FolderDataset>(nb::cast<FolderDataset>(x));
  if (nb::isinstance<nb::list>(x)) return std::make_unique<JointArrays>(nb::borrow<nb::list>(x), nb::cast<nb::list>(y));
  if (holds_targets(y)) return std::make_unique<ArrayTargets>(x, y);
  return std::make_unique<ArraySource>(x, y);
}

PlateauOptions plateau_options(const nb::dict& values) {
  const Values v("ReduceLROnPlateau", values);
  PlateauOptions options;
  v.read("factor", options.factor);
  v.read("patience", options.patience);
  v.read("min_delta", options.min_delta);
  v.read("relative", options.relative);
  v.read("cooldown", options.cooldown);
  v.read("min_lr", options.min_lr);
  if (nb::cast<bool>(values["maximum"])) options.goal = Goal::maximum;
  return options;
}

// Of float32 targets, a sample along each first axis.
void check_targets(const nb::str& who, const nb::str& name, const nb::dict& values, nb::handle targets) {
  const Shape shape = array_shape(targets, NPY_FLOAT);
  const TensorView<const float> view(static_cast<const float*>(PyArray_DATA(as_array(targets))), shape);
  check_target_values(loss_options(name, values), view, utf8(who));
}

// An object of Python that holds a file.
class PythonEventFile {
 public:
  explicit PythonEventFile(const nb::bytes& folder)
      : file_(on_file(path_of(folder), [&] { return EventFile(path_of(folder)); })) {}
  void write(std::int64_t step, const nb::list& scalars) {
    std::vector<std::string> tags;
    std::vector<Scalar> values;
    for (nb::handle scalar : scalars) tags.push_back(utf8(nb::cast<nb::str>(scalar[0])));
    for (std::size_t i = 0; i < tags.size(); ++i)
      values.push_back({tags[i], nb::cast<double>(nb::object(scalars[i][1]))});
    file_.write(step, values);
  }

 private:
  EventFile file_;
};

void construct_stream(PythonStream* self, nb::object next, std::int64_t count, nb::tuple batch) {
  new (self) PythonStream{std::move(next), count, std::move(batch)};
}

// The settings' optimizer, (name, values).
OptimizerOptions optimizer_of(const nb::dict& settings) {
  const nb::tuple of = nb::cast<nb::tuple>(settings["optimizer"]);
  return optimizer_options(nb::cast<nb::str>(of[0]), nb::cast<nb::dict>(nb::object(of[1])));
}

}  // namespace

OptimizerOptions optimizer_options(const nb::str& name, const nb::dict& values) {
  OptimizerOptions options = optimizer_from_name(name.c_str());
  const Values v(name.c_str(), values);
  std::visit(
      [&](auto& o) {
        v.read("learning_rate", o.learning_rate);
        v.read("weight_decay", o.weight_decay);
        if constexpr (requires { o.momentum; }) v.read("momentum", o.momentum);
        if constexpr (requires { o.nesterov; }) v.read("nesterov", o.nesterov);
        if constexpr (requires { o.amsgrad; }) v.read("amsgrad", o.amsgrad);
        if constexpr (requires { o.beta_1; }) v.read("beta_1", o.beta_1);
        if constexpr (requires { o.beta_2; }) v.read("beta_2", o.beta_2);
        if constexpr (requires { o.rho; }) v.read("rho", o.rho);
        if constexpr (requires { o.centered; }) v.read("centered", o.centered);
        if constexpr (requires { o.epsilon; }) v.read("epsilon", o.epsilon);
        if constexpr (requires { o.momentum_decay; }) v.read("momentum_decay", o.momentum_decay);
        if constexpr (requires { o.initial_accumulator; }) v.read("initial_accumulator", o.initial_accumulator);
      },
      options);
  const Optimizer<float> checked(options, {});  // throws when a value is out of its range
  return options;
}

Loss loss_options(const nb::str& name, const nb::dict& values) {
  Loss loss = loss_from_name(name.c_str());
  const Values v(name.c_str(), values);
  bool from_logits = false;  // checked for a cross-entropy too, to which it makes no difference
  v.read("from_logits", from_logits);
  std::visit(
      [&](auto& o) {
        if constexpr (requires { o.label_smoothing; }) v.read("label_smoothing", o.label_smoothing);
        if constexpr (requires { o.class_weights; }) v.read("class_weights", o.class_weights);
        if constexpr (requires { o.ignore_label; }) v.read("ignore_class", o.ignore_label);
        if constexpr (requires { o.from_logits; }) o.from_logits = from_logits;
        if constexpr (requires { o.pos_weight; }) v.read("pos_weight", o.pos_weight);
        if constexpr (requires { o.delta; }) v.read("delta", o.delta);
        if constexpr (requires { o.gamma; }) v.read("gamma", o.gamma);
        if constexpr (requires { o.alpha; }) v.read("alpha", o.alpha);
        if constexpr (requires { o.beta; }) v.read("beta", o.beta);
      },
      loss);
  check_loss_options(loss, name.c_str());
  return loss;
}

std::vector<OutputLoss> output_losses(const nb::dict& settings) {
  std::vector<OutputLoss> losses;
  for (nb::handle loss : nb::cast<nb::list>(settings["losses"])) {
    const nb::tuple of = nb::cast<nb::tuple>(loss);
    losses.push_back({loss_options(nb::cast<nb::str>(of[0]), nb::cast<nb::dict>(nb::object(of[1]))),
                      nb::cast<double>(nb::object(of[2]))});
  }
  return losses;
}

std::map<std::string, std::string> setting_names() {
  return {{"accumulation_steps", "gradient_accumulation_steps"},
          {"average", "ema_decay"},
          {"clip_norm", "clipnorm"},
          {"clip_parameter_norm", "parameter_clipnorm"},
          {"clip_value", "clipvalue"},
          {"keep_best", "restore_best_weights"},
          {"learning_rate", "LearningRateScheduler"},
          {"plateau", "ReduceLROnPlateau"}};
}

StepOptions step_options(const nb::dict& settings) {
  StepOptions options;
  options.optimizer = optimizer_of(settings);
  options.losses = output_losses(settings);
  options.top_k = nb::cast<std::int64_t>(settings["top_k"]);
  options.seed = nb::cast<std::uint64_t>(settings["seed"]);
  return options;
}

TrainOptions train_options(const nb::dict& settings) {
  TrainOptions options;
  options.epochs = integer({kFit, "epochs", "an integer"}, settings["epochs"]);
  options.batch_size = integer({kFit, "batch_size", "an integer"}, settings["batch_size"]);
  options.optimizer = optimizer_of(settings);
  options.losses = output_losses(settings);
  options.schedule = schedule_from_text(
      free_text({kFit, "schedule", "a name such as 'one_cycle'"}, settings["schedule"]), "fit: schedule");
  options.shuffle = boolean({kFit, "shuffle", "True or False"}, settings["shuffle"]);
  options.seed = static_cast<std::uint64_t>(integer({kFit, "seed", "an integer"}, settings["seed"]));
  options.keep_best = nb::cast<bool>(settings["keep_best"]);
  const Values v(kFit, settings);
  v.read("warmup", options.warmup);
  v.read("hard_share", options.hard_share);
  v.read("skip_above", options.skip_above);
  v.read("gradient_accumulation_steps", options.accumulation_steps);
  v.read("clipnorm", options.clip_norm);
  v.read("clipvalue", options.clip_value);
  v.read("parameter_clipnorm", options.clip_parameter_norm);
  v.read("top_k", options.top_k);
  v.read("swa_start", options.swa_start);
  double decay = 0;
  v.read("ema_decay", decay);
  if (decay != 0) options.average = AverageOptions{.decay = decay, .bias_correction = true};
  if (settings.contains("plateau")) options.plateau = plateau_options(nb::cast<nb::dict>(settings["plateau"]));
  return options;
}

std::unique_ptr<SampleSource> source_of(nb::handle x, nb::handle y, nb::handle weights) {
  std::unique_ptr<SampleSource> source = unweighted(x, y);
  if (weights.is_none()) return source;
  if (dynamic_cast<const TargetSource*>(source.get()))
    return std::make_unique<WithWeights<WeightedTargets, TargetSource>>(std::move(source), weights);
  return std::make_unique<WithWeights<Weighted, SampleSource>>(std::move(source), weights);
}

std::unique_ptr<SampleSource> source_of(nb::handle x, nb::handle y, nb::handle weights, Watch& watch,
                                        OnFailure on_failure) {
  if (nb::isinstance<PythonStream>(x)) return stream_source(nb::cast<const PythonStream&>(x), watch, on_failure);
  return source_of(x, y, weights);
}

void bind_training(nb::module_& m) {
  m.def("check_optimizer", [](const nb::str& name, const nb::dict& values) { optimizer_options(name, values); });
  m.def("check_loss", [](const nb::str& name, const nb::dict& values) { loss_options(name, values); });
  m.def("check_targets", &check_targets);
  nb::class_<PythonStream>(m, "Stream").def("__init__", &construct_stream);
  nb::class_<PythonEventFile>(m, "EventFile").def(nb::init<const nb::bytes&>()).def("write", &PythonEventFile::write);
}

}  // namespace hubel::python
