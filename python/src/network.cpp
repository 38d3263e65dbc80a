// hubel._core.Network: a network with its weights and notes, trained and run on NumPy arrays. hubel.Model is its
// face; it prepares the arrays and lets one thread at a time in.
#include "hubel/network.hpp"

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "augment.hpp"
#include "bindings.hpp"
#include "changed_source.hpp"
#include "files.hpp"
#include "files/atomic_file.hpp"
#include "files/file_lock.hpp"
#include "hubel/batch_trainer.hpp"
#include "hubel/checkpoint.hpp"
#include "hubel/image_folder.hpp"
#include "hubel/model_file.hpp"
#include "hubel/optimizer.hpp"
#include "hubel/plot.hpp"
#include "hubel/trainer.hpp"
#include "layers.hpp"
#include "numpy_api.hpp"
#include "samples.hpp"
#include "text/formatted.hpp"
#include "training.hpp"
#include "watch.hpp"

namespace hubel::python {

namespace {

// Batches up to this are for latency: their execution is kept between calls, being small. Larger ones are made anew,
// so that a model does not hold on to the memory of the largest batch it ever saw.
constexpr std::int64_t kKeptBatch = 16;

// The shape of `of` samples of this shape: one axis more, and the first.
Shape batched(std::int64_t of, const Shape& sample) {
  std::vector<std::int64_t> extents = {of};
  extents.insert(extents.end(), sample.begin(), sample.end());
  return Shape(std::span<const std::int64_t>(extents));
}

// An array to write results to: hubel/model.py sees to it that a user's is one, and here it is checked.
void check_result(nb::handle array, const Shape& shape) {
  if (!PyArray_Check(array.ptr()) || PyArray_TYPE(as_array(array)) != NPY_FLOAT || !PyArray_ISCARRAY(as_array(array)) ||
      PyArray_SIZE(as_array(array)) != shape.elements()) {
    throw std::logic_error("the result's array must be float32, C-contiguous, writeable and of its size");
  }
}

// A graph from its inputs, (shape, name or None), its layers, (kind, options, name or None, numbers of the layers that
// it takes, -1 - i for input i), and the numbers of those that are its outputs, or None.
Graph graph_of(nb::handle inputs, nb::handle layers, nb::handle outputs) {
  Graph graph;
  const auto values = [&](nb::handle numbers) {
    std::vector<Graph::Value> result;
    for (nb::handle number : nb::borrow<nb::sequence>(numbers))
      result.push_back(graph.value(nb::cast<std::int64_t>(number)));
    return result;
  };
  for (nb::handle input : nb::borrow<nb::sequence>(inputs)) {
    const nb::tuple t = nb::cast<nb::tuple>(input);
    const Shape shape = shape_argument("Model", t[0]);
    t[1].is_none() ? graph.add_input(shape) : graph.add_input(shape, free_text({"Model", "name", "a str"}, t[1]));
  }
  for (nb::handle layer : nb::borrow<nb::sequence>(layers)) {
    const nb::tuple t = nb::cast<nb::tuple>(layer);
    const auto name_or = [&](const auto& of) {
      return t[2].is_none() ? graph.default_name(of) : free_text({"Model", "name", "a str"}, t[2]);
    };
    // Older pickles do not have the last.
    if (const auto first = nb::len(t) > 4 ? nb::cast<std::int64_t>(t[4]) : -1; first >= 0) {
      const Graph::Value made = graph.value(first);
      graph.again(made, values(t[3]), name_or(made));
    } else {
      const Layer description =
          layer_from_python("Model", nb::cast<nb::str>(t[0]).c_str(), nb::cast<nb::dict>(nb::object(t[1])));
      graph(description, values(t[3]), name_or(description));
    }
  }
  if (!outputs.is_none()) graph.set_outputs(values(outputs));
  return graph;
}

template <class T>
nb::object copy_of(TensorView<const T> tensor) {
  const NewArray<T> array(tensor.shape());
  std::copy(tensor.begin(), tensor.end(), array.view.data());
  return array.object;
}

// on_batch(output, answers, outputs) in Python, for what a batch came to for one of the network's outputs: its labels
// (m) or (m, ...) or its targets, if `on_batch` is not None.
std::function<void(const BatchResult&)> batch_callback(nb::handle on_batch, Watch& watch) {
  if (on_batch.is_none()) return {};
  return [on_batch, &watch](const BatchResult& batch) {
    watch.call([&] {
      if (batch.labels.empty()) {
        on_batch(batch.output, copy_of(batch.targets), copy_of(batch.outputs));
        return;
      }
      const Shape& outputs = batch.outputs.shape();
      const Shape shape(std::span<const std::int64_t>(outputs.begin(), outputs.rank() - 1));
      on_batch(batch.output, copy_of(TensorView<const std::int32_t>(batch.labels.data(), shape)),
               copy_of(batch.outputs));
    });
  };
}

// A flag that is up while this lives; a training within another's callback leaves it up.
class Raised {
 public:
  explicit Raised(bool& flag) : flag_(flag), before_(flag) { flag_ = true; }
  ~Raised() { flag_ = before_; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  bool& flag_;
  bool before_;
};

using Views = std::span<const TensorView<const float>>;

// What a network takes, batch by batch, in order: an array, or a list of one for each input.
class ArrayReader {
 public:
  explicit ArrayReader(nb::handle x) {
    if (nb::isinstance<nb::list>(x)) {
      for (nb::handle array : nb::borrow<nb::list>(x)) sources_.emplace_back(array, nb::none());
    } else {
      sources_.emplace_back(x, nb::none());
    }
    for (const ArraySource& source : sources_)
      if (source.count() != count()) throw std::logic_error("all inputs must have as many samples");
    scratch_.resize(sources_.size());
    batch_.resize(sources_.size());
  }

