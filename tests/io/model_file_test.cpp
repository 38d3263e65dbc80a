// Model files: what is saved is loaded bit for bit, and no bytes whatsoever do harm.
#include "hubel/model_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "hubel/trainer.hpp"
#include "io/io_testing.hpp"
#include "io/model_source.hpp"
#include "nn/nn_testing.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

// A network with every kind of layer and no option at its default.
Network<float> varied_network() {
  return Network<float>(
      {9, 8, 4},
      {Conv2D{.filters = 6,
              .kernel_size = {3, 2},
              .strides = {1, 2},
              .padding = Padding::sides(0, 1, 2, 3),
              .dilation_rate = {2, 1},
              .groups = 2,
              .activation = Activation::leaky_relu,
              .use_bias = false,
              .kernel_initializer = Initializer::glorot_uniform},
       Pool2D{.mode = PoolMode::avg, .pool_size = {2, 1}, .strides = {1, 2}}, ActivationLayer{Activation::hard_swish},
       Conv2D{.filters = 3, .padding = Padding::same()}, Pool2D{.pool_size = {2, 2}, .strides = {3, 3}}, Flatten{},
       Dense{.units = 5, .activation = Activation::gelu, .kernel_initializer = Initializer::lecun_normal},
       Dense{.units = 3, .activation = Activation::log_softmax, .use_bias = false}},
      4);
}

void expect_same(const Network<float>& a, const Network<float>& b) {
  ASSERT_EQ(a.graph(), b.graph());
  ASSERT_EQ(a.parameters().size(), b.parameters().size());
  for (std::size_t i = 0; i < a.parameters().size(); ++i) {
    EXPECT_EQ(a.parameters()[i].name, b.parameters()[i].name);
    EXPECT_TRUE(same_bits(a.parameters()[i].value, b.parameters()[i].value));
  }
}

TEST(ModelFile, RoundTripIsExact) {
  const Folder folder;
  Network<float> network = varied_network();
  network.parameters()[0].value[0] = std::numeric_limits<float>::quiet_NaN();
  network.parameters()[0].value[1] = -0.0f;
  network.parameters()[0].value[2] = std::numeric_limits<float>::denorm_min();
  const Model model = {network, {"T-shirt/top", "", "Größe \"x\""}, {{"test_accuracy", "0.99"}, {"", "\n"}}};
  save_model(model, folder / "m.safetensors");
  const Model loaded = load_model(folder / "m.safetensors");
  expect_same(network, loaded.network);
  EXPECT_EQ(loaded.class_names, model.class_names);
  EXPECT_EQ(loaded.notes, model.notes);
  const Tensor<float> x = random_tensor<float>({3, 9, 8, 4}, 1);
  EXPECT_TRUE(same_bits(predict(network, x), predict(loaded.network, x)));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"m.safetensors"});
}

TEST(ModelFile, LeNet5) {
  const Folder folder;
  const Network<float> network = lenet5(1);
  save_model(network, folder / "m");
  const Model loaded = load_model(folder / "m");
  expect_same(network, loaded.network);
  EXPECT_TRUE(loaded.class_names.empty());
  EXPECT_TRUE(loaded.notes.empty());
  // Saving what was loaded gives the same file.
  save_model(loaded, folder / "again");
  EXPECT_EQ(read_file(folder / "m"), read_file(folder / "again"));
}

TEST(ModelFile, SavingRefusesAndLeavesTheOldFile) {
  const Folder folder;
  const std::string path = folder / "m";
  const Network<float> network = lenet5(1);
  save_model(network, path);
  const std::string before = read_file(path);
  EXPECT_TRUE(refuses([&] { save_model({network, {"a", "b"}, {}}, path); }, "save_model", {"2 class names", "10"}));
  EXPECT_TRUE(fails<std::invalid_argument>([&] { save_model({network, {}, {{"k", "\xc3"}}}, path); }, {"UTF-8"}));
  EXPECT_TRUE(fails<std::invalid_argument>(
      [&] {
        save_model({network, std::vector<std::string>(10, "\xff"), {}}, path);
      },
      {"UTF-8"}));
  EXPECT_TRUE(fails<IoError>([&] { save_model(network, folder.path()); }, {folder.path(), "Is a directory"}));
  EXPECT_EQ(read_file(path), before);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"m"});
}

