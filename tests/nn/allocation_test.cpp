// Nothing is allocated while training, nor where an operation is repeated: this program counts every operator new.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "hubel/adaptive_pool.hpp"
#include "hubel/augment.hpp"
#include "hubel/clip.hpp"
#include "hubel/dataset.hpp"
#include "hubel/loss.hpp"
#include "hubel/moving_average.hpp"
#include "hubel/pad.hpp"
#include "hubel/resize.hpp"
#include "hubel/weighted.hpp"
#include "nn/check_gradients.hpp"
#include "nn/joint_testing.hpp"
#include "nn/nn_testing.hpp"

namespace {
std::atomic<std::int64_t> allocations{0};

// Not inlined: seeing through it, compilers leave allocations out, or warn of free for what new has made.
[[gnu::noinline]] void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  // aligned_alloc wants a multiple of the alignment.
  if (void* p = std::aligned_alloc(alignment, (size + alignment) / alignment * alignment)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void release(void* p) { std::free(p); }
}  // namespace

// Each form by itself: a sanitizer has array forms of its own, which do not come by the others.
void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
// std::stable_sort asks in this way.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return counted(size, alignof(std::max_align_t));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace hubel::test {
namespace {

template <class Call>
std::int64_t allocations_of(const Call& call) {
  const std::int64_t before = allocations;
  call();
  return allocations - before;
}

TEST(Allocation, IsCounted) {
  EXPECT_EQ(allocations_of([] { operator delete(operator new(4)); }), 1);
  EXPECT_EQ(allocations_of([] {
              const Tensor<float> x(Shape{3});
              volatile float first = x.data()[0];
              (void)first;
            }),
            1);
}

// On one thread, for there the scratch memory that the operations keep is at its largest after the first batch.
TEST(Allocation, NoneInForwardBackwardAndStep) {
  with_threads(1, [] {
    for (const std::vector<Layer>& layers : {lenet5_layers(4), quadrant_layers()}) {
      Network<float> network({32, 32, 1}, layers, 1);
      Execution<float> execution(network, 16, Execution<float>::Mode::training);
      const Tensor<float> x = random_tensor<float>({16, 32, 32, 1}, 1), dout = random_tensor<float>({16, 4}, 2);
      const std::vector<std::int32_t> labels(16, 3);
      for (const OptimizerOptions& options : {OptimizerOptions(SGD{.momentum = 0.9}), OptimizerOptions(AdamW{}),
                                              OptimizerOptions(LAMB{}), OptimizerOptions(Nadam{})}) {
        Optimizer<float> optimizer(options, std::as_const(network).parameters());
        WeightAverage<float> average(std::as_const(network).parameters());
        const auto run = [&](std::int64_t m) {
          const TensorView<const float> batch(x.data(), Shape{m, 32, 32, 1});
          const auto batch_labels = std::span(labels).first(static_cast<std::size_t>(m));
          execution.forward(batch);
          execution.backward({dout.data(), Shape{m, 4}});
          execution.loss(batch, batch_labels);
          execution.loss_and_gradients(batch, batch_labels);
          clip_by_global_norm(execution.gradients(), 1);
          optimizer.step(network.parameters(), execution.gradients());
          average.update(std::as_const(network).parameters());
          compute_loss(Huber{}, dout, dout);
          compute_loss(CrossEntropy{.label_smoothing = 0.1}, execution.logits(), batch_labels);
        };
        run(16);
        EXPECT_EQ(allocations_of([&] {
                    for (const std::int64_t m : {16, 5, 0, 1, 16}) run(m);
                  }),
                  0);
      }
    }
  });
}

TEST(Allocation, NoneWithSeveralInputsAndOutputs) {
  with_threads(1, [] {
    Graph graph;
    const auto a = graph.add_input({8, 8, 2}), b = graph.add_input({3});
    const auto x = graph(Conv2D{.filters = 4, .activation = Activation::relu}, a);
    const auto y = graph(Dense{.units = 3, .activation = Activation::softmax}, graph(Flatten{}, x));
    graph.set_outputs({x, graph(Add{}, {y, b}), y});
    const Network<float> network(graph, 1);
    const auto xs = random_batches<float>(network.input_shapes(), 9, 1);
    const auto douts = random_batches<float>(network.output_shapes(), 9, 2);
    const auto x_views = views_of(xs), dout_views = views_of(douts);
    Execution<float> training(network, 9, Execution<float>::Mode::training);
    Execution<float> frozen(network, 9, Execution<float>::Mode::frozen);
    const auto run = [&] {
      training.forward(x_views);
      training.backward(dout_views);
      frozen.forward(x_views);
    };
    run();
    EXPECT_EQ(allocations_of(run), 0);
  });
}

TEST(Allocation, NoneInInference) {
  with_threads(1, [] {
    Network<float> network = lenet5(1);
    Execution<float> execution(network, 9, Execution<float>::Mode::inference);
    const Tensor<float> x = random_tensor<float>({9, 28, 28, 1}, 1);
    const auto run = [&](std::int64_t m) { execution.forward({x.data(), Shape{m, 28, 28, 1}}); };
    run(9);
    EXPECT_EQ(allocations_of([&] {
                for (const std::int64_t m : {1, 9, 0, 3}) run(m);
                network.parameter("conv2d_1.kernel").value[0] = 1;
                run(1);
              }),
              0);
  });
}

TEST(Allocation, NoneInOperationsOnImagesThatAreRepeated) {
  with_threads(1, [] {
    const Tensor<float> x = random_tensor<float>({2, 14, 15, 5}, 1);
    const Margins margins{1, 2, 3, 4};
    const auto repeats = [&](auto forward, auto backward, const Shape& output) {
      Tensor<float> y(output), dx(x.shape());
      const auto run = [&] { forward(y), backward(y, dx); };
      run();
      EXPECT_EQ(allocations_of(run), 0) << output.to_string();
    };
    for (const PoolMode mode : {PoolMode::max, PoolMode::avg}) {
      const PoolOptions pool{{3, 3}, {2, 2}, mode, Padding::all(1)};
      repeats([&](TensorView<float> y) { pool_forward(x, pool, y); },
              [&](TensorView<const float> y, TensorView<float> dx) { pool_backward(y, x, pool, dx); },
              pool_output_shape(x.shape(), pool));
      for (const std::int64_t size : {1, 4})
        repeats(
            [&](TensorView<float> y) {
              adaptive_pool_forward(x, {size, size}, mode, y);
            },
            [&](TensorView<const float> y, TensorView<float> dx) { adaptive_pool_backward(y, x, mode, dx); },
            {2, size, size, 5});
    }
    for (const Interpolation interpolation :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic}) {
      const ResizeOptions resize{{20, 21}, interpolation};
      repeats([&](TensorView<float> y) { resize_forward(x, resize, y); },
              [&](TensorView<const float> y, TensorView<float> dx) { resize_backward(y, resize, dx); },
              resize_output_shape(x.shape(), resize));
    }
    repeats([&](TensorView<float> y) { pad_forward(x, margins, 1, y); },
            [&](TensorView<const float> y, TensorView<float> dx) { pad_backward(y, margins, dx); },
            pad_output_shape(x.shape(), margins));
    repeats(
        [&](TensorView<float> y) { border_pad_forward(x, margins, PadMode::reflect, y); },
        [&](TensorView<const float> y, TensorView<float> dx) { border_pad_backward(y, margins, PadMode::reflect, dx); },
        pad_output_shape(x.shape(), margins));
  });
}

TEST(Allocation, NoneInNoiseOrdersSlicesAndNormsOfPixels) {
  with_threads(1, [] {
    const std::vector<Layer> layers = {
        GaussianNoise{0.1},   Padding2D{},         SpaceToDepth{2},       Dense{.units = 12},    RMSNorm{},
        LayerScale{0.5},      ChannelSlice{2, 10}, Reshape{{5, 5, 2, 4}}, Permute{{1, 2, 4, 3}}, Reshape{{5, 5, 8}},
        GaussianDropout{0.2}, UnitNorm{},          AlphaDropout{0.1},     DepthToSpace{2}};
    const Network<float> network({8, 8, 3}, layers, 1);
    const Tensor<float> x = random_tensor<float>({3, 8, 8, 3}, 1), dout = random_tensor<float>({3, 10, 10, 2}, 2);
    Execution<float> training(network, 3, Execution<float>::Mode::training);
    Execution<float> frozen(network, 3, Execution<float>::Mode::frozen);
    const auto run = [&] {
      training.forward(x);
      training.backward(dout);
      frozen.forward(x);
    };
    run();
    EXPECT_EQ(allocations_of(run), 0);
  });
}

// The same with everything that a step can have besides.
TEST(Allocation, NoneFromStepToStepOfABusyFit) {
  with_threads(1, [] {
    const Samples samples = quadrants(100, 1);
    Network<float> network = quadrant_network(1);
    TrainOptions options;
    options.epochs = 3;
    options.batch_size = 8;
    options.schedule = StepSchedule{.every = 1};
    options.loss = CrossEntropy{.label_smoothing = 0.1, .class_weights = {1, 2, 3, 4}};
    options.clip_value = 1;
    options.clip_parameter_norm = 1;
    options.clip_norm = 1;
    options.average = AverageOptions{.decay = 0.9};
    options.top_k = 2;
    std::int64_t after_first_step = 0, steps = 0;
    options.on_step = [&](const TrainProgress& progress) {
      if (progress.step == 1) after_first_step = allocations;
      EXPECT_EQ(allocations, after_first_step) << "epoch " << progress.epoch << ", step " << progress.step;
      ++steps;
      return true;
    };
    fit(network, samples, options);
    EXPECT_EQ(steps, 3 * 13);
  });
}

TEST(Allocation, NoneFromStepToStepOfFit) {
  with_threads(1, [] {
    const Samples samples = quadrants(100, 1);
    Network<float> network = quadrant_network(1);
    TrainOptions options;
    options.epochs = 3;
    options.batch_size = 8;
    options.schedule = Schedule::one_cycle;
    std::int64_t after_first_step = 0, steps = 0;
    options.on_step = [&](const TrainProgress& progress) {
      if (progress.step == 1) after_first_step = allocations;
      EXPECT_EQ(allocations, after_first_step) << "epoch " << progress.epoch << ", step " << progress.step;
      ++steps;
      return true;
    };
    fit(network, samples, options);
    EXPECT_EQ(steps, 3 * 13);
  });
}

TEST(Allocation, NoneFromStepToStepWithSeveralInputsAndOutputs) {
  with_threads(1, [] {
    const JointSamples samples = joint_samples(50, 1);
    const std::vector<float> weights(50, 0.5f);
    const Weighted weighted(samples, weights);
    for (const SampleSource* source :
         {static_cast<const SampleSource*>(&samples), static_cast<const SampleSource*>(&weighted)}) {
      Network<float> network = joint_network(1);
      TrainOptions options = joint_options(3);
      std::int64_t after_first_step = 0, steps = 0;
      options.on_batch = [](const BatchResult& batch) { EXPECT_EQ(batch.outputs.shape()[0] % 2, 0); };
      options.on_step = [&](const TrainProgress& progress) {
        if (progress.step == 1) after_first_step = allocations;
        // In the first epoch the last batch, being smaller, gets scratch memory that the others have no use for.
        if (progress.epoch > 1) {
          EXPECT_EQ(allocations, after_first_step) << "epoch " << progress.epoch << ", step " << progress.step;
        }
        EXPECT_EQ(progress.outputs.size(), 3u);
        ++steps;
        return true;
      };
      fit(network, *source, options);
      EXPECT_EQ(steps, 3 * 4);
    }
  });
}

TEST(Allocation, NoneWhereLayersShareWeights) {
  with_threads(1, [] {
    Graph graph({8, 8, 1});
    const auto x = graph(Conv2D{.filters = 1, .padding = Padding::same()}, graph.input());
    const auto y = graph(Dense{.units = 4}, graph(Flatten{}, graph.again(x, x)));
    const auto z = graph(Dense{.units = 4}, y);
    graph.again(z, z);
    const Network<float> network(graph, 1);
    Execution<float> execution(network, 5, Execution<float>::Mode::training);
    const Samples samples = quadrants(5, 1);
    const auto run = [&] { execution.loss_and_gradients(samples.x(), samples.labels()); };
    run();
    EXPECT_EQ(allocations_of(run), 0);
  });
}

TEST(Allocation, NoneWhenBatchesAreAugmented) {
  with_threads(1, [] {
    Dataset data;
    data.shape = {20, 9, 7, 3};
    data.pixels = std::vector<std::uint8_t>(20 * 9 * 7 * 3, 100);
    data.labels.assign(20, 1);
    Augmentation options;
    options.rotation = 10, options.contrast = 0.5, options.mean = {0.5}, options.cutout = 2, options.erase = 0.5;
    options.mixup = options.cutmix = 1;
    const Augmented augmented(data, options);
    const std::vector<std::int32_t> indices{3, 9, 1, 19};
    std::vector<float> out(4 * 9 * 7 * 3), shares(4);
    std::vector<std::int32_t> labels(4), others(4);
    const auto run = [&](std::int64_t n) {
      augmented.gather_mixed(indices.data(), n, out.data(), labels.data(), others.data(), shares.data());
    };
    run(4);
    EXPECT_EQ(allocations_of([&] {
                for (const std::int64_t epoch : {1, 2}) {
                  augmented.begin_epoch(epoch, 5);
                  for (const std::int64_t n : {4, 1, 0, 3}) run(n);
                }
              }),
              0);
  });
}

}  // namespace
}  // namespace hubel::test
