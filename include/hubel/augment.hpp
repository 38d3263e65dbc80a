// Random changes to training images, made anew in every epoch, and the mixing of pairs of them; the means and
// deviations to normalise with.
//
// What becomes of a sample depends on (seed, epoch, index of the sample) alone, not on its batch nor the number of
// threads: the random numbers are Philox's (random.hpp), counted from the sample. Mixing depends on the batch besides.
#pragma once

#include <cstdint>
#include <vector>

#include "hubel/tensor.hpp"
#include "hubel/trainer.hpp"

namespace hubel {

// What lies outside an image: 0 (black, before normalisation), or the image mirrored at its outermost pixels, which are
// not repeated (NumPy's "reflect").
enum class Border { zero, reflect };

// The changes in the order in which they are made. By default there are none.
struct Augmentation {
  // Geometry: all of it is one resampling, bilinear, or an exact copy where pixels come to lie on pixels. A part of the
  // image takes its place, which is sheared, zoomed and turned about its middle, moved, and mirrored.
  //
  // The random part, spread over the image's own size so that its outermost pixels come to lie on the image's, and none
  // is mixed with the border (Szegedy et al. 2015; torchvision's RandomResizedCrop, whose pixels' edges meet, and whose
  // defaults are 0.08, 1, 3/4 and 4/3): an area uniform in [crop_area_min, crop_area_max] of the image's, a width
  // beside the height log-uniform in [crop_ratio_min, crop_ratio_max], in whole pixels, anywhere in the image. One that
  // does not fit is drawn again, up to ten times; then it is the largest in the middle whose ratio is in the range.
  // Without it, crop_area_min is 1. Areas in [1e-6, 1], ratios in [0.01, 100].
  double crop_area_min = 1, crop_area_max = 1;
  double crop_ratio_min = 3.0 / 4, crop_ratio_max = 4.0 / 3;
  double shear = 0;                   // sideways, by an angle uniform in [-shear, shear] degrees, in [0, 80]
  double zoom_min = 1, zoom_max = 1;  // by a factor uniform in [zoom_min, zoom_max], in [0.01, 100]; above 1 enlarges
  double rotation = 0;                // by an angle uniform in [-rotation, rotation] degrees, in [0, 180]
  double shift = 0;                   // along each axis by a share of its extent uniform in [-shift, shift], in [0, 1]
  // A random crop: as if that many pixels were put around the image and a part of its own size cut out of it, that is
  // a move by whole pixels, uniform in {-crop_padding, ..., crop_padding} along each axis. At most 65536.
  std::int64_t crop_padding = 0;
  double flip_horizontal = 0, flip_vertical = 0;  // the probabilities of being mirrored left to right, top to bottom
  Border border = Border::zero;

  // Brightness and contrast: x is multiplied by a factor uniform in [1 - brightness, 1 + brightness], then its
  // distance from the image's mean (over pixels and channels) by one in [1 - contrast, 1 + contrast]. Both in [0, 1].
  // Nothing is clipped.
  double brightness = 0, contrast = 0;
  // Colours, of images of red, green and blue only: a pixel's distance from its grey (0.299 r + 0.587 g + 0.114 b) is
  // multiplied by a factor uniform in [1 - saturation, 1 + saturation], in [0, 1]; its hue, of HSV, is turned by a
  // share of the circle uniform in [-hue, hue], in [0, 0.5]; with the probability `grayscale` it becomes its grey.
  // Nothing is clipped.
  double saturation = 0, hue = 0, grayscale = 0;
  double noise = 0;  // to each number one of the normal distribution of this standard deviation is added; in [0, 1000]
  // Normalisation to (x - mean) / stddev: one number a channel, or one for all channels, or none. stddev above 0.
  std::vector<double> mean{}, stddev{};

  // Cutout (DeVries & Taylor 2017): a square of so many pixels a side is set to 0, which after normalisation is the
  // mean. Its centre is any pixel, so that part of it may lie outside.
  std::int64_t cutout = 0;
  // Random erasing (Zhong, Zheng, Kang, Li & Yang 2020): with this probability a rectangle is set to 0, of an area
  // uniform in [0.02, 0.4] of the image's and a ratio of its sides log-uniform in [0.3, 1/0.3].
  double erase = 0;

  // Mixing, which gather_mixed and mix_samples do. Each sample is mixed with another of its batch, of which it keeps
  // the share lambda ~ Beta(alpha, alpha): as a weighted mean (mixup: Zhang, Cisse, Dauphin & Lopez-Paz 2018), or with
  // a rectangle of the other's pixels, of the share 1 - lambda of the area and the image's own proportions, pasted into
  // it (cutmix: Yun, Han, Oh, Chun, Choe & Yoo 2019; what lies outside the image is cut off, and lambda is what in
  // truth was left). These are the alphas; 0 is without. With both, each sample has either with probability 1/2.
  double mixup = 0, cutmix = 0;
};

// Throws std::invalid_argument that begins with `who` and names the option, when it is out of its range or does not fit
// images of shape (h, w, c), as colours do not where c is not 3.
void check_augmentation(const char* who, const Augmentation& options, const Shape& sample_shape);

// All options in one line: "zoom_min=0.9 zoom_max=1.1 ...".
std::string augmentation_text(const Augmentation& options);

// Changes n images (n, h, w, c) in place, all but the mixing; indices (n) are their numbers in the data set. Images are
// shared out over the threads; nothing is allocated when it is repeated. Throws as check_augmentation does.
void augment(const Augmentation& options, const Shape& sample_shape, float* images, const std::int32_t* indices,
             std::int64_t n, std::uint64_t seed, std::int64_t epoch);

// Mixes n images (n, h, w, c) among themselves: out may not be images. Each is mixed with the one that lies a number of
// places further on, from the end back to the beginning; the number depends on (seed, epoch, indices[0]). Writes the
// others' labels to other_labels (n), and to shares (n) what is left of each sample itself, in [0, 1]. Without mixup
// and cutmix, and for a batch of one, images are copied and shares are 1. Throws as check_augmentation does.
void mix_samples(const Augmentation& options, const Shape& sample_shape, const float* images,
                 const std::int32_t* indices, const std::int32_t* labels, std::int64_t n, std::uint64_t seed,
                 std::int64_t epoch, float* out, std::int32_t* other_labels, float* shares);

// Rows of probabilities (n, classes) of mixed samples: shares[i] at labels[i] and the rest of 1 at other_labels[i].
// Throws std::invalid_argument for a label outside [0, classes).
void soft_targets(const std::int32_t* labels, const std::int32_t* other_labels, const float* shares, std::int64_t n,
                  std::int32_t classes, float* out);

// The samples of another source, changed. Before the first begin_epoch, seed and epoch are 0.
class Augmented : public SampleSource {
 public:
  // `source`, of images (h, w, c) with one label each, must outlive this. Throws as check_augmentation does.
  Augmented(const SampleSource& source, Augmentation options);