TEST(ModelFile, LoadingTellsTheFile) {
  const Folder folder;
  EXPECT_TRUE(fails<IoError>([&] { load_model(folder / "absent"); }, {folder / "absent", "No such file"}));
  EXPECT_TRUE(fails<IoError>([&] { load_model(folder.path()); }, {"not a regular file"}));
  write_file(folder / "text", "This is a text and no model at all.");
  EXPECT_TRUE(fails<FormatError>([&] { load_model(folder / "text"); }, {folder / "text", "not a safetensors file"}));
}

// ---- Architectures ---------------------------------------------------------------------------------------------

TEST(Architecture, AsJson) {
  EXPECT_EQ(architecture_to_json(Graph({8, 8, 1}, std::vector<Layer>{Conv2D{.filters = 2}, Flatten{}})),
            R"({"input_shape":[8,8,1],"layers":[{"activation":"identity","dilation_rate":[1,1],"filters":2,"groups":1,)"
            R"("kernel_initializer":"he_normal","kernel_size":[3,3],"kind":"conv2d","padding":"valid","strides":[1,1],)"
            R"("use_bias":true},{"kind":"flatten"}]})");
}

TEST(Architecture, RoundTrip) {
  const Network<float> network = varied_network();
  EXPECT_EQ(architecture_from_json(architecture_to_json(network.graph())), network.graph());
}

TEST(Architecture, BordersOrdersAndSlices) {
  const std::vector<Layer> layers = {Padding2D{{1, 2, 0, 3}, PadMode::circular},
                                     SpaceToDepth{2},
                                     Dense{.units = 8},
                                     RMSNorm{.epsilon = 0.5, .scale = false},
                                     GaussianNoise{0.2},
                                     AlphaDropout{0.3},
                                     GaussianDropout{0.4},
                                     DepthToSpace{2},
                                     ChannelSlice{1, 2},
                                     UnitNorm{},
                                     LayerScale{0.5},
                                     Permute{{3, 1, 2}}};
  const Graph graph({5, 5, 3}, layers);
  const std::string text = architecture_to_json(graph);
  EXPECT_EQ(architecture_from_json(text), graph);
  EXPECT_NE(text.find(R"({"kind":"padding2d","mode":"circular","padding":[[1,2],[0,3]]})"), std::string::npos) << text;
  EXPECT_NE(text.find(R"({"dims":[3,1,2],"kind":"permute"})"), std::string::npos) << text;
  EXPECT_TRUE(fails<FormatError>(
      [] { architecture_from_json(R"({"input_shape":[5,5,3],"layers":[{"kind":"padding2d","mode":"edge"}]})"); },
      {"layer 1: 'mode' is \"edge\"", "a name that this Hubel knows"}));
}

// What came later is not written where it is as it was before, so that an earlier Hubel reads it.
TEST(Architecture, InitializersOfBiasesAndNorms) {
  const auto json_of = [](const std::vector<Layer>& layers) { return architecture_to_json(Graph({4}, layers)); };
  EXPECT_EQ(json_of({Dense{.units = 2}, BatchNorm{}}).find("bias_initializer"), std::string::npos);
  EXPECT_EQ(json_of({Dense{.units = 2}, BatchNorm{}}).find("a_initializer"), std::string::npos);
  const std::vector<Layer> layers = {
      Dense{.units = 2, .bias_initializer = Initializer::truncated_normal},
      BatchNorm{.gamma_initializer = Initializer::zeros},
      LayerNorm{.beta_initializer = Initializer::ones},
  };
  EXPECT_NE(json_of(layers).find(R"("bias_initializer":"truncated_normal")"), std::string::npos);
  EXPECT_EQ(architecture_from_json(json_of(layers)), Graph({4}, layers));
}

TEST(Architecture, OptionsLeftOutHaveTheirDefaults) {
  const Graph graph = architecture_from_json(
      R"({"input_shape": [28, 28, 1], "layers": [{"kind": "conv2d", "filters": 8}, {"kind": "avg_pool2d"},
          {"kind": "flatten"}, {"kind": "dense", "units": 10}]})");
  const std::vector<Layer> wanted = {Conv2D{.filters = 8}, Pool2D{.mode = PoolMode::avg}, Flatten{},
                                     Dense{.units = 10}};
  EXPECT_EQ(graph, Graph({28, 28, 1}, wanted));
}

