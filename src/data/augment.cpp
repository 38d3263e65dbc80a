// The changes to single images, with their random numbers.
#include "hubel/augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "data/affine.hpp"
#include "data/augment_ranges.hpp"
#include "data/colour.hpp"
#include "hubel/random.hpp"
#include "ops/parallel.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

// Streams of random numbers below 2^33 belong to the parameters and the shuffles (network.cpp, trainer.cpp).
constexpr std::uint64_t kStreams = std::uint64_t{1} << 40;
// Those after mix.cpp's: of random parts, of which a sample has four numbers for each try; and of noise, of which it
// has a number for each of its own.
constexpr std::uint64_t kPartStreams = std::uint64_t{3} << 40, kNoiseStreams = std::uint64_t{4} << 40;
constexpr std::uint64_t kNoiseDraws = std::uint64_t{1} << 32;

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
  kShear,
  kSaturation,
  kHue,
  kGrayscale,
  kEraseTries = 24  // four for each try
};
constexpr std::uint64_t kMaxTries = 10;
static_assert(kEraseTries + 4 * kMaxTries <= kDraws);

// A sample of an epoch, as the random numbers tell it from others.
struct Sample {
  std::uint64_t seed;
  std::int64_t epoch;
  std::int32_t index;

  Random random(std::uint64_t streams) const { return Random(seed, streams + static_cast<std::uint64_t>(epoch)); }
  // The first of its numbers, when samples have so many each.
  std::uint64_t first(std::uint64_t draws) const { return std::uint64_t{static_cast<std::uint32_t>(index)} * draws; }
};

class Draws {
 public:
  Draws(const Sample& sample, std::uint64_t streams, std::uint64_t draws)
      : random_(sample.random(streams)), first_(sample.first(draws)) {}

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
         o.flip_horizontal > 0 || o.flip_vertical > 0 || o.crop_area_min < 1 || o.shear > 0;
}

// The largest part in the middle that is `ratio` times as wide as it is high.
detail::Part middle_part(const Shape& shape, double ratio) {
  const auto height = static_cast<double>(shape[0]), width = static_cast<double>(shape[1]);
  const auto within = [](double extent, std::int64_t most) {
    return std::clamp<std::int64_t>(std::llround(extent), 1, most);
  };
  const std::int64_t h = within(width / ratio, shape[0]), w = within(height * ratio, shape[1]);
  return {(shape[0] - h) / 2, (shape[1] - w) / 2, h, w};
}

detail::Part random_part(const Augmentation& o, const Shape& shape, const Draws& draws) {
  const auto pixels = static_cast<double>(shape[0] * shape[1]);
  for (std::uint64_t draw = 0; draw < 4 * kMaxTries; draw += 4) {
    const double area = pixels * draws.between(draw, o.crop_area_min, o.crop_area_max);
    const double ratio = std::exp(draws.between(draw + 1, std::log(o.crop_ratio_min), std::log(o.crop_ratio_max)));
    const std::int64_t height = std::llround(std::sqrt(area / ratio)), width = std::llround(std::sqrt(area * ratio));
    if (height < 1 || width < 1 || height > shape[0] || width > shape[1]) continue;
    return {draws.below(draw + 2, shape[0] - height + 1), draws.below(draw + 3, shape[1] - width + 1), height, width};
  }
  const double own_ratio = static_cast<double>(shape[1]) / static_cast<double>(shape[0]);
  return middle_part(shape, std::clamp(own_ratio, o.crop_ratio_min, o.crop_ratio_max));
}