  std::int64_t count() const { return sources_.at(0).count(); }
  Views batch(std::int64_t begin, std::int64_t n) {
    for (std::size_t i = 0; i < sources_.size(); ++i) batch_[i] = sources_[i].batch(begin, n, scratch_[i]);
    return batch_;
  }

 private:
  std::vector<ArraySource> sources_;
  std::vector<Tensor<float>> scratch_;
  std::vector<TensorView<const float>> batch_;
};

// The same of a folder's images.
class FolderReader {
 public:
  explicit FolderReader(FolderDataset images) : images_(std::move(images)) {}

  std::int64_t count() const { return images_.count(); }
  Views batch(std::int64_t begin, std::int64_t n) {
    const Shape shape = batched(n, images_.sample_shape());
    if (scratch_.size() < shape.elements()) scratch_ = Tensor<float>::uninitialized(shape);
    std::vector<std::int32_t> indices(static_cast<std::size_t>(n));
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(begin));
    images_.gather(indices.data(), n, scratch_.data(), nullptr);
    batch_ = {scratch_.data(), shape};
    return {&batch_, 1};
  }

 private:
  FolderDataset images_;
  Tensor<float> scratch_;
  TensorView<const float> batch_;
};

// Arrays for results of so many samples of these shapes: those given, or fresh ones where `out` is None.
std::vector<nb::object> result_arrays(std::int64_t count, std::span<const Shape> shapes, nb::handle out) {
  std::vector<nb::object> arrays;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Shape shape = batched(count, shapes[i]);
    if (out.is_none()) {
      arrays.push_back(NewArray<float>(shape).object);
    } else {
      arrays.push_back(shapes.size() == 1 ? nb::borrow(out) : nb::object(nb::borrow<nb::list>(out)[i]));
    }
    check_result(arrays.back(), shape);
  }
  return arrays;
}

nb::list list_of(std::span<const nb::object> objects) {
  nb::list list;
  for (const nb::object& object : objects) list.append(object);
  return list;
}

// [(loss, accuracy)] of each output.
nb::list python_results(std::span<const OutputResult> outputs) {
  nb::list list;
  for (const OutputResult& output : outputs) list.append(nb::make_tuple(output.loss, output.accuracy));
  return list;
}

// (loss, [(loss, accuracy) of each output], top-k accuracy).
nb::tuple python_evaluation(const Evaluation& result) {
  return nb::make_tuple(result.loss, python_results(result.outputs), result.top_k_accuracy);
}

// Looks in on Python now and then, where on_progress(samples done) is called unless it is None. False to stop.
bool report_progress(Watch& watch, nb::handle on_progress, std::int64_t done) {
  return watch.glance([&] {
    if (!on_progress.is_none()) on_progress(done);
    return true;
  });
}

class PythonNetwork {
 public:
  explicit PythonNetwork(Model model) : model_(std::move(model)) {}

