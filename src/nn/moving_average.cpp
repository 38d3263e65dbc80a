// An average of the weights over training.
#include "hubel/moving_average.hpp"

#include <algorithm>
#include <stdexcept>

#include "nn/named_state.hpp"
#include "ops/parallel.hpp"
#include "ops/pieces.hpp"
#include "text/formatted.hpp"

namespace hubel {

template <class T>
WeightAverage<T>::WeightAverage(std::span<const Parameter<T>> parameters, const AverageOptions& options)
    : options_(options) {
  if (!(options.decay >= 0 && options.decay < 1))
    throw std::invalid_argument(detail::formatted("WeightAverage: decay = {}, it must be in [0, 1)", options.decay));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor<T>& value = parameters[i].value;
    names_.push_back(parameters[i].name);
    averages_.push_back(begins_empty() ? Tensor<T>(value.shape()) : value);
    kept_.emplace_back(value.shape());
    if (parameters[i].frozen) continue;  // its average, with the correction, could be a rounding away
    detail::cut_into_pieces(value.size(), [&](std::int64_t begin, std::int64_t end) {
      pieces_.push_back({i, begin, end});
    });
  }
}

template <class T>
void WeightAverage<T>::check(std::span<const Parameter<T>> parameters, bool applied) const {
  bool fits = parameters.size() == averages_.size();
  for (std::size_t i = 0; fits && i < averages_.size(); ++i) fits = parameters[i].value.shape() == averages_[i].shape();
  if (!fits) throw std::invalid_argument("WeightAverage: the parameters are not those it was made for");
  if (applied != applied_)
    throw std::invalid_argument(
        detail::formatted("WeightAverage: the average is {} applied", applied_ ? "already" : "not"));
}

template <class T>
double WeightAverage<T>::decay_of(std::int64_t update) const {
  const double t = static_cast<double>(update);
  if (options_.equal) return t / (t + 1);
  return options_.warm_up ? std::min(options_.decay, (1 + t) / (10 + t)) : options_.decay;
}

template <class T>
template <class Body>
void WeightAverage<T>::for_each_piece(const Body& body) const {
  constexpr double kFlopsPerElement = 3;
  const double elements = static_cast<double>(pieces_.size()) * static_cast<double>(detail::kPiece);
  detail::parallel_for(std::ssize(pieces_), kFlopsPerElement * elements, [&](std::int64_t item) {
    const Piece& piece = pieces_[static_cast<std::size_t>(item)];
    body(piece.parameter, piece.begin, piece.end);
  });
}

template <class T>
void WeightAverage<T>::update(std::span<const Parameter<T>> parameters) {
  check(parameters, false);
  const double decay = decay_of(updates_);
  const T share = static_cast<T>(1 - decay);
  for_each_piece([&](std::size_t p, std::int64_t begin, std::int64_t end) {
    const T* weights = parameters[p].value.data();
    T* average = averages_[p].data();
    for (std::int64_t i = begin; i < end; ++i) average[i] += share * (weights[i] - average[i]);
  });
  left_ *= decay;
  ++updates_;
}

template <class T>
void WeightAverage<T>::apply(std::span<Parameter<T>> parameters) {
  check(parameters, false);
  applied_ = true;
  const bool nothing_yet = begins_empty() && updates_ == 0;
  const T correction = static_cast<T>(begins_empty() && !nothing_yet ? 1 / (1 - left_) : 1);
  for_each_piece([&](std::size_t p, std::int64_t begin, std::int64_t end) {
    T* weights = parameters[p].value.data();
    std::copy(weights + begin, weights + end, kept_[p].data() + begin);
    for (std::int64_t i = begin; i < end && !nothing_yet; ++i) weights[i] = correction * averages_[p][i];
  });
}

template <class T>
void WeightAverage<T>::restore(std::span<Parameter<T>> parameters) {
  check(parameters, true);
  applied_ = false;
  for_each_piece([&](std::size_t p, std::int64_t begin, std::int64_t end) {
    std::copy(kept_[p].data() + begin, kept_[p].data() + end, parameters[p].value.data() + begin);
  });
}

template <class T>
std::vector<NamedView<T>> WeightAverage<T>::state() const {
  std::vector<NamedView<T>> state;
  for (std::size_t i = 0; i < names_.size(); ++i) state.push_back({names_[i] + "/average", averages_[i]});
  return state;
}

template <class T>
void WeightAverage<T>::load_state(std::span<const NamedView<T>> state, std::int64_t updates) {
  if (updates < 0)
    throw std::invalid_argument(detail::formatted("WeightAverage: updates = {}, it must be at least 0", updates));
  std::vector<detail::NamedPlace<T>> places;
  for (std::size_t i = 0; i < names_.size(); ++i) places.push_back({names_[i] + "/average", averages_[i]});
  detail::load_named<T>("WeightAverage", state, places);
  updates_ = updates;
  left_ = 1;
  for (std::int64_t update = 0; update < updates && left_ > 0; ++update) left_ *= decay_of(update);
}

template class WeightAverage<float>;
template class WeightAverage<double>;

}  // namespace hubel