detail::Movement movement(const Augmentation& o, const Shape& shape, const Sample& sample, const Draws& draws) {
  detail::Movement m;
  if (o.crop_area_min < 1) m.part = random_part(o, shape, Draws(sample, kPartStreams, 4 * kMaxTries));
  m.shear = draws.between(kShear, -o.shear, o.shear) * std::numbers::pi / 180;
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

// Brightness and contrast: x * factor + term.
struct Tones {
  double factor = 1, term = 0;
};

Tones tones_of(const Augmentation& o, const Draws& draws, const float* image, std::int64_t size) {
  const double brightness = draws.between(kBrightness, 1 - o.brightness, 1 + o.brightness);
  const double contrast = draws.between(kContrast, 1 - o.contrast, 1 + o.contrast);
  return {contrast * brightness, o.contrast > 0 ? (1 - contrast) * brightness * mean_of(image, size) : 0};
}

bool changes_colours(const Augmentation& o) { return o.saturation > 0 || o.hue > 0 || o.grayscale > 0; }

detail::ColourChange colour_change(const Augmentation& o, const Draws& draws) {
  return {draws.between(kSaturation, 1 - o.saturation, 1 + o.saturation), draws.between(kHue, -o.hue, o.hue),
          draws.chance(kGrayscale, o.grayscale)};
}

void add_noise(double stddev, const Sample& sample, std::int64_t size, float* image) {
  const Random random = sample.random(kNoiseStreams);
  const std::uint64_t first = sample.first(kNoiseDraws / 2);
  for (std::int64_t i = 0; i < size; i += 2) {
    const std::array<double, 2> pair = random.normal_pair(first + static_cast<std::uint64_t>(i / 2));
    image[i] += static_cast<float>(stddev * pair[0]);
    if (i + 1 < size) image[i + 1] += static_cast<float>(stddev * pair[1]);
  }
}

// Tones and normalisation together are x * factor[c] + term[c]; factor and term have room for a number a channel.
void change_tones(const Tones& tones, const std::vector<double>& mean, const std::vector<double>& stddev,
                  const Shape& shape, float* factor, float* term, float* image) {
  const std::int64_t channels = shape[2], size = shape.elements();
  for (std::int64_t c = 0; c < channels; ++c) {
    const double size_of_one = of_channel(stddev, c, 1);
    factor[c] = static_cast<float>(tones.factor / size_of_one);
    term[c] = static_cast<float>((tones.term - of_channel(mean, c, 0)) / size_of_one);
  }
  for (std::int64_t i = 0; i < size; i += channels) {
    for (std::int64_t c = 0; c < channels; ++c) image[i + c] = image[i + c] * factor[c] + term[c];
  }
}

// All that is done to colours: tones, colours, noise and normalisation. `room` is for two numbers a channel.
void recolour(const Augmentation& o, const Shape& shape, const Sample& sample, const Draws& draws, float* room,
              float* image) {
  const bool toned = o.brightness > 0 || o.contrast > 0, normalised = !o.mean.empty() || !o.stddev.empty();
  float *factor = room, *term = room + shape[2];
  Tones tones;
  if (toned) tones = tones_of(o, draws, image, shape.elements());
  if (changes_colours(o) || o.noise > 0) {
    if (toned) change_tones(std::exchange(tones, {}), {}, {}, shape, factor, term, image);
    if (changes_colours(o)) change_colours(colour_change(o, draws), shape[0] * shape[1], image);
    if (o.noise > 0) add_noise(o.noise, sample, shape.elements(), image);
    if (!normalised) return;
  }
  if (toned || normalised) change_tones(tones, o.mean, o.stddev, shape, factor, term, image);
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

void augment_one(const Augmentation& o, const Shape& shape, const Sample& sample, float* image) {
  const Draws draws(sample, kStreams, kDraws);
  const std::int64_t size = shape.elements(), channels = shape[2];
  float* room = detail::scratch<float>(detail::Scratch::augmented, static_cast<std::size_t>(size + 2 * channels));
  if (moves(o)) {
    std::copy_n(image, size, room);
    resample_affine(affine_map(shape[0], shape[1], movement(o, shape, sample, draws)), o.border, shape, room, image);
  }
  recolour(o, shape, sample, draws, room + size, image);
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
  if (changes_colours(o) && sample_shape[2] != 3) {
    throw std::invalid_argument(detail::formatted(
        "{}: saturation, hue and grayscale are of red, green and blue, but the images {} have {} {}", who,
        sample_shape.to_string(), sample_shape[2], sample_shape[2] == 1 ? "channel" : "channels"));
  }
}

void augment(const Augmentation& options, const Shape& sample_shape, float* images, const std::int32_t* indices,
             std::int64_t n, std::uint64_t seed, std::int64_t epoch) {
  check_augmentation("augment", options, sample_shape);
  const std::int64_t size = sample_shape.elements();
  if (size == 0) return;
  constexpr double kFlopsAValue = 30;  // of a resampling; the rest is little beside it
  detail::parallel_for(n, kFlopsAValue * static_cast<double>(n * size), [&](std::int64_t i) {
    augment_one(options, sample_shape, {seed, epoch, indices[i]}, images + i * size);
  });
}

std::string augmentation_text(const Augmentation& o) {
  return detail::formatted(
      "crop_area_min={} crop_area_max={} crop_ratio_min={} crop_ratio_max={} shear={} zoom_min={} zoom_max={} "
      "rotation={} shift={} crop_padding={} flip_horizontal={} flip_vertical={} border={} brightness={} contrast={} "
      "saturation={} hue={} grayscale={} noise={} mean=[{}] stddev=[{}] cutout={} erase={} mixup={} cutmix={}",
      o.crop_area_min, o.crop_area_max, o.crop_ratio_min, o.crop_ratio_max, o.shear, o.zoom_min, o.zoom_max, o.rotation,
      o.shift, o.crop_padding, o.flip_horizontal, o.flip_vertical, o.border == Border::reflect ? "reflect" : "zero",
      o.brightness, o.contrast, o.saturation, o.hue, o.grayscale, o.noise, detail::joined(o.mean, ", "),
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