  Model& model() { return model_; }
  Network<float>& network() { return model_.network; }
  // To be called whenever weights have changed: what is kept for small batches has them packed.
  void forget_weights() { kept_.reset(); }

  // The network's output for every sample, written to `out` unless that is None; of several outputs both are lists.
  // on_progress: see report_progress.
  nb::object predict(nb::handle x, std::int64_t batch_size, nb::handle out, nb::handle on_progress) {
    const auto shapes = network().output_shapes();
    const std::vector<nb::object> arrays = run(x, batch_size, shapes, out, Execution<float>::Mode::frozen, on_progress,
                                               [](Execution<float>&, Views outputs) { return outputs; });
    return shapes.size() == 1 ? arrays[0] : list_of(arrays);
  }
  nb::object layer_output(nb::handle x, std::int64_t batch_size, std::size_t layer) {
    if (layer >= network().info().size()) throw nb::index_error("layer_output: no such layer");
    TensorView<const float> chosen;
    const auto choose = [&](Execution<float>& execution, Views) {
      chosen = execution.layer_output(layer);
      return Views(&chosen, 1);
    };
    const Shape& shape = network().info()[layer].output_shape;
    return run(x, batch_size, {&shape, 1}, nb::none(), Execution<float>::Mode::inspection, nb::none(), choose)[0];
  }

  // python_evaluation of samples (x, y, weights), as source_of takes them. `settings` holds batch_size, losses: see
  // output_losses, top_k, on_batch: see batch_callback, and on_progress: see report_progress.
  nb::tuple evaluate(const nb::tuple& samples, const nb::dict& settings) {
    Watch watch;
    const std::unique_ptr<SampleSource> source = source_of(samples[0], samples[1], samples[2], watch, OnFailure::end);
    EvaluateOptions options;
    options.batch_size = nb::cast<std::int64_t>(settings["batch_size"]);
    options.losses = output_losses(settings);
    options.top_k = nb::cast<std::int64_t>(settings["top_k"]);
    const nb::object on_progress = settings["on_progress"];
    options.on_progress = [&](std::int64_t done) { return report_progress(watch, on_progress, done); };
    options.on_batch = batch_callback(settings["on_batch"], watch);
    Evaluation result;
    {
      nb::gil_scoped_release release;
      result = hubel::evaluate(network(), *source, options);
    }
    watch.rethrow();
    return python_evaluation(result);
  }

  void fit(const nb::tuple& samples, nb::handle validation_samples, const nb::dict& settings, nb::handle on_step,
           nb::handle on_epoch);

  // Steps by hand: see BatchTrainer. `settings` holds optimizer, losses and top_k, as for fit, and seed.
  void begin_steps(const nb::dict& settings) {
    trainer_ = std::make_shared<BatchTrainer>(network(), step_options(settings), "train_on_batch");
  }
  void end_steps() { trainer_.reset(); }
  bool has_steps() const { return trainer_ != nullptr; }
  // A step on samples (x, y, weights), as source_of takes arrays, after begin_steps, at the optimizer's learning rate
  // times scale; returns python_evaluation of them.
  nb::tuple train_on_batch(const nb::tuple& samples, double scale, nb::handle on_batch);

