// What a summary says of networks that branch or normalise, and receptive fields.
#include <gtest/gtest.h>

#include <map>

#include "hubel/network.hpp"
#include "hubel/zoo.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

TEST(Summary, NetworksThatBranch) {
  Graph graph({8, 8, 2});
  auto x = graph(Conv2D{.filters = 4, .padding = Padding::same(), .use_bias = false}, graph.input());
  x = graph(BatchNorm{.activation = Activation::relu}, x);
  const auto y = graph(Pool2D{.strides = {1, 1}, .padding = Padding::same()}, x, std::string(100, 'a') + "_the_end");
  x = graph(Add{}, {x, y});
  graph(Concatenate{}, {x, x, x, x, x, x, x});
  const std::string text = summary(graph, 8);
  for (
      const char* row :
      {" Layer                                                              Output shape   Params    MACs     Memory   "
       "Field   Connected to",
       " input                                                              (8, 8, 2)           0       0    1.0 KiB   "
       "  1x1",
       " batch_norm_1 (relu)                                                (8, 8, 4)          16       0    2.0 KiB   "
       "  3x3   conv2d_1",
       " aaaaaaaaaaaaaaaaaaaaaaa..aaaaaaa_the_end (2x2, stride 1x1, same)   (8, 8, 4)           0       0    2.0 KiB   "
       "  4x4   batch_norm_1",
       " add_1                                                              (8, 8, 4)           0       0    2.0 KiB   "
       "  4x4   batch_norm_1, aaaaaaaaaaaaaaaaaaaaaaa..aaaaaaa_the_end",
       " concatenate_1                                                      (8, 8, 28)          0       0   14.0 KiB   "
       "  4x4   add_1, add_1, add_1, add_1, 3 more",
       " Parameters: 88 (704 B), of which 80 trainable and 8 not. Multiply-adds for one sample: 4,608.",
       " Activations of one sample: 16.0 KiB in inference, 22.0 KiB in training."})
    EXPECT_NE(text.find(std::string(row) + "\n"), std::string::npos) << row << "\nis not in\n" << text;
}

TEST(Summary, VectorsHaveNoFields) {
  const std::vector<Layer> layers = {Dense{.units = 2}};
  EXPECT_EQ(summary(Graph({4}, layers)).find("Field"), std::string::npos);
}

// Behind what is used once an activation lies in its place, and what reshapes lies there always.
TEST(Summary, MemoryOfActivations) {
  const std::vector<Layer> layers = {Conv2D{.filters = 8, .padding = Padding::same()}, ActivationLayer{}, Dropout{},
                                     Pool2D{}, Flatten{}};
  const std::string text = summary(Graph({16, 16, 4}, layers));
  EXPECT_NE(text.find("10.0 KiB in inference, 18.0 KiB in training"), std::string::npos) << text;
}

std::array<std::int64_t, 2> last_field(const Graph& graph) {
  std::array<std::int64_t, 2> field = {0, 0};
  for (const LayerInfo& layer : layer_infos(graph)) field = layer.receptive_field.value_or(field);
  return field;
}

// Araujo et al.'s table, or for PyTorch's place of the bottleneck's stride the sum of (kernel - 1) x (product of the
// strides before).
TEST(ReceptiveField, KnownNetworks) {
  using Field = std::array<std::int64_t, 2>;
  EXPECT_EQ(last_field(zoo::alexnet(10, {227, 227, 3})), (Field{195, 195}));
  EXPECT_EQ(last_field(zoo::vgg16()), (Field{212, 212}));
  EXPECT_EQ(last_field(zoo::mobilenet_v1()), (Field{315, 315}));
  EXPECT_EQ(last_field(zoo::resnet18()), (Field{435, 435}));
  EXPECT_EQ(last_field(zoo::resnet50()), (Field{427, 427}));
}

