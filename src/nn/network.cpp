// A network's weights: made from the architecture, found by name, started from a seed.
#include "hubel/network.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "nn/network_plan.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

template <class T>
std::string parameter_names(std::span<const Parameter<T>> parameters) {
  std::string names;
  for (const Parameter<T>& p : parameters) names += (names.empty() ? "" : ", ") + p.name;
  return names.empty() ? "none" : names;
}

// f(name, parameters) for each layer that has its own.
template <class Parameters, class F>
void for_each_layer(const Graph& graph, Parameters parameters, const F& f) {
  const detail::NetworkPlan plan = detail::plan_network(graph);
  for (std::size_t i = 0; i < plan.ranges.size(); ++i) {
    const auto [first, count] = plan.ranges[i];
    if (graph.layers()[i].weights_of < 0 && count > 0) f(plan.info[i].name, parameters.subspan(first, count));
  }
}

// Whether * in the pattern can be put as characters so that it becomes the name. Only the last * passed has to be
// tried with more characters, so that the time is at most the product of both lengths.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, after = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

template <class T>
Network<T>::Network(Graph graph, std::uint64_t seed) : graph_(std::move(graph)) {
  detail::NetworkPlan plan = detail::plan_network(graph_);
  for (const detail::ParameterSpec& spec : plan.parameters)
    parameters_.push_back({spec.name, Tensor<T>::uninitialized(spec.shape), spec.role});
  take(std::move(plan.info));
  reset(seed);
}

template <class T>
Network<T>::Network(Graph graph, std::vector<Parameter<T>> parameters)
    : graph_(std::move(graph)), parameters_(std::move(parameters)) {
  detail::NetworkPlan plan = detail::plan_network(graph_);
  if (parameters_.size() != plan.parameters.size()) {
    throw std::invalid_argument(detail::formatted("Network: {} parameters were given, its layers have {}",
                                                  parameters_.size(), plan.parameters.size()));
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const detail::ParameterSpec& wanted = plan.parameters[i];
    Parameter<T>& given = parameters_[i];
    given.role = wanted.role;
    if (given.name == wanted.name && given.value.shape() == wanted.shape) continue;
    throw std::invalid_argument(detail::formatted("Network: parameter {} is {} {}, it must be {} {}", i, given.name,
                                                  given.value.shape().to_string(), wanted.name,
                                                  wanted.shape.to_string()));
  }
  take(std::move(plan.info));
  count_trainable();
}

// What follows from the graph.
template <class T>
void Network<T>::take(std::vector<LayerInfo> info) {
  info_ = std::move(info);
  for (const GraphInput& input : graph_.inputs()) input_shapes_.push_back(input.shape);
  for (const Graph::Value output : graph_.outputs()) output_shapes_.push_back(graph_.shape(output));
}

template <class T>
void Network<T>::reset(std::uint64_t seed) {
  const detail::NetworkPlan plan = detail::plan_network(graph_);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const detail::ParameterSpec& spec = plan.parameters[i];
    Tensor<T>& value = parameters_[i].value;
    if (spec.constant) {
      std::fill(value.begin(), value.end(), static_cast<T>(*spec.constant));
    } else {
      initialize(value, spec.initializer, spec.fan_in, spec.fan_out, seed, i);
    }
  }
}

template <class T>
const Parameter<T>& Network<T>::parameter(std::string_view name) const {
  for (const Parameter<T>& p : parameters_)
    if (p.name == name) return p;
  throw std::invalid_argument(detail::formatted("Network: no parameter is named '{}', its parameters are {}", name,
                                                parameter_names<T>(parameters_)));
}

template <class T>
Parameter<T>& Network<T>::parameter(std::string_view name) {
  return const_cast<Parameter<T>&>(std::as_const(*this).parameter(name));
}

template <class T>
std::int64_t Network<T>::parameter_count() const {
  std::int64_t count = 0;
  for (const LayerInfo& layer : info_) count += layer.parameters;
  return count;
}

template <class T>
void Network<T>::set_frozen(std::string_view pattern, bool frozen) {
  bool found = false;
  const auto set = [&](Parameter<T>& p) {
    p.frozen = frozen;
    found = true;
  };
  const auto ranges = detail::plan_network(graph_).ranges;
  for (std::size_t i = 0; i < info_.size(); ++i) {
    if (!matches(pattern, info_[i].name)) continue;
    found = true;
    std::ranges::for_each(parameters().subspan(ranges[i].first, ranges[i].count), set);
  }
  for (Parameter<T>& p : parameters_)
    if (matches(pattern, p.name)) set(p);
  count_trainable();
  if (found) return;
  throw std::invalid_argument(detail::formatted("Network: no layer or parameter is named '{}', its parameters are {}",
                                                pattern, parameter_names<T>(parameters_)));
}

template <class T>
void Network<T>::count_trainable() {
  std::size_t i = 0;
  for (LayerInfo& layer : info_) {
    std::int64_t left = layer.parameters;
    layer.trainable = 0;
    for (; left > 0; ++i) {
      const std::int64_t n = parameters_[i].value.size();
      left -= n;
      if (parameters_[i].role != ParameterRole::statistic && !parameters_[i].frozen) layer.trainable += n;
    }
  }
}

template <class T>
std::vector<std::string> Network<T>::copy_weights(const Network& other, std::string_view prefix) {
  std::map<std::string, std::span<const Parameter<T>>> given;  // each layer's, by its name here
  for_each_layer(other.graph_, other.parameters(), [&](const std::string& layer, std::span<const Parameter<T>> own) {
    given.emplace(std::string(prefix) + layer, own);
  });
  std::vector<std::string> left;
  for_each_layer(graph_, parameters(), [&](const std::string& layer, std::span<Parameter<T>> own) {
    const auto found = given.find(layer);
    const auto same = [&](const Parameter<T>& theirs, const Parameter<T>& p) {
      return prefix.size() + theirs.name.size() == p.name.size() && p.name.ends_with(theirs.name) &&
             theirs.value.shape() == p.value.shape();
    };
    if (found == given.end() || !std::ranges::equal(found->second, own, same)) {
      for (const Parameter<T>& p : own) left.push_back(p.name);
      return;
    }
    for (std::size_t i = 0; i < own.size(); ++i)
      std::copy(found->second[i].value.begin(), found->second[i].value.end(), own[i].value.begin());
  });
  return left;
}

template <class T>
Network<T> Network<T>::up_to(std::span<const Graph::Value> outputs) const {
  Graph part = graph_.up_to(outputs);
  const auto ranges = detail::plan_network(graph_).ranges;
  std::vector<Parameter<T>> kept;
  for (const GraphLayer& placed : part.layers()) {
    if (placed.weights_of >= 0) continue;
    const auto [first, count] = ranges[static_cast<std::size_t>(graph_.find(placed.name)->layer())];
    for (Parameter<T> p : parameters().subspan(first, count)) {  // by the name of the first that has them there
      p.name = placed.name + p.name.substr(p.name.rfind('.'));
      kept.push_back(std::move(p));
    }
  }
  return Network(std::move(part), std::move(kept));
}

template <class T>
std::string Network<T>::summary() const {
  return detail::summary_of(graph_, info_, sizeof(T));
}

template <class T>
bool Network<T>::ends_in_softmax(std::size_t output) const {
  const Graph::Value value = graph_.outputs().at(output);
  return detail::softmax_layer(graph_, value) || detail::averages_softmax(graph_, value);
}

template class Network<float>;
template class Network<double>;

}  // namespace hubel