  // (outputs, dxs, [gradient of each parameter]) for lists of inputs and of dL/d(output), in training's way of running.
  nb::tuple gradients(const nb::list& xs, const nb::list& douts, std::uint64_t seed, std::uint64_t step);

 private:
  // x in batches through an execution; choose() picks from each what goes to the results, `shapes` for each sample.
  template <class Choose>
  std::vector<nb::object> run(nb::handle x, std::int64_t batch_size, std::span<const Shape> shapes, nb::handle out,
                              Execution<float>::Mode mode, nb::handle on_progress, const Choose& choose) {
    if (nb::isinstance<FolderDataset>(x))
      return run(FolderReader(nb::cast<FolderDataset>(x)), batch_size, shapes, out, mode, on_progress, choose);
    return run(ArrayReader(x), batch_size, shapes, out, mode, on_progress, choose);
  }
  template <class Reader, class Choose>
  std::vector<nb::object> run(Reader source, std::int64_t batch_size, std::span<const Shape> shapes, nb::handle out,
                              Execution<float>::Mode mode, nb::handle on_progress, const Choose& choose) {
    std::vector<nb::object> results = result_arrays(source.count(), shapes, out);
    std::vector<float*> written;
    for (const nb::object& result : results) written.push_back(static_cast<float*>(PyArray_DATA(as_array(result))));
    Watch watch;
    {
      nb::gil_scoped_release release;
      const std::int64_t m = source.count(), step = std::min(batch_size, std::max<std::int64_t>(m, 1));
      std::unique_ptr<Execution<float>> large;
      Execution<float>& execution = execution_for(step, mode, large);
      for (std::int64_t begin = 0; begin < m && report_progress(watch, on_progress, begin); begin += step) {
        const Views outputs = execution.forward(source.batch(begin, std::min(step, m - begin)));
        const Views chosen = choose(execution, outputs);
        for (std::size_t i = 0; i < chosen.size(); ++i)
          written[i] = std::copy_n(chosen[i].data(), chosen[i].size(), written[i]);
      }
    }
    watch.rethrow();
    return results;
  }

  Execution<float>& execution_for(std::int64_t batch, Execution<float>::Mode mode,
                                  std::unique_ptr<Execution<float>>& large) {
    const bool keep = batch <= kKeptBatch && mode == Execution<float>::Mode::frozen && !trains_;
    std::unique_ptr<Execution<float>>& execution = keep ? kept_ : large;
    if (!execution || (keep && kept_batch_ < batch)) {
      execution = std::make_unique<Execution<float>>(network(), batch, mode);
      if (keep) kept_batch_ = batch;
    }
    return *execution;
  }