TEST(ReceptiveField, EachKindOfLayer) {
  const auto field = [](std::initializer_list<Layer> layers) {
    return layer_infos(Graph({24, 24, 4}, std::span(layers.begin(), layers.size()))).back().receptive_field;
  };
  using Field = std::optional<std::array<std::int64_t, 2>>;
  const Conv2D wide{.filters = 4, .kernel_size = {3, 5}, .dilation_rate = {2, 1}};
  EXPECT_EQ(field({wide}), (Field{{5, 5}}));
  EXPECT_EQ(field({Pool2D{}, wide}), (Field{{10, 10}}));
  EXPECT_EQ(field({DepthwiseConv2D{.strides = {2, 3}}, DepthwiseConv2D{}}), (Field{{7, 9}}));
  EXPECT_EQ(field({Pool2D{}, UpSampling2D{}, Conv2D{}}), (Field{{4, 4}}));
  EXPECT_EQ(field({UpSampling2D{.interpolation = Interpolation::bilinear}}), (Field{{2, 2}}));
  EXPECT_EQ(field({UpSampling2D{.interpolation = Interpolation::bicubic}, Conv2D{}}), (Field{{5, 5}}));
  EXPECT_EQ(field({Resizing{.size = {6, 24}, .interpolation = Interpolation::nearest}, Conv2D{}}), (Field{{9, 3}}));
  EXPECT_EQ(field({Conv2DTranspose{.kernel_size = {2, 3}, .strides = {2, 2}}, Conv2D{}}), (Field{{2, 3}}));
  EXPECT_EQ(field({AdaptivePool2D{.output_size = {6, 5}}}), (Field{{4, 6}}));
  EXPECT_EQ(field({AdaptivePool2D{.output_size = {9, 24}}}), (Field{{4, 1}}));
  EXPECT_EQ(field({SpaceToDepth{4}, Conv2D{}}), (Field{{12, 12}}));
  EXPECT_EQ(field({SpaceToDepth{4}, DepthToSpace{4}, Conv2D{}}), (Field{{6, 6}}));
  EXPECT_EQ(field({Padding2D{}, Dense{}, RMSNorm{}, Conv2D{}}), (Field{{3, 3}}));
  EXPECT_EQ(field({Conv2D{.filters = 2}, Reshape{{22, 22, 2, 1}}, Permute{{1, 2, 4, 3}}}), (Field{{3, 3}}));
  EXPECT_EQ(field({Conv2D{}, Permute{{2, 1, 3}}}), Field());
  EXPECT_EQ(field({ZeroPadding2D{}, ActivationLayer{}, Flatten{}}), (Field{{1, 1}}));
  EXPECT_EQ(field({AdaptivePool2D{}}), Field());
  EXPECT_EQ(field({GlobalPool2D{.keepdims = true}, Conv2D{.kernel_size = {1, 1}}}), Field());
  EXPECT_EQ(field({Flatten{}, Dense{}}), Field());
  const Layer sequence[] = {Conv1D{.kernel_size = 4, .strides = 2}, Conv1D{}};
  EXPECT_EQ(layer_infos(Graph({24, 4}, sequence)).back().receptive_field, (Field{{1, 8}}));
}

TEST(ReceptiveField, TheLargestOfPaths) {
  Graph graph({9, 9, 2});
  const auto conv = [](std::int64_t h, std::int64_t w) {
    return Conv2D{.filters = 2, .kernel_size = {h, w}, .padding = Padding::same()};
  };
  const auto x = graph(Add{}, {graph(conv(7, 1), graph.input()), graph(conv(3, 3), graph.input()), graph.input()});
  EXPECT_EQ(layer_infos(graph).back().receptive_field, (std::optional<std::array<std::int64_t, 2>>{{7, 3}}));
  graph(Multiply{}, {x, graph(GlobalPool2D{.keepdims = true}, x)});
  EXPECT_FALSE(layer_infos(graph).back().receptive_field);
}

// torchvision's billions of multiply-adds, to the digit that it gives.
TEST(LayerInfos, MultiplyAddsAsPublished) {
  const std::map<std::string_view, double> published = {{"alexnet", 0.714},
                                                        {"vgg11", 7.609},
                                                        {"vgg16", 15.47},
                                                        {"vgg19", 19.632},
                                                        {"resnet18", 1.814},
                                                        {"resnet50", 4.089},
                                                        {"resnet152", 11.514},
                                                        {"resnext50_32x4d", 4.23},
                                                        {"wide_resnet50_2", 11.398},
                                                        {"googlenet", 1.498},
                                                        {"squeezenet1_0", 0.819},
                                                        {"squeezenet1_1", 0.349},
                                                        {"densenet121", 2.834},
                                                        {"densenet161", 7.728},
                                                        {"mobilenet_v2", 0.301},
                                                        {"mobilenet_v3_large", 0.217},
                                                        {"mobilenet_v3_small", 0.057},
                                                        {"shufflenet_v2_x0_5", 0.04},
                                                        {"shufflenet_v2_x1_0", 0.145},
                                                        {"shufflenet_v2_x1_5", 0.296},
                                                        {"shufflenet_v2_x2_0", 0.583},
                                                        {"convnext_tiny", 4.456},
                                                        {"convnext_small", 8.684},
                                                        {"convnext_base", 15.355},
                                                        {"efficientnet_b0", 0.386}};
  for (const auto& [name, billions] : published) {
    std::int64_t macs = 0;
    for (const LayerInfo& layer : layer_infos(zoo_graph(name))) macs += layer.macs;
    EXPECT_NEAR(static_cast<double>(macs) / 1e9, billions, 0.00051) << name;
  }
}

TEST(LayerInfos, TellsWhatTrains) {
  const std::vector<LayerInfo> layers = layer_infos(zoo::resnet18());
  EXPECT_EQ(layers[0].trainable, 9408);
  EXPECT_EQ(layers[1].parameters, 256);
  EXPECT_EQ(layers[1].trainable, 128);
  EXPECT_EQ(layers[1].options, "relu");
}

}  // namespace
}  // namespace hubel::test
