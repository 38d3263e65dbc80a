// Checkpoints: a training goes on from a file to the same bits, and what is no checkpoint of it is refused.
#include "hubel/checkpoint.hpp"

#include <fstream>
#include <limits>

#include "hubel/model_file.hpp"
#include "io/io_testing.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

TrainOptions options() {
  TrainOptions o;
  o.epochs = 3;
  o.batch_size = 16;
  o.schedule = Schedule::cosine;
  o.early_stopping = EarlyStoppingOptions{.patience = 2};  // whose best is infinite in the first epoch
  o.average = AverageOptions{.decay = 0.9};
  return o;
}

// Stops a training after some steps, its checkpoint at `path`.
void stop_after(std::int64_t steps, const Samples& train, const std::string& path) {
  Network<float> network = quadrant_network(5);
  TrainOptions o = options();
  o.save_state = [&](const TrainingState& state) { save_checkpoint(state, network, path); };
  o.on_step = [&](const TrainProgress& p) { return p.all_steps < steps; };
  fit(network, train, o);
}

TEST(Checkpoint, GoesOnToTheSameBits) {
  const Folder folder;
  const Samples train = quadrants(64, 1);
  Network<float> whole = quadrant_network(5);
  fit(whole, train, options());
  for (const std::int64_t steps : {1, 4, 7, 11}) {
    stop_after(steps, train, folder / "c");
    Network<float> network = quadrant_network(77);
    const Checkpoint checkpoint = load_checkpoint(folder / "c", network);
    TrainOptions o = options();
    o.resume = &checkpoint.state;
    fit(network, train, o);
    EXPECT_TRUE(same_weights(network, whole)) << steps;
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"c"});
}

TEST(Checkpoint, KeepsEveryNumber) {
  const Folder folder;
  const Network<float> network = quadrant_network(5);
  TrainingState state;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  state.settings = {{"optimizer", "adam learning_rate=0.1"}, {"a b", "\"quoted\""}};
  state.numbers = {{"third", 1.0 / 3}, {"large", 0x1p53 - 1}, {"tiny", 5e-324}, {"least", -kInfinity}};
  const Tensor<float> tensor = random_tensor<float>(Shape{3, 0, 2}, 1), other = random_tensor<float>(Shape{5}, 1);
  state.tensors = {{"x/a", tensor}, {"y", other}};
  save_checkpoint(state, network, folder / "c");
  const Checkpoint read = load_checkpoint(folder / "c", network);
  EXPECT_EQ(read.state.settings, state.settings);
  EXPECT_EQ(read.state.numbers, state.numbers);
  ASSERT_EQ(read.state.tensors.size(), 2u);
  for (const NamedView<float>& t : read.state.tensors)
    EXPECT_TRUE(same_bits(t.value, t.name == "y" ? other.view() : tensor.view())) << t.name;
}

TEST(Checkpoint, FullDiskLeavesTheOldOne) {
  const Folder folder;
  const Samples train = quadrants(64, 1);
  stop_after(4, train, folder / "c");
  const std::string before = read_file(folder / "c");
  {
    const SizeLimit limit(2000);
    EXPECT_TRUE(fails<IoError>([&] { stop_after(5, train, folder / "c"); }, {folder / "c", "File too large"}));
  }
  EXPECT_EQ(read_file(folder / "c"), before);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"c"});
}

TEST(Checkpoint, GoesWhereNothingElseIsLost) {
  const Folder folder;
  const Samples train = quadrants(64, 1);
  EXPECT_NO_THROW(check_checkpoint_path(folder / "c"));
  std::ofstream(folder / "c").flush();
  EXPECT_NO_THROW(check_checkpoint_path(folder / "c"));  // empty
  stop_after(2, train, folder / "c");
  EXPECT_NO_THROW(check_checkpoint_path(folder / "c"));
  std::ofstream(folder / "text") << "what I wrote";
  Network<float> network = quadrant_network(5);
  save_model(network, folder / "model");
  for (const char* name : {"text", "model"}) EXPECT_THROW(check_checkpoint_path(folder / name), FormatError) << name;
  // And it is neither a model nor weights.
  EXPECT_THROW(load_model(folder / "c"), FormatError);
  try {
    load_weights(network, folder / "c");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("not a file of weights: it is a checkpoint"), std::string::npos)
        << error.what();
  }
}

TEST(Checkpoint, RefusesWhatIsNone) {
  const Folder folder;
  const Samples train = quadrants(64, 1);
  stop_after(4, train, folder / "c");
  Network<float> network = quadrant_network(5);
  save_model(network, folder / "model");
  const auto refused = [&](const std::string& name, const Network<float>& by, const std::vector<std::string>& parts) {
    return fails<FormatError>([&] { load_checkpoint(folder / name, by); }, parts);
  };
  EXPECT_TRUE(refused("model", network, {folder / "model", "not a checkpoint", "\"hubel\""}));
  EXPECT_TRUE(fails<FormatError>([&] { load_model(folder / "c"); }, {"not a model", "it is a checkpoint"}));
  EXPECT_TRUE(fails<IoError>([&] { load_checkpoint(folder / "none", network); }, {folder / "none"}));
  std::vector<Layer> layers = quadrant_layers();
  std::get<Dense>(layers[5]).units = 13;
  EXPECT_TRUE(refused("c", {Shape{8, 8, 1}, layers, 1}, {"another network", "layer 6, dense_1"}));
  layers = quadrant_layers();
  layers.pop_back();
  EXPECT_TRUE(refused("c", {Shape{8, 8, 1}, layers, 1}, {"another network", "7 layers, this one 6"}));
  EXPECT_TRUE(refused("c", {Shape{9, 8, 1}, quadrant_layers(), 1}, {"another network", "(8, 8, 1)", "(9, 8, 1)"}));
  Graph with_two({8, 8, 1}, quadrant_layers());
  with_two.set_outputs({*with_two.find("dense_2"), *with_two.find("dense_1")});
  EXPECT_TRUE(
      refused("c", Network<float>(with_two), {"its output is \"dense_2\", this one's \"dense_2\", \"dense_1\""}));
  Graph named;
  const auto x = named.add_input({8, 8, 1}, "image");
  named.append(network.graph(), x);
  EXPECT_TRUE(refused("c", Network<float>(named), {"its input is \"input\" (8, 8, 1), this one's \"image\""}));
  const std::string whole = read_file(folder / "c");
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
    write_file(folder / "cut", whole.substr(0, size));
    EXPECT_TRUE(refused("cut", network, {folder / "cut"})) << size;
  }
  std::string wrong = whole;
  const std::size_t at = wrong.find("\"number.step\":\"");
  ASSERT_NE(at, std::string::npos);
  wrong[at + std::string_view("\"number.step\":\"").size()] = 'x';
  write_file(folder / "wrong", wrong);
  EXPECT_TRUE(refused("wrong", network, {"number.step", "not a number"}));
  wrong[at + std::string_view("\"number.step\":\"").size()] = '9';  // an epoch has 4
  write_file(folder / "wrong", wrong);
  const Checkpoint checkpoint = load_checkpoint(folder / "wrong", network);
  TrainOptions o = options();
  o.resume = &checkpoint.state;
  EXPECT_TRUE(fails<std::invalid_argument>([&] { fit(network, train, o); }, {"has 9", "\"step\"", folder / "wrong"}));
}

}  // namespace
}  // namespace hubel::test