  Model model_;
  std::shared_ptr<BatchTrainer> trainer_;  // of steps by hand; one of them keeps it while it is gone
  bool steps_ = false;                     // such a step is being gone
  bool trains_ = false;                    // weights change, and what runs the network in between must not be kept
  std::unique_ptr<Execution<float>> kept_;
  std::int64_t kept_batch_ = 0;
};

nb::dict python_epoch(const EpochResult& result) {
  nb::dict logs;
  logs["epoch"] = result.epoch;
  logs["samples"] = result.samples;
  logs["loss"] = result.loss;
  logs["outputs"] = python_results(result.outputs);
  logs["top_k"] = result.top_k_accuracy;
  if (result.validation) {
    logs["val_loss"] = result.validation->loss;
    logs["val_outputs"] = python_results(result.validation->outputs);
    logs["val_top_k"] = result.validation->top_k_accuracy;
  }
  logs["learning_rate"] = result.learning_rate;
  logs["seconds"] = result.seconds;
  return logs;
}

// Changes samples to train on at random, and normalises those to validate with as it does those.
void augment_sources(const nb::dict& fields, std::int64_t classes, ChangedSource& train,
                     std::optional<ChangedSource>& validation) {
  const Augmentation options = augmentation_options(fields);
  train.change(options, classes);
  if (validation && !(options.mean.empty() && options.stddev.empty()))
    validation->change(normalisation_of(options), classes);
}

// The settings' on_epoch_begin(epoch), which says whether to go on, and those that are not None: learning_rate(epoch,
// learning rate so far), epochs counting from 1, and on_batch and on_validation_batch: see batch_callback.
void set_callbacks(const nb::dict& settings, Watch& watch, TrainOptions& options) {
  const nb::object begin = settings["on_epoch_begin"], rate = settings["learning_rate"];
  options.on_epoch_begin = [begin = nb::handle(begin), &watch](std::int64_t epoch) {
    bool goes_on = true;
    watch.call([&] { goes_on = nb::cast<bool>(begin(epoch)); });
    return goes_on;
  };
  if (!rate.is_none()) {
    options.learning_rate = [rate = nb::handle(rate), &watch](std::int64_t epoch, double so_far) {
      double chosen = so_far;
      watch.call([&] { chosen = nb::cast<double>(rate(epoch, so_far)); });
      return chosen;
    };
  }
  options.on_batch = batch_callback(settings["on_batch"], watch);
  options.on_validation_batch = batch_callback(settings["on_validation_batch"], watch);
}

// Trains on samples (x, y, weights), as source_of takes them, and validates with such, or None; train_options() and
// set_callbacks() say what `settings` holds, besides checkpoint (a path, or None), checkpoint_epochs, resume_from (a
// path, or None), augmentation (its options, or None) and every_step. on_step(epoch, step, steps, samples, loss,
// [(loss, accuracy) of each output], seconds) is called now and then, or with every_step after each, if not None;
// on_epoch(logs) after each epoch: see python_epoch. Both say whether to go on.
void PythonNetwork::fit(const nb::tuple& samples, nb::handle validation_samples, const nb::dict& settings,
                        nb::handle on_step, nb::handle on_epoch) {
  Watch watch;
  const auto source = [&watch](const nb::tuple& of, OnFailure on_failure) {
    return source_of(of[0], of[1], of[2], watch, on_failure);
  };
  ChangedSource train(source(samples, OnFailure::end));
  std::optional<ChangedSource> validation;
  // What fails in the middle of a validation must not count as one.
  if (!validation_samples.is_none())
    validation.emplace(source(nb::cast<nb::tuple>(nb::borrow(validation_samples)), OnFailure::raise));
  if (!settings["augmentation"].is_none())
    augment_sources(nb::cast<nb::dict>(settings["augmentation"]), network().output_shape().back(), train, validation);
  TrainOptions options = train_options(settings);
  std::optional<hubel::detail::FileLock> lock;
  if (!settings["checkpoint"].is_none()) {
    const std::string path = path_of(nb::cast<nb::bytes>(settings["checkpoint"]));
    lock.emplace(path);
    on_file(path, [&] { check_checkpoint_path(path); });
    options.save_every_epochs = integer({"fit", "checkpoint_epochs", "an integer"}, settings["checkpoint_epochs"]);
    options.save_state = [this, path](const TrainingState& state) { save_checkpoint(state, network(), path); };
  }
  std::optional<Checkpoint> checkpoint;
  if (!settings["resume_from"].is_none()) {
    const std::string path = path_of(nb::cast<nb::bytes>(settings["resume_from"]));
    checkpoint = on_file(path, [&] { return load_checkpoint(path, network()); });
    checkpoint->state.names = setting_names();
    options.resume = &checkpoint->state;
  }

  const bool every_step = nb::cast<bool>(settings["every_step"]);
  options.on_step = [&](const TrainProgress& p) {
    const auto report = [&] {
      return on_step.is_none() ||
             nb::cast<bool>(on_step(p.epoch, p.step, p.steps, p.samples, p.loss, python_results(p.outputs), p.seconds));
    };
    return watch.glance(report, every_step);
  };
  set_callbacks(settings, watch, options);
  options.on_epoch = [&](const EpochResult& result) {
    return watch.visit([&] { return nb::cast<bool>(on_epoch(python_epoch(result))); });
  };
  {
    nb::gil_scoped_release release;
    forget_weights();
    end_steps();
    const Raised training(trains_);
    hubel::fit(network(), train.get(), options, validation ? &validation->get() : nullptr);
  }
  watch.rethrow();
}

nb::tuple PythonNetwork::train_on_batch(const nb::tuple& samples, double scale, nb::handle on_batch) {
  if (steps_) throw std::runtime_error("train_on_batch: it was called by a metric of a step that is not over");
  Watch watch;
  const std::shared_ptr<BatchTrainer> trainer = trainer_;
  const std::unique_ptr<SampleSource> source = source_of(samples[0], samples[1], samples[2]);
  const std::function<void(const BatchResult&)> told = batch_callback(on_batch, watch);
  Evaluation result;
  {
    nb::gil_scoped_release release;
    forget_weights();
    const Raised stepping(steps_), training(trains_);
    result = trainer->step(*source, scale, told);
  }
  return python_evaluation(result);
}

// --- weights

nb::list copies_of(Views views) {
  nb::list copies;
  for (const TensorView<const float>& view : views) copies.append(copy_of(view));
  return copies;
}

nb::tuple PythonNetwork::gradients(const nb::list& xs, const nb::list& douts, std::uint64_t seed, std::uint64_t step) {
  ArrayReader source(xs);
  const std::int64_t m = source.count();
  const auto shapes = network().output_shapes();
  result_arrays(m, shapes, shapes.size() == 1 ? nb::object(douts[0]) : nb::object(douts));
  std::vector<TensorView<const float>> given;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    given.emplace_back(static_cast<const float*>(PyArray_DATA(as_array(douts[i]))), batched(m, shapes[i]));
  Execution<float> execution(network(), std::max<std::int64_t>(m, 1), Execution<float>::Mode::training);
  execution.set_dropout(seed, step);
  std::vector<Tensor<float>> outputs;
  Views dxs;
  {
    nb::gil_scoped_release release;
    for (const TensorView<const float>& y : execution.forward(source.batch(0, m))) {
      outputs.push_back(Tensor<float>::uninitialized(y.shape()));
      std::copy(y.begin(), y.end(), outputs.back().begin());
    }
    dxs = execution.backward(given);
  }
  nb::list gradients;
  for (const TensorView<float>& gradient : execution.gradients())
    gradients.append(gradient.shape().rank() > 0 ? copy_of(TensorView<const float>(gradient)) : nb::none());
  const std::vector<TensorView<const float>> made(outputs.begin(), outputs.end());
  return nb::make_tuple(copies_of(made), copies_of(dxs), gradients);
}

void set_frozen(PythonNetwork& self, nb::handle pattern, bool frozen) {
  const std::string name = free_text({frozen ? "freeze" : "unfreeze", "names", "a str"}, pattern);
  if (frozen) {
    self.network().freeze(name);
  } else {
    self.network().unfreeze(name);
  }
}

nb::list frozen(PythonNetwork& self) {
  nb::list names;
  for (const Parameter<float>& p : self.network().parameters())
    if (p.frozen) names.append(python_text(p.name));
  return names;
}

nb::list copy_weights(PythonNetwork& self, PythonNetwork& other, const nb::str& prefix) {
  self.forget_weights();
  nb::list left;
  for (const std::string& name : self.network().copy_weights(other.network(), utf8(prefix)))
    left.append(python_text(name));
  return left;
}

nb::list parameters(PythonNetwork& self) {
  nb::list result;
  for (const Parameter<float>& p : self.network().parameters()) {
    result.append(nb::make_tuple(python_text(p.name), copy_of(p.value.view())));
  }
  return result;
}

// Finite numbers must not become infinite.
void check_fits_float(const std::string& name, TensorView<const double> values) {
  constexpr double kMost = std::numeric_limits<float>::max();
  for (const double value : values) {
    if (!(std::abs(value) > kMost) || std::isinf(value)) continue;
    throw nb::value_error(detail::formatted("set_weights: {} has {}, which float32 cannot hold", name, value).c_str());
  }
}

// Sets all weights or, when one of them does not fit, none.
void set_parameters(PythonNetwork& self, const nb::list& values) {
  const std::span<Parameter<float>> parameters = self.network().parameters();
  if (values.size() != parameters.size()) {
    throw nb::value_error(detail::formatted("set_weights: {} arrays were given, the model has {} weights",
                                            values.size(), parameters.size())
                              .c_str());
  }
  std::vector<Arrays> arrays;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Shape& wanted = parameters[i].value.shape();
    arrays.emplace_back("set_weights", std::initializer_list<Arrays::Argument>{
                                           {parameters[i].name.c_str(), wanted.to_string().c_str(), values[i]}});
    if (arrays[i].shape(0) == wanted) continue;
    throw nb::value_error(detail::formatted("set_weights: {} has shape {}, it must be {}", parameters[i].name,
                                            arrays[i].shape(0).to_string(), wanted.to_string())
                              .c_str());
  }
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (arrays[i].is_double()) check_fits_float(parameters[i].name, arrays[i].view<double>(0));
  self.forget_weights();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto assign = [&](auto from) {
      std::transform(from.begin(), from.end(), parameters[i].value.begin(),
                     [](auto value) { return static_cast<float>(value); });
    };
    arrays[i].is_double() ? assign(arrays[i].view<double>(0)) : assign(arrays[i].view<float>(0));
  }
}

