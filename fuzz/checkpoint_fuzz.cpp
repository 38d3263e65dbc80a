// Fuzzes the reading of checkpoints, and the training that goes on from what was read: it is refused, or it ends.
#include <algorithm>
#include <stdexcept>

#include "fuzzing.hpp"
#include "hubel/trainer.hpp"
#include "io/checkpoint_source.hpp"

namespace {

// Four samples of two classes.
class Samples : public hubel::SampleSource {
 public:
  std::int64_t count() const override { return 4; }
  hubel::Shape sample_shape() const override { return {3}; }
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const override {
    for (std::int64_t i = 0; i < n; ++i) {
      labels[i] = indices[i] % 2;
      std::fill_n(out + 3 * i, 3, static_cast<float>(indices[i]));
    }
  }
};

// With all that keeps a state.
hubel::TrainOptions options() {
  hubel::TrainOptions o;
  o.epochs = 3;
  o.batch_size = 2;
  o.hard_share = 0.5;
  o.keep_best = true;
  o.average = hubel::AverageOptions{.decay = 0.9, .bias_correction = true};
  o.early_stopping = hubel::EarlyStoppingOptions{.patience = 3};
  o.plateau = hubel::PlateauOptions{.patience = 1, .cooldown = 1};
  return o;
}

hubel::Network<float> network() { return {hubel::Shape{3}, {hubel::Dense{.units = 2}}, 1}; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hubel::fuzz::try_to_read(data, size, [](std::span<const std::byte> bytes) {
    hubel::Network<float> trained = network();
    const hubel::Checkpoint checkpoint =
        hubel::detail::read_checkpoint(hubel::detail::MemorySource(bytes), "fuzz", trained);
    hubel::TrainOptions o = options();
    o.resume = &checkpoint.state;
    const Samples samples;
    try {
      hubel::fit(trained, samples, o, &samples);
    } catch (const std::invalid_argument&) {  // of another training, or impossible
    } catch (const std::runtime_error&) {     // it diverges
    }
  });
}