TEST(Architecture, BranchesAndNames) {
  Graph graph({8, 8, 2});
  const auto a = graph(Conv2D{.filters = 2, .padding = Padding::same()}, graph.input(), "stem");
  const auto b = graph(Conv2D{.filters = 2, .padding = Padding::same()}, a);
  const auto c = graph(Conv2D{.filters = 2, .padding = Padding::same()}, graph.input(), "conv2d_9");
  graph(Add{.activation = Activation::relu}, {a, b, c});
  graph(Flatten{}, graph.value(3));
  EXPECT_EQ(architecture_from_json(architecture_to_json(graph)), graph);
  const Graph read = architecture_from_json(
      R"({"input_shape": [8, 8, 2], "layers": [
          {"kind": "conv2d", "filters": 2, "padding": "same", "name": "stem"},
          {"kind": "conv2d", "filters": 2, "padding": "same"},
          {"kind": "conv2d", "filters": 2, "padding": "same", "name": "conv2d_9", "inputs": ["input"]},
          {"kind": "add", "activation": "relu", "inputs": ["stem", "conv2d_2", "conv2d_9"]},
          {"kind": "flatten"}]})");
  EXPECT_EQ(read, graph);
}

Graph of_several() {
  Graph graph;
  const auto image = graph.add_input({8, 8, 2}, "image"), place = graph.add_input({3});
  const auto flat = graph(Flatten{}, image);
  const auto a = graph(Dense{.units = 4}, graph(Concatenate{}, {flat, place}), "a");
  graph.set_outputs({graph(Dense{.units = 2}, a, "b"), a});
  return graph;
}

TEST(Architecture, SeveralInputsAndOutputs) {
  const Graph graph = of_several();
  const std::string text = architecture_to_json(graph);
  EXPECT_EQ(architecture_from_json(text), graph);
  EXPECT_NE(text.find(R"("inputs":[{"name":"image","shape":[8,8,2]},{"name":"input","shape":[3]}])"), text.npos);
  EXPECT_NE(text.find(R"("outputs":["b","a"])"), text.npos);
  EXPECT_EQ(text.find("input_shape"), text.npos);
  Graph one;
  one(Dense{}, one.add_input({3}, "x"));
  EXPECT_EQ(architecture_from_json(architecture_to_json(one)), one);
  // What is as it would be without is not written, so that an earlier Hubel reads it.
  Graph usual({3});
  usual.set_outputs({usual(Dense{}, usual.input())});
  const std::vector<Layer> layers = {Dense{}};
  EXPECT_EQ(architecture_to_json(usual), architecture_to_json(Graph({3}, layers)));
}

TEST(Architecture, TellsWhichInputOrOutputIsAtFault) {
  const auto says = [](const std::string& start, const std::string& end, const std::vector<std::string>& parts) {
    const std::string layers = R"("layers":[{"kind":"dense","units":2},{"kind":"dense","units":2}])";
    return fails<FormatError>([&] { architecture_from_json("{" + start + layers + end + "}"); }, parts);
  };
  const std::string input = R"("inputs":[{"name":"x","shape":[4]}],)";
  EXPECT_TRUE(says(R"("input_shape":[4],)" + input, "", {"both 'input_shape' and 'inputs'"}));
  for (const char* wrong : {"3", "[]", "{}", "null"})
    EXPECT_TRUE(says(detail::formatted(R"("inputs":{},)", wrong), "", {"'inputs' must be an array of 1 to 1000"}));
  for (const char* wrong : {"3", "{}", "[]", R"({"name":"x"})", R"({"shape":[4]})", R"({"name":3,"shape":[4]})"})
    EXPECT_TRUE(says(detail::formatted(R"("inputs":[{}],)", wrong), "", {"input 1 is", "'name' and a 'shape'"}));
  EXPECT_TRUE(says(R"("inputs":[{"name":"x","shape":[4],"size":1}],)", "", {"input 1: unknown key \"size\""}));
  EXPECT_TRUE(says(R"("inputs":[{"name":"x","shape":[0]}],)", "", {"input 1: 'shape' is [0]"}));
  EXPECT_TRUE(says(R"("inputs":[{"name":"","shape":[4]}],)", "", {"name must be 1 to"}));
  EXPECT_TRUE(says(R"("inputs":[{"name":"x","shape":[4]},{"name":"x","shape":[4]}],)", "", {"'x' already"}));
  EXPECT_TRUE(says(R"("inputs":[{"name":"x","shape":[4]},{"name":"y","shape":[4]}],)", "", {"takes the input y"}));
  for (const char* wrong : {"3", "[]", "\"dense_2\"", "[3]", "[\"dense_3\"]", "null"})
    EXPECT_TRUE(says(input, detail::formatted(R"(,"outputs":{})", wrong), {"'outputs' is"}));
  EXPECT_TRUE(says(input, R"(,"outputs":["dense_2","dense_2"])", {"output of dense_2", "twice"}));
  EXPECT_TRUE(says(input, R"(,"outputs":["dense_2","x"])", {"input 'x'"}));
  EXPECT_TRUE(says(input, R"(,"outputs":["dense_1"])", {"no layer takes the output of dense_2"}));
}

