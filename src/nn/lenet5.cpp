// LeNet-5's architecture.
#include "hubel/network.hpp"

namespace hubel {

std::vector<Layer> lenet5_layers(std::int64_t classes) {
  return {
      Conv2D{.filters = 6, .kernel_size = {5, 5}, .padding = Padding::same(), .activation = Activation::relu},
      Pool2D{},
      Conv2D{.filters = 16, .kernel_size = {5, 5}, .padding = Padding::valid(), .activation = Activation::relu},
      Pool2D{},
      Flatten{},
      Dense{.units = 120, .activation = Activation::relu},
      Dense{.units = 84, .activation = Activation::relu},
      Dense{.units = classes, .activation = Activation::softmax},
  };
}

}  // namespace hubel