  std::int64_t count() const override { return source_.count(); }
  Shape sample_shape() const override { return source_.sample_shape(); }
  void begin_epoch(std::int64_t epoch, std::uint64_t seed) const override;
  std::int64_t begin_batch(std::int64_t n) const override { return source_.begin_batch(n); }
  std::string changes() const override { return augmentation_text(options_); }
  // Throws std::invalid_argument when the options mix samples, which takes more than one label each.
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const override;
  std::int64_t weights_per_sample() const override { return source_.weights_per_sample(); }
  void gather_weights(const std::int32_t* indices, std::int64_t n, float* weights) const override {
    source_.gather_weights(indices, n, weights);
  }
  // The same and mixed: see mix_samples. No array may be null.
  void gather_mixed(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels,
                    std::int32_t* other_labels, float* shares) const;

  const Augmentation& options() const { return options_; }

 private:
  void gather_unmixed(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const;

  const SampleSource& source_;
  Augmentation options_;
  mutable std::uint64_t seed_ = 0;
  mutable std::int64_t epoch_ = 0;
  mutable std::vector<float> unmixed_;  // a batch, before it is mixed
};

// The mixed samples of an Augmented, with rows of probabilities for their targets: to be trained on with CrossEntropy.
class Mixed : public TargetSource {
 public:
  // `source` must outlive this. Throws std::invalid_argument for fewer than one class, and for samples with weights: a
  // mixture's loss is not a multiple of either's.
  Mixed(const Augmented& source, std::int32_t classes);

  std::int64_t count() const override { return source_.count(); }
  Shape sample_shape() const override { return source_.sample_shape(); }
  Shape target_shape() const override { return {classes_}; }
  void begin_epoch(std::int64_t epoch, std::uint64_t seed) const override { source_.begin_epoch(epoch, seed); }
  std::int64_t begin_batch(std::int64_t n) const override { return source_.begin_batch(n); }
  std::string changes() const override { return source_.changes(); }
  // Throws std::invalid_argument for a label outside [0, classes).
  void gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const override;

 private:
  const Augmented& source_;
  std::int32_t classes_;
  mutable std::vector<std::int32_t> labels_;  // of a batch, and the others' with which it is mixed
  mutable std::vector<float> shares_;
};

// The samples of a source that has targets, changed as Augmented and gather_mixed change them; the targets of mixed
// samples are mixed in the same shares. Before the first begin_epoch, seed and epoch are 0.
class AugmentedTargets : public TargetSource {
 public:
  // `source`, of images (h, w, c), must outlive this. Throws as check_augmentation does, and std::invalid_argument for
  // targets of more than one row, such as images, which would have to be moved too, and, as Mixed, for weights of mixed
  // samples.
  AugmentedTargets(const TargetSource& source, Augmentation options);

  std::int64_t count() const override { return source_.count(); }
  Shape sample_shape() const override { return source_.sample_shape(); }
  Shape target_shape() const override { return source_.target_shape(); }
  TensorView<const float> all_targets() const override { return source_.all_targets(); }
  void begin_epoch(std::int64_t epoch, std::uint64_t seed) const override;
  std::int64_t begin_batch(std::int64_t n) const override { return source_.begin_batch(n); }
  std::string changes() const override { return augmentation_text(options_); }
  void gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const override;
  std::int64_t weights_per_sample() const override { return source_.weights_per_sample(); }
  void gather_weights(const std::int32_t* indices, std::int64_t n, float* weights) const override {
    source_.gather_weights(indices, n, weights);
  }

 private:
  void gather_mixed(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const;

  const TargetSource& source_;
  Augmentation options_;
  mutable std::uint64_t seed_ = 0;
  mutable std::int64_t epoch_ = 0;
  mutable std::vector<float> unmixed_, unmixed_targets_, shares_;  // of a batch
  mutable std::vector<std::int32_t> places_;                       // in it, and the others' with which it is mixed
};

// The mean and the standard deviation (of all values, divided by their number) of each channel.
struct ChannelStatistics {
  std::vector<double> mean, stddev;  // c numbers each
};

// Over all samples (..., c) of a source, in one pass over it, batch by batch. The bits do not depend on the number of
// threads. Throws std::invalid_argument when there are no values or batch_size is below 1.
ChannelStatistics channel_statistics(const SampleSource& source, std::int64_t batch_size = 256);

}  // namespace hubel