// --- what the network is

nb::list layers(PythonNetwork& self) { return entries_of(self.network().graph()); }

nb::list info(PythonNetwork& self) {
  nb::list result;
  for (const LayerInfo& i : self.network().info()) {
    result.append(nb::make_tuple(python_text(i.name), python_shape(i.input_shape), python_shape(i.output_shape),
                                 i.parameters, i.macs));
  }
  return result;
}

nb::str svg(PythonNetwork& self, nb::handle merge, nb::handle options, nb::handle shapes) {
  const auto flag = [](const char* name, nb::handle value) { return boolean({"plot", name, "True or False"}, value); };
  return python_text(graph_svg(
      self.network().graph(),
      {.merge = flag("merge", merge), .options = flag("options", options), .shapes = flag("shapes", shapes)}));
}

nb::list class_names(PythonNetwork& self) {
  nb::list result;
  for (const std::string& name : self.model().class_names) result.append(python_text(name));
  return result;
}

void set_class_names(PythonNetwork& self, const nb::list& names) {
  std::vector<std::string> values;
  for (nb::handle name : names) values.push_back(utf8(nb::cast<nb::str>(name)));
  self.model().class_names = std::move(values);
}

nb::dict notes(PythonNetwork& self) {
  nb::dict result;
  for (const auto& [key, value] : self.model().notes) result[python_text(key)] = python_text(value);
  return result;
}

