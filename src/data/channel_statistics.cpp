// Means and deviations of channels, each sample's on its own and then put together in order (Chan, Golub & LeVeque,
// "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979): nothing large is subtracted from
// something as large, and no sum depends on the number of threads.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "hubel/augment.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

// Of `count` values: their mean, and the sum of the squares of their distances from it.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void add(const Moments& other) {
    if (other.count == 0) return;
    const double all = count + other.count, apart = other.mean - mean;
    mean += apart * other.count / all;
    squares += other.squares + apart * apart * count * other.count / all;
    count = all;
  }
};

// Of channel c of one sample.
Moments moments_of(const float* sample, std::int64_t size, std::int64_t channels, std::int64_t c) {
  Moments m;
  m.count = static_cast<double>(size / channels);
  for (std::int64_t i = c; i < size; i += channels) m.mean += double{sample[i]};
  m.mean /= m.count;
  for (std::int64_t i = c; i < size; i += channels) {
    const double apart = double{sample[i]} - m.mean;
    m.squares += apart * apart;
  }
  return m;
}

}  // namespace

ChannelStatistics channel_statistics(const SampleSource& source, std::int64_t batch_size) {
  if (batch_size < 1) {
    throw std::invalid_argument(
        detail::formatted("channel_statistics: batch_size = {}, it must be at least 1", batch_size));
  }
  const Shape shape = source.sample_shape();
  const std::int64_t size = shape.elements(), count = source.count();
  if (shape.rank() == 0 || size == 0 || count == 0) {
    throw std::invalid_argument(detail::formatted(
        "channel_statistics: {} samples of shape {} have no values to take a mean of", count, shape.to_string()));
  }
  const std::int64_t channels = shape.back();
  batch_size = std::min(batch_size, count);
  std::vector<float> images(static_cast<std::size_t>(batch_size * size));
  std::vector<std::int32_t> indices(static_cast<std::size_t>(batch_size)), labels(indices.size());
  std::vector<Moments> each(static_cast<std::size_t>(batch_size * channels)), all(static_cast<std::size_t>(channels));
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t n = std::min(batch_size, count - begin);
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(begin));
    source.gather(indices.data(), n, images.data(), labels.data());
    detail::parallel_for(n * channels, 4.0 * static_cast<double>(n * size), [&](std::int64_t item) {
      each[static_cast<std::size_t>(item)] =
          moments_of(images.data() + item / channels * size, size, channels, item % channels);
    });
    for (std::int64_t item = 0; item < n * channels; ++item) {
      all[static_cast<std::size_t>(item % channels)].add(each[static_cast<std::size_t>(item)]);
    }
  }
  ChannelStatistics statistics;
  for (const Moments& m : all) {
    statistics.mean.push_back(m.mean);
    statistics.stddev.push_back(std::sqrt(m.squares / m.count));
  }
  return statistics;
}

}  // namespace hubel