TEST(Architecture, LayersAgain) {
  Graph graph({6, 6, 2});
  const auto x = graph(Conv2D{.filters = 2, .padding = Padding::same()}, graph.input(), "step");
  const auto y = graph.again(x, x), z = graph.again(y, graph.input(), "third");
  const auto act = graph(ActivationLayer{Activation::relu}, graph(Concatenate{}, {y, z}), "act");
  graph(Dense{.units = 2}, graph(Flatten{}, graph.again(act, act)));
  const std::string text = architecture_to_json(graph);
  EXPECT_EQ(architecture_from_json(text), graph);
  EXPECT_NE(text.find(R"({"again":"step"})"), text.npos);
  EXPECT_NE(text.find(R"({"again":"step","inputs":["input"],"name":"third"})"), text.npos);
  const Folder folder;
  const Network<float> network(graph, 3);
  save_model(network, folder / "again");
  const Model loaded = load_model(folder / "again");
  EXPECT_EQ(loaded.network.graph(), graph);
  EXPECT_TRUE(same_weights(loaded.network, network));
}

TEST(Architecture, TellsWhatCannotBeAgain) {
  const auto says = [](const std::string& again, const std::vector<std::string>& parts) {
    const std::string text = R"({"input_shape":[4],"layers":[{"kind":"dense","units":3},)" + again + "]}";
    return fails<FormatError>([&] { architecture_from_json(text); }, parts);
  };
  EXPECT_TRUE(says(R"({"again":"dense_1","kind":"dense","units":3})", {"layer 2 is", "'kind', or with 'again'"}));
  for (const char* wrong : {"3", "\"input\"", "\"dense_2\"", "\"dense_1_2\"", "[]", "null"})
    EXPECT_TRUE(says(detail::formatted(R"({{"again":{}}})", wrong), {"layer 2: 'again' is", "an earlier layer"}));
  EXPECT_TRUE(says(R"({"again":"dense_1","units":3})", {"layer 2: unknown key \"units\""}));
  EXPECT_TRUE(says(R"({"again":"dense_1"})", {"dense_1_2: it takes (3,)", "weights of dense_1, which takes (4,)"}));
  EXPECT_TRUE(says(R"({"again":"dense_1","inputs":["input"],"name":"dense_1"})", {"'dense_1' already"}));
}

TEST(ModelFile, SeveralInputsAndOutputs) {
  const Folder folder;
  const Network<float> network(of_several(), 3);
  save_model(network, folder / "several");
  const Model loaded = load_model(folder / "several");
  EXPECT_EQ(loaded.network.graph(), network.graph());
  EXPECT_TRUE(same_weights(loaded.network, network));
  EXPECT_TRUE(fails<std::invalid_argument>(
      [&] {
        save_model(Model{network, {"a", "b"}, {}}, folder / "named");
      },
      {"save_model", "the network has several"}));
}

