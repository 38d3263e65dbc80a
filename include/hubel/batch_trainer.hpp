// Training by hand, a batch at a time, for loops of one's own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hubel/trainer.hpp"

namespace hubel {

// What a step goes by; each is as TrainOptions has it.
struct StepOptions {
  OptimizerOptions optimizer = Adam{};
  Loss loss = CrossEntropy{};
  std::vector<OutputLoss> losses = {};
  std::int64_t top_k = 0;
  double clip_value = 0, clip_parameter_norm = 0, clip_norm = 0;
  std::uint64_t seed = 0;  // of dropout, whose masks are of the seed and the number of the step
};

// Goes fit's steps: over the same batches, with the learning rate that a schedule would give, to the same bits. It owns
// the optimizer's moments; what is frozen when it is made stays so. It keeps a reference to the network, which must
// outlive it and stay where it is, and may change the network's weights between two steps, or have others do so.
class BatchTrainer {
 public:
  // `who` begins messages. Throws std::invalid_argument for options out of range or losses that are not the network's.
  BatchTrainer(Network<float>& network, const StepOptions& options, std::string who = "BatchTrainer");
  ~BatchTrainer();
  BatchTrainer(BatchTrainer&&) noexcept;
  BatchTrainer& operator=(BatchTrainer&&) noexcept;

  // A step on all samples of `batch` together, at the optimizer's learning rate times `scale`. Returns what they came
  // to before it: see Evaluation; on_batch is told of it too. Memory is taken anew where a batch is larger than all
  // before. Throws as fit does, with the weights as they were.
  Evaluation step(const SampleSource& batch, double scale = 1,
                  const std::function<void(const BatchResult&)>& on_batch = {});

  std::int64_t steps() const;  // that it has gone

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hubel
