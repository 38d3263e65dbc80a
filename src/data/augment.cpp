// The changes to single images, with their random numbers.
#include "hubel/augment.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "data/affine.hpp"
#include "data/augment_ranges.hpp"
#include "hubel/random.hpp"
#include "ops/parallel.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

// Streams of random numbers below 2^33 belong to the parameters and the shuffles (network.cpp, trainer.cpp).
constexpr std::uint64_t kStreams = std::uint64_t{1} << 40;

// A sample's random numbers, of which it has kDraws.
constexpr std::uint64_t kDraws = 64;
enum Draw : std::uint64_t {
  kZoom,
  kAngle,
  kShiftY,
  kShiftX,
  kCropY,
  kCropX,
  kMirror,
  kUpsideDown,
  kBrightness,
  kContrast,
  kCutoutY,
  kCutoutX,
  kErase,
  kEraseTries = 24  // four for each try
};
constexpr std::uint64_t kMaxTries = 10;
static_assert(kEraseTries + 4 * kMaxTries <= kDraws);

class Draws {
 public:
  Draws(std::uint64_t seed, std::int64_t epoch, std::int32_t index)
      : random_(seed, kStreams + static_cast<std::uint64_t>(epoch)),
        first_(std::uint64_t{static_cast<std::uint32_t>(index)} * kDraws) {}

  double between(std::uint64_t draw, double low, double high) const {
    return low + (high - low) * random_.uniform(first_ + draw);
  }
  // In {0, ..., bound - 1}.
  std::int64_t below(std::uint64_t draw, std::int64_t bound) const {
    return static_cast<std::int64_t>(random_.below(first_ + draw, static_cast<std::uint64_t>(bound)));
  }
  bool chance(std::uint64_t draw, double probability) const {
    return probability > 0 && random_.uniform(first_ + draw) < probability;
  }

 private:
  Random random_;
  std::uint64_t first_;
};

bool moves(const Augmentation& o) {
  return o.zoom_min != 1 || o.zoom_max != 1 || o.rotation > 0 || o.shift > 0 || o.crop_padding > 0 ||
         o.flip_horizontal > 0 || o.flip_vertical > 0;
}

detail::Movement movement(const Augmentation& o, const Shape& shape, const Draws& draws) {
  detail::Movement m;
  m.zoom = draws.between(kZoom, o.zoom_min, o.zoom_max);
  m.angle = draws.between(kAngle, -o.rotation, o.rotation) * std::numbers::pi / 180;
  const double reach_y = o.shift * static_cast<double>(shape[0]), reach_x = o.shift * static_cast<double>(shape[1]);
  m.dy = draws.between(kShiftY, -reach_y, reach_y);
  m.dx = draws.between(kShiftX, -reach_x, reach_x);
  m.dy += static_cast<double>(draws.below(kCropY, 2 * o.crop_padding + 1) - o.crop_padding);
  m.dx += static_cast<double>(draws.below(kCropX, 2 * o.crop_padding + 1) - o.crop_padding);
  m.mirrored = draws.chance(kMirror, o.flip_horizontal);
  m.upside_down = draws.chance(kUpsideDown, o.flip_vertical);
  return m;
}

// Of a channel, when there is one number for all, one a channel or none.
double of_channel(const std::vector<double>& values, std::int64_t channel, double none) {
  return values.empty() ? none : values[values.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
}

double mean_of(const float* image, std::int64_t size) {
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) sum += double{image[i]};
  return sum / static_cast<double>(size);
}

// Brightness, contrast and normalisation together are x * factor[c] + term[c].
void recolour(const Augmentation& o, const Shape& shape, const Draws& draws, float* factor, float* term, float* image) {
  const std::int64_t channels = shape[2], size = shape.elements();
  const double brightness = draws.between(kBrightness, 1 - o.brightness, 1 + o.brightness);
  const double contrast = draws.between(kContrast, 1 - o.contrast, 1 + o.contrast);
  const double kept = o.contrast > 0 ? (1 - contrast) * brightness * mean_of(image, size) : 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    const double stddev = of_channel(o.stddev, c, 1);
    factor[c] = static_cast<float>(contrast * brightness / stddev);
    term[c] = static_cast<float>((kept - of_channel(o.mean, c, 0)) / stddev);
  }
  for (std::int64_t i = 0; i < size; i += channels) {
    for (std::int64_t c = 0; c < channels; ++c) image[i + c] = image[i + c] * factor[c] + term[c];
  }
}

// Sets the part of the rectangle that lies inside to 0.
void clear(const Shape& shape, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width,
           float* image) {
  const std::int64_t begin = std::clamp<std::int64_t>(left, 0, shape[1]);
  const std::int64_t end = std::clamp<std::int64_t>(left + width, begin, shape[1]);
  for (std::int64_t y = std::max<std::int64_t>(top, 0); y < std::min(top + height, shape[0]); ++y) {
    std::fill(image + (y * shape[1] + begin) * shape[2], image + (y * shape[1] + end) * shape[2], 0.0F);
  }
}

// A rectangle that does not fit is drawn again, as in the paper, but not for ever.
void erase(const Shape& shape, const Draws& draws, float* image) {
  constexpr double kLeastArea = 0.02, kMostArea = 0.4, kLeastRatio = 0.3;
  const auto pixels = static_cast<double>(shape[0] * shape[1]);
  for (std::uint64_t draw = kEraseTries; draw < kEraseTries + 4 * kMaxTries; draw += 4) {
    const double area = pixels * draws.between(draw, kLeastArea, kMostArea);
    const double ratio = std::exp(draws.between(draw + 1, std::log(kLeastRatio), -std::log(kLeastRatio)));
    const std::int64_t height = std::llround(std::sqrt(area * ratio)), width = std::llround(std::sqrt(area / ratio));
    if (height > shape[0] || width > shape[1]) continue;
    clear(shape, draws.below(draw + 2, shape[0] - height + 1), draws.below(draw + 3, shape[1] - width + 1), height,
          width, image);
    return;
  }
}