TEST(Architecture, TellsTheKeyAtFault) {
  const auto says = [](const std::string& text, const std::vector<std::string>& parts) {
    return fails<FormatError>([&] { architecture_from_json(text); }, parts);
  };
  const auto layer = [&](const std::string& text, const std::vector<std::string>& parts) {
    return says(R"({"input_shape":[8,8,1],"layers":[{"kind":"flatten"},)" + text + "]}", parts);
  };
  EXPECT_TRUE(says("", {"architecture", "not valid JSON"}));
  EXPECT_TRUE(says("7", {"object with 'input_shape'"}));
  EXPECT_TRUE(says("[]", {"object with 'input_shape'"}));
  EXPECT_TRUE(says("{}", {"'input_shape' is missing"}));
  EXPECT_TRUE(says(R"({"input_shape":[1]})", {"'layers' is missing"}));
  EXPECT_TRUE(says(R"({"input_shape":[1],"layers":[]})", {"'layers' must be an array"}));
  EXPECT_TRUE(says(R"({"input_shape":[1],"layers":{}})", {"'layers' must be an array"}));
  EXPECT_TRUE(says(R"({"input_shape":[1],"layers":[{"kind":"flatten"}],"x":1})", {"unknown key \"x\"", "input_shape"}));
  for (const char* shape : {"8", "[]", "[0]", "[-1]", "[1.5]", "[\"8\"]", "[4294967296]", "[1,1,1,1,1,1]", "null"})
    EXPECT_TRUE(says(detail::formatted(R"({{"input_shape":{},"layers":[{{"kind":"flatten"}}]}})", shape),
                     {"'input_shape' is"}));
  EXPECT_TRUE(layer("5", {"layer 2 is 5", "'kind'"}));
  for (const char* inputs : {"3", "[]", "\"flatten_1\"", "[5]", "[\"flatten_2\"]", "[[]]", "null"})
    EXPECT_TRUE(layer(detail::formatted(R"({{"kind":"flatten","inputs":{}}})", inputs), {"layer 2: 'inputs' is"}));
  EXPECT_TRUE(layer(R"({"kind":"flatten","inputs":["input","input"]})", {"2 inputs", "one"}));
  EXPECT_TRUE(layer(R"({"kind":"flatten","inputs":["input"]})", {"no layer takes the output of flatten_1"}));
  EXPECT_TRUE(layer(R"({"kind":"add"})", {"add_1", "1 input", "two or more"}));
  EXPECT_TRUE(layer(R"({"kind":"add","name":3})", {"layer 2: 'name' is 3"}));
  EXPECT_TRUE(layer(R"({"kind":"flatten","name":"flatten_1"})", {"'flatten_1' already"}));
  EXPECT_TRUE(layer(R"({"kind":"flatten","name":"input"})", {"'input' already"}));
  EXPECT_TRUE(layer(R"({"kind":"flatten","name":""})", {"name must be 1 to"}));
  EXPECT_TRUE(layer("{}", {"layer 2", "'kind'"}));
  EXPECT_TRUE(layer(R"({"kind":"conv3d"})",
                    {"layer 2: 'kind' is \"conv3d\"", "conv2d, depthwise_conv2d", "max_pool2d, avg_pool2d"}));
  EXPECT_TRUE(layer(R"({"kind":["dense"]})", {"layer 2: 'kind' is"}));
  EXPECT_TRUE(layer(R"({"kind":"dense"})", {"layer 2: 'units' is missing"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":3,"unit":4})", {"layer 2: unknown key \"unit\"", "units"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":3,"units":4})", {"\"units\" is there twice"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":"3"})", {"'units' is \"3\"", "whole number"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":3.5})", {"'units' is 3.5"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":-3})", {"'units' is -3"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":2147483648})", {"'units' is 2147483648"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":0})", {"dense_1: units = 0"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":3,"use_bias":1})", {"'use_bias' is 1", "true or false"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":3,"activation":"rleu"})", {"'activation' is \"rleu\""}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":3,"activation":null})", {"'activation' is null"}));
  EXPECT_TRUE(layer(R"({"kind":"dense","units":3,"kernel_initializer":"he"})", {"'kernel_initializer' is \"he\""}));
  EXPECT_TRUE(layer(R"({"kind":"max_pool2d","pool_size":"2"})", {"'pool_size' is \"2\"", "one or two whole numbers"}));
  EXPECT_TRUE(layer(R"({"kind":"max_pool2d","pool_size":[2]})", {"'pool_size' is [2]"}));
  for (const char* padding : {"\"full\"", "1", "[1,1]", "[[1,1],[1]]", "[[1,1],[1,-1]]"})
    EXPECT_TRUE(layer(detail::formatted(R"({{"kind":"conv2d","filters":1,"padding":{}}})", padding), {"'padding' is"}));
  EXPECT_TRUE(layer(R"({"kind":"conv2d","filters":1})", {"conv2d_1", "(1, 64)"}));  // behind Flatten
}

TEST(Architecture, OneNumberIsOfBothAxes) {
  const auto read = [&](const char* size, const char* strides) {
    return architecture_from_json(detail::formatted(
        R"({{"input_shape":[9,9,1],"layers":[{{"kind":"conv2d","filters":2,"kernel_size":{},"strides":{}}}]}})", size,
        strides));
  };
  EXPECT_EQ(read("3", "2"), read("[3,3]", "[2,2]"));
}

TEST(Architecture, BoundsWhatAHostileOneAsksFor) {
  const auto says = [](const std::string& layers, const std::vector<std::string>& parts) {
    return fails<FormatError>([&] { architecture_from_json(R"({"input_shape":[8,8,1],"layers":[)" + layers + "]}"); },
                              parts);
  };
  EXPECT_TRUE(says(R"({"kind":"conv2d","filters":1,"padding":[[2000000000,0],[2000000000,0]]})", {"conv2d_1"}));
  EXPECT_TRUE(says(R"({"kind":"conv2d","filters":2000000000})", {"conv2d_1", "more than"}));
  EXPECT_TRUE(says(R"({"kind":"conv2d","filters":2147483647,"kernel_size":[2147483647,2147483647]})", {"conv2d_1"}));
  EXPECT_TRUE(says(R"({"kind":"conv2d","filters":2147483647,"padding":"same","kernel_size":[2147483647,2147483647],)"
                   R"("dilation_rate":[2147483647,2147483647],"strides":[2147483647,2147483647]})",
                   {"conv2d_1"}));
  std::string many = R"({"kind":"flatten"})";
  for (int i = 0; i < 10'000; ++i) many += R"(,{"kind":"flatten"})";
  EXPECT_TRUE(says(many, {"1 to 10000 layers"}));
}

// One limit for both: more activations than this machine may have memory for, and more than any has.
TEST(ModelFile, WhatCanBeBuiltCanBeReadAgain) {
  const Folder folder;
  const Shape input{16384, 16384, 1};
  const auto layers = [](std::int64_t filters) {
    return std::vector<Layer>{Conv2D{.filters = filters, .kernel_size = {1, 1}}, GlobalPool2D{}};
  };
  const Network<float> network(input, layers(16), 1);  // 2^32 numbers a sample
  save_model(network, folder / "large");
  const Model read = load_model(folder / "large");
  EXPECT_TRUE(same_weights(read.network, network));
  using Mode = Execution<float>::Mode;
  EXPECT_TRUE(fails<std::runtime_error>([&] { const Execution<float> run(read.network, 1 << 20, Mode::frozen); },
                                        {"Execution: ", "GiB", "the machine has"}));
  EXPECT_TRUE(fails<std::invalid_argument>([&] { const Network<float> built(input, layers(1 << 10), 1); },
                                           {"Network: with conv2d_1", "more than"}));
}

// ---- Hostile files ---------------------------------------------------------------------------------------------

// A header around a small network, to be changed in one place.
std::string model_bytes(const std::string& from = "", const std::string& to = "") {
  std::string header =
      R"({"__metadata__":{"format":"hubel","format_version":"1","class_names":"[\"a\",\"b\"]","architecture":)"
      R"("{\"input_shape\":[3],\"layers\":[{\"kind\":\"dense\",\"units\":2}]}"},)"
      R"("dense_1.kernel":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},)"
      R"("dense_1.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}})";
  if (!from.empty()) {
    EXPECT_NE(header.find(from), std::string::npos) << from;
    header.replace(header.find(from), from.size(), to);
  }
  return safetensors(header, std::string(32, '\1'));
}

Model read(const std::string& bytes) {
  return detail::read_model(detail::MemorySource(std::as_bytes(std::span(bytes))), "m");
}

TEST(ModelFile, HandmadeFileLoads) {
  const Model model = read(model_bytes());
  EXPECT_EQ(model.network.parameter_count(), 8);
  EXPECT_EQ(model.class_names, (std::vector<std::string>{"a", "b"}));
}

TEST(ModelFile, TellsWhatDoesNotFit) {
  const auto says = [](const std::string& from, const std::string& to, const std::vector<std::string>& parts) {
    return fails<FormatError>([&] { read(model_bytes(from, to)); }, parts);
  };
  EXPECT_TRUE(says("\"format\"", "\"farmat\"", {"m: not a model of Hubel", "'format'"}));
  EXPECT_TRUE(says("\"hubel\"", "\"pt\"", {"its format is \"pt\""}));
  EXPECT_TRUE(says("_version\":\"1\"", "_version\":\"2\"", {"format_version is \"2\"", "reads 1"}));
  EXPECT_TRUE(says("\"architecture\"", "\"arch\"", {"'architecture'"}));
  EXPECT_TRUE(says(R"(\"units\":2)", R"(\"units\":3)", {"dense_1.kernel", "(3, 2)", "(3, 3)"}));
  EXPECT_TRUE(says(R"(\"units\":2)", R"(\"units\":1000000000)", {"dense_1.kernel", "(3, 2)"}));
  EXPECT_TRUE(says(R"(\"units\":2)", R"(\"nits\":2)", {"'architecture'", "'units' is missing"}));
  EXPECT_TRUE(says("dense_1.bias", "dense_1.bios", {"dense_1.bias is missing"}));
  EXPECT_TRUE(says(R"(\"units\":2)", R"(\"units\":2,\"use_bias\":false)", {"\"dense_1.bias\" belongs to no layer"}));
  EXPECT_TRUE(says(R"([\"a\",\"b\"])", R"([\"a\"])", {"'class_names'", "2 strings"}));
  EXPECT_TRUE(says(R"([\"a\",\"b\"])", R"([\"a\",1])", {"'class_names'", "2 strings"}));
  EXPECT_TRUE(says(R"([\"a\",\"b\"])", "no", {"'class_names'", "not valid JSON"}));
  EXPECT_TRUE(says("\"dtype\":\"F32\",\"shape\":[2]", "\"dtype\":\"I32\",\"shape\":[2]", {"dense_1.bias", "I32"}));
}

// Loads, or says in one FormatError why not; anything else (another exception, a crash, a sanitizer's report) fails.
bool loads(const std::string& bytes) {
  try {
    read(bytes);
    return true;
  } catch (const FormatError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return false;
  }
}

TEST(ModelFile, CutShortAtAnyLength) {
  const std::string whole = model_bytes();
  EXPECT_TRUE(loads(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(loads(whole.substr(0, n))) << n << " bytes";
  EXPECT_FALSE(loads(whole + "x"));
}

TEST(ModelFile, AnyBitFlipped) {
  const std::string whole = model_bytes();
  const std::size_t data = whole.size() - 32;
  std::size_t loaded = 0;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const bool good = loads(bytes);
    if (bit / 8 >= data) {
      EXPECT_TRUE(good) << "a weight may be any number";
    }
    loaded += good;
  }
  EXPECT_LT(loaded, 8 * 32 + 8 * (data - 8) / 10);  // in the header hardly a bit may change unnoticed
}

TEST(ModelFile, RandomDamage) {
  const Network<float> network = varied_network();
  const Folder folder;
  save_model(network, folder / "m");
  const std::string whole = read_file(folder / "m");
  Noise noise(1);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = whole;
    for (std::int64_t k = noise.integer(1, 4); k > 0; --k) {
      const auto at = static_cast<std::size_t>(noise.integer(0, 1500));
      const auto n = static_cast<std::size_t>(noise.integer(0, 12));
      switch (noise.integer(0, 2)) {
        case 0:
          bytes.erase(at, n);
          break;
        case 1:
          bytes.insert(at, bytes, static_cast<std::size_t>(noise.integer(0, 1500)), n);
          break;
        default:
          bytes[at] = static_cast<char>(noise.integer(0, 255));
      }
    }
    // Keep the promise of the header's length, so that the damage reaches the parsers behind it.
    const std::uint64_t change = bytes.size() - whole.size();
    std::uint64_t length;
    std::memcpy(&length, whole.data(), 8);
    length += change;
    if (noise.chance(0.8)) std::memcpy(bytes.data(), &length, 8);
    loads(bytes);
  }
}

}  // namespace
}  // namespace hubel::test