void set_notes(PythonNetwork& self, const nb::dict& values) {
  std::map<std::string, std::string> result;
  for (const auto [key, value] : values) {
    result[utf8(nb::cast<nb::str>(key))] = utf8(nb::cast<nb::str>(value));
  }
  self.model().notes = std::move(result);
}

nb::list inputs(PythonNetwork& self) {
  nb::list result;
  for (const GraphInput& input : self.network().graph().inputs())
    result.append(nb::make_tuple(python_shape(input.shape), python_text(input.name)));
  return result;
}

nb::list outputs(PythonNetwork& self) {
  nb::list result;
  for (const Graph::Value output : self.network().graph().outputs()) result.append(output.layer());
  return result;
}

// The network that ends in the layers of these numbers.
PythonNetwork* up_to(PythonNetwork& self, const nb::list& layers) {
  std::vector<Graph::Value> outputs;
  for (nb::handle layer : layers) outputs.push_back(self.network().graph().value(nb::cast<std::int64_t>(layer)));
  return new PythonNetwork({self.network().up_to(outputs), {}, {}});
}

void construct(PythonNetwork* self, nb::handle inputs, nb::handle layers, nb::handle outputs, nb::handle seed) {
  const std::int64_t number = integer({"Model", "seed", "an integer"}, seed);
  new (self)
      PythonNetwork({Network<float>(graph_of(inputs, layers, outputs), static_cast<std::uint64_t>(number)), {}, {}});
}