void augment_one(const Augmentation& o, const Shape& shape, const Draws& draws, float* image) {
  const std::int64_t size = shape.elements(), channels = shape[2];
  float* room = detail::scratch<float>(detail::Scratch::augmented, static_cast<std::size_t>(size + 2 * channels));
  if (moves(o)) {
    std::copy_n(image, size, room);
    resample_affine(affine_map(shape[0], shape[1], movement(o, shape, draws)), o.border, shape, room, image);
  }
  if (o.brightness > 0 || o.contrast > 0 || !o.mean.empty() || !o.stddev.empty()) {
    recolour(o, shape, draws, room + size, room + size + channels, image);
  }
  if (o.cutout > 0) {
    clear(shape, draws.below(kCutoutY, shape[0]) - o.cutout / 2, draws.below(kCutoutX, shape[1]) - o.cutout / 2,
          o.cutout, o.cutout, image);
  }
  if (draws.chance(kErase, o.erase)) erase(shape, draws, image);
}

void check_per_channel(const char* who, const char* name, const std::vector<double>& values, std::int64_t channels) {
  if (!values.empty() && values.size() != 1 && std::ssize(values) != channels) {
    throw std::invalid_argument(
        detail::formatted("{}: {} has {} numbers, it must have one, or one for each of the {} channels", who, name,
                          values.size(), channels));
  }
  for (const double value : values) {
    if (!std::isfinite(value))
      throw std::invalid_argument(detail::formatted("{}: {} = {}, it must be finite", who, name, value));
  }
}

}  // namespace

void check_augmentation(const char* who, const Augmentation& o, const Shape& sample_shape) {
  if (sample_shape.rank() != 3) {
    throw std::invalid_argument(
        detail::formatted("{}: the samples have shape {}, but images are (h, w, c)", who, sample_shape.to_string()));
  }
  const auto own_name = [](const char* name, const void*) { return name; };
  if (const auto wrong = detail::out_of_range(o, own_name))
    throw std::invalid_argument(detail::formatted("{}: {}", who, *wrong));
  check_per_channel(who, "mean", o.mean, sample_shape[2]);
  check_per_channel(who, "stddev", o.stddev, sample_shape[2]);
  for (const double value : o.stddev) {
    if (value <= 0) throw std::invalid_argument(detail::formatted("{}: stddev = {}, it must be above 0", who, value));
  }
}

void augment(const Augmentation& options, const Shape& sample_shape, float* images, const std::int32_t* indices,
             std::int64_t n, std::uint64_t seed, std::int64_t epoch) {
  check_augmentation("augment", options, sample_shape);
  const std::int64_t size = sample_shape.elements();
  if (size == 0) return;
  constexpr double kFlopsAValue = 30;  // of a resampling; the rest is little beside it
  detail::parallel_for(n, kFlopsAValue * static_cast<double>(n * size), [&](std::int64_t i) {
    augment_one(options, sample_shape, Draws(seed, epoch, indices[i]), images + i * size);
  });
}

std::string augmentation_text(const Augmentation& o) {
  return detail::formatted(
      "zoom_min={} zoom_max={} rotation={} shift={} crop_padding={} flip_horizontal={} flip_vertical={} border={} "
      "brightness={} contrast={} mean=[{}] stddev=[{}] cutout={} erase={} mixup={} cutmix={}",
      o.zoom_min, o.zoom_max, o.rotation, o.shift, o.crop_padding, o.flip_horizontal, o.flip_vertical,
      o.border == Border::reflect ? "reflect" : "zero", o.brightness, o.contrast, detail::joined(o.mean, ", "),
      detail::joined(o.stddev, ", "), o.cutout, o.erase, o.mixup, o.cutmix);
}

Augmented::Augmented(const SampleSource& source, Augmentation options) : source_(source), options_(std::move(options)) {
  check_augmentation("Augmented", options_, source.sample_shape());
  if (source.labels_per_sample() != 1) {
    throw std::invalid_argument(detail::formatted(
        "Augmented: a sample has {} labels, but it must have one: those of its parts would have to be moved "
        "with them",
        source.labels_per_sample()));
  }
}

void Augmented::begin_epoch(std::int64_t epoch, std::uint64_t seed) const {
  epoch_ = epoch;
  seed_ = seed;
  source_.begin_epoch(epoch, seed);
}

void Augmented::gather_unmixed(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const {
  source_.gather(indices, n, out, labels);
  augment(options_, sample_shape(), out, indices, n, seed_, epoch_);
}

void Augmented::gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const {
  if (options_.mixup > 0 || options_.cutmix > 0) {
    throw std::invalid_argument(
        "Augmented::gather: mixup and cutmix give a sample two labels, which gather_mixed can tell, and gather cannot");
  }
  gather_unmixed(indices, n, out, labels);
}

void Augmented::gather_mixed(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels,
                             std::int32_t* other_labels, float* shares) const {
  const auto size = static_cast<std::size_t>(n * sample_shape().elements());
  if (unmixed_.size() < size) unmixed_.resize(size);
  gather_unmixed(indices, n, unmixed_.data(), labels);
  mix_samples(options_, sample_shape(), unmixed_.data(), indices, labels, n, seed_, epoch_, out, other_labels, shares);
}

}  // namespace hubel
