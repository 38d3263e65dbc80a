// Known networks, at their papers' definitions, as graphs: a Network makes the weights.
//
//   hubel::Network<float> network(hubel::zoo::resnet18(10, {32, 32, 3}, /*small_images=*/true), /*seed=*/1);
//
// Where torchvision has the network it is followed in padding, strides and the numbers of batch norms, so that
// parameter counts agree with its; MobileNet V1 and Xception are Keras's. Departures: classifiers end in softmax (the
// loss is computed from what goes into it all the same); convolutions start he-normal by fan-in and the last layer
// glorot-uniform, where the originals have a zoo of their own; no auxiliary classifiers, no stochastic depth, no local
// response normalisation.
//
// input_shape is (h, w, c); any h and w that leave a pixel at each layer serve. small_images is the usual change for
// images of about 32x32: a stem of 3x3 at stride 1 without pooling (ResNet, DenseNet, ShuffleNet), the first two
// strides 1 (GoogLeNet, MobileNet, EfficientNet), no adaptive pooling and one dense layer (VGG). Wrong arguments throw
// std::invalid_argument, its message beginning with the layer that they first do not fit.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "hubel/graph.hpp"

namespace hubel {

namespace zoo {

// LeCun, Bottou, Bengio & Haffner 1998. lenet5: as trained today, with ReLU and max pooling (see lenet5_layers).
// lenet5_1998: tanh and average pooling. (The paper's subsampling has two weights a channel, its second convolution
// leaves out some pairs of channels, its tanh is stretched and its output is of radial basis functions.)
Graph lenet5(std::int64_t classes = 10, const Shape& input_shape = {28, 28, 1});
Graph lenet5_1998(std::int64_t classes = 10, const Shape& input_shape = {32, 32, 1});

// Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks": AlexNet in one column, as in
// torchvision, with adaptive pooling before the dense layers.
Graph alexnet(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3});

// Simonyan & Zisserman 2015; _bn: with batch norm behind each convolution, which keeps its bias.
Graph vgg11(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph vgg13(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph vgg16(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph vgg19(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph vgg11_bn(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph vgg13_bn(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph vgg16_bn(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph vgg19_bn(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);

// He, Zhang, Ren & Sun 2016, bottlenecks with the stride at their 3x3 as in torchvision; Xie et al. 2017 (ResNeXt);
// Zagoruyko & Komodakis 2016 (wide).
Graph resnet18(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph resnet34(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph resnet50(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph resnet101(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph resnet152(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph resnext50_32x4d(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph wide_resnet50_2(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);

// The same paper's networks for CIFAR-10, with shortcuts that have no parameters (its option A): every second pixel,
// and channels of zeros.
Graph resnet20(std::int64_t classes = 10, const Shape& input_shape = {32, 32, 3});
Graph resnet32(std::int64_t classes = 10, const Shape& input_shape = {32, 32, 3});
Graph resnet44(std::int64_t classes = 10, const Shape& input_shape = {32, 32, 3});
Graph resnet56(std::int64_t classes = 10, const Shape& input_shape = {32, 32, 3});
Graph resnet110(std::int64_t classes = 10, const Shape& input_shape = {32, 32, 3});

// Szegedy et al. 2015, with batch norm and 3x3 kernels for its 5x5 ones, as in torchvision.
Graph googlenet(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);

// Iandola et al. 2016.
Graph squeezenet1_0(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3});
Graph squeezenet1_1(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3});

// Huang et al. 2017.
Graph densenet121(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph densenet161(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph densenet169(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph densenet201(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);

// Howard et al. 2017 (Keras's), Sandler et al. 2018 and Howard et al. 2019.
Graph mobilenet_v1(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph mobilenet_v2(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph mobilenet_v3_small(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3},
                         bool small_images = false);
Graph mobilenet_v3_large(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3},
                         bool small_images = false);

// Ma, Zhang, Zheng & Sun 2018: ShuffleNet V2, of half to twice the width.
Graph shufflenet_v2_x0_5(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3},
                         bool small_images = false);
Graph shufflenet_v2_x1_0(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3},
                         bool small_images = false);
Graph shufflenet_v2_x1_5(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3},
                         bool small_images = false);
Graph shufflenet_v2_x2_0(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3},
                         bool small_images = false);

// Chollet 2017 (Keras's).
Graph xception(std::int64_t classes = 1000, const Shape& input_shape = {299, 299, 3});

// Tan & Le 2019; batch norms have the paper's numbers (epsilon 1e-3, momentum 0.99), padding is torchvision's.
Graph efficientnet_b0(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3}, bool small_images = false);
Graph efficientnet_b1(std::int64_t classes = 1000, const Shape& input_shape = {240, 240, 3}, bool small_images = false);
Graph efficientnet_b2(std::int64_t classes = 1000, const Shape& input_shape = {260, 260, 3}, bool small_images = false);
Graph efficientnet_b3(std::int64_t classes = 1000, const Shape& input_shape = {300, 300, 3}, bool small_images = false);
Graph efficientnet_b4(std::int64_t classes = 1000, const Shape& input_shape = {380, 380, 3}, bool small_images = false);
Graph efficientnet_b5(std::int64_t classes = 1000, const Shape& input_shape = {456, 456, 3}, bool small_images = false);
Graph efficientnet_b6(std::int64_t classes = 1000, const Shape& input_shape = {528, 528, 3}, bool small_images = false);
Graph efficientnet_b7(std::int64_t classes = 1000, const Shape& input_shape = {600, 600, 3}, bool small_images = false);

// Liu et al. 2022.
Graph convnext_tiny(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3});
Graph convnext_small(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3});
Graph convnext_base(std::int64_t classes = 1000, const Shape& input_shape = {224, 224, 3});

// Ronneberger, Fischer & Brox 2015: (h, w, c) -> (h_new, w_new, classes), softmax at each pixel. unet: without padding,
// so that 572 becomes 388 and skip connections are cropped; after each of four halvings h and w must be even before the
// next. unet_same: with padding, h and w being multiples of 16, which the output keeps.
Graph unet(std::int64_t classes = 2, const Shape& input_shape = {572, 572, 1});
Graph unet_same(std::int64_t classes = 2, const Shape& input_shape = {256, 256, 1});

}  // namespace zoo

// Their names: "lenet5", "resnet18", ...
std::vector<std::string_view> zoo_names();

// What each has for defaults, in the names' order.
struct ZooDefaults {
  std::string_view name;
  std::int64_t classes;
  Shape input_shape;
  bool has_small_images;  // a variant for small images
};
std::vector<ZooDefaults> zoo_defaults();

struct ZooOptions {
  std::optional<std::int64_t> classes = {};  // nothing: the paper's
  std::optional<Shape> input_shape = {};     // nothing: the paper's
  bool small_images = false;
};

// The network of that name. Throws std::invalid_argument that lists the names for another, for small_images where the
// network has no such variant, and as the builders do.
Graph zoo_graph(std::string_view name, const ZooOptions& options = {});

}  // namespace hubel