PythonNetwork* load(const nb::bytes& path_bytes) {
  const std::string path = path_of(path_bytes);
  return new PythonNetwork(on_file(path, [&] { return load_model(path); }));
}

void save(PythonNetwork& self, const nb::bytes& path_bytes) {
  const std::string path = path_of(path_bytes);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  on_file(folder.empty() ? "." : folder, [&] { save_model(self.model(), path); });
}

void save_weights(PythonNetwork& self, const nb::bytes& path_bytes) {
  const std::string path = path_of(path_bytes);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  on_file(folder.empty() ? "." : folder, [&] { hubel::save_weights(self.network(), path); });
}

void load_weights(PythonNetwork& self, const nb::bytes& path_bytes) {
  const std::string path = path_of(path_bytes);
  self.forget_weights();
  on_file(path, [&] { hubel::load_weights(self.network(), path); });
}

PythonNetwork* from_json(const nb::str& json, std::int64_t seed) {
  return new PythonNetwork(
      {Network<float>(architecture_from_json(utf8(json)), static_cast<std::uint64_t>(seed)), {}, {}});
}

// A whole text file, or none.
void write_text(const nb::bytes& path_bytes, const nb::str& text) {
  const std::string path = path_of(path_bytes), content = utf8(text);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  on_file(folder.empty() ? "." : folder, [&] {
    hubel::detail::AtomicFile file(path);
    file.write(std::as_bytes(std::span(content)));
    file.commit();
  });
}

}  // namespace

void bind_network(nb::module_& m) {
  m.def("write_text", &write_text);
  nb::class_<PythonNetwork>(m, "Network")
      .def("__init__", &construct, nb::arg(), nb::arg(), nb::arg().none(), nb::arg())
      .def_static("load", &load)
      .def_static("from_json", &from_json)
      .def("to_json", [](PythonNetwork& self) { return python_text(architecture_to_json(self.network().graph())); })
      .def("save", &save)
      .def("save_weights", &save_weights)
      .def("load_weights", &load_weights)
      .def("predict", &PythonNetwork::predict, nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none())
      .def("layer_output", &PythonNetwork::layer_output)
      .def("evaluate", &PythonNetwork::evaluate)
      .def("fit", &PythonNetwork::fit, nb::arg(), nb::arg().none(), nb::arg(), nb::arg().none(), nb::arg())
      .def("begin_steps", &PythonNetwork::begin_steps)
      .def("end_steps", &PythonNetwork::end_steps)
      .def("has_steps", &PythonNetwork::has_steps)
      .def("train_on_batch", &PythonNetwork::train_on_batch, nb::arg(), nb::arg(), nb::arg().none())
      .def("up_to", &up_to)
      .def("gradients", &PythonNetwork::gradients)
      .def("parameters", &parameters)
      .def("set_parameters", &set_parameters)
      .def("set_frozen", &set_frozen)
      .def("frozen", &frozen)
      .def("copy_weights", &copy_weights)
      .def("layers", &layers)
      .def("info", &info)
      .def("inputs", &inputs)
      .def("outputs", &outputs)
      .def("parameter_count", [](PythonNetwork& self) { return self.network().parameter_count(); })
      .def("summary", [](PythonNetwork& self) { return python_text(self.network().summary()); })
      .def("svg", &svg, nb::arg().none(), nb::arg().none(), nb::arg().none())
      .def_prop_rw("class_names", &class_names, &set_class_names)
      .def_prop_rw("notes", &notes, &set_notes);
}

}  // namespace hubel::python
