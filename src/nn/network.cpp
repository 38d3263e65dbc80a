// A network's weights: made from the architecture, found by name, started from a seed.
#include "hubel/network.hpp"

#include <algorithm>
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

}  // namespace

template <class T>
Network<T>::Network(Graph graph, std::uint64_t seed) : graph_(std::move(graph)) {
  detail::NetworkPlan plan = detail::plan_network(graph_);
  for (const detail::ParameterSpec& spec : plan.parameters)
    parameters_.push_back({spec.name, Tensor<T>::uninitialized(spec.shape), spec.role});
  info_ = std::move(plan.info);
  output_shape_ = info_.back().output_shape;
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
  info_ = std::move(plan.info);
  output_shape_ = info_.back().output_shape;
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
bool Network<T>::ends_in_softmax() const {
  return detail::softmax_layer(graph_).has_value();
}

template class Network<float>;
template class Network<double>;

}  // namespace hubel
