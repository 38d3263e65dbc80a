// Weights alone in a file, into a network that is there: all of them or none.
#include <gtest/gtest.h>

#include <fstream>

#include "hubel/errors.hpp"
#include "hubel/model_file.hpp"
#include "io/io_testing.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

TEST(WeightsFile, RoundTripIsExact) {
  const Folder folder;
  Network<float> network = quadrant_network(1), other = quadrant_network(2);
  network.parameters()[0].value[0] = std::nanf("");
  save_weights(network, folder / "w.safetensors");
  load_weights(other, folder / "w.safetensors");
  EXPECT_TRUE(same_weights(network, other));
  EXPECT_THROW(load_model(folder / "w.safetensors"), FormatError);  // it has no architecture
}

TEST(WeightsFile, OfAModelFile) {
  const Folder folder;
  const Network<float> network = quadrant_network(1);
  Network<float> other = quadrant_network(2);
  save_model(network, folder / "m.safetensors");
  load_weights(other, folder / "m.safetensors");
  EXPECT_TRUE(same_weights(network, other));
}

std::string message_of(Network<float>& network, const std::string& path) {
  const Network<float> before = network;
  try {
    load_weights(network, path);
  } catch (const FormatError& error) {
    EXPECT_TRUE(same_weights(network, before));
    return error.what();
  }
  return "";
}

TEST(WeightsFile, RefusesOtherNamesAndShapes) {
  const Folder folder;
  const std::string path = folder / "w.safetensors";
  std::vector<Layer> layers = quadrant_layers();
  save_weights(Network<float>({8, 8, 1}, layers, 1), path);
  std::get<Dense>(layers.back()).units = 5;
  Network<float> wider({8, 8, 1}, layers, 2);
  EXPECT_NE(message_of(wider, path).find("dense_2.kernel has shape (12, 4), the network asks for (12, 5)"),
            std::string::npos);
  layers = quadrant_layers();
  layers.pop_back();
  Network<float> shorter({8, 8, 1}, layers, 2);
  EXPECT_NE(message_of(shorter, path).find("belongs to no layer"), std::string::npos);
  layers = quadrant_layers();
  layers.push_back(Dense{.units = 2});
  Network<float> longer({8, 8, 1}, layers, 2);
  EXPECT_NE(message_of(longer, path).find("dense_3.kernel is missing"), std::string::npos);
}

TEST(WeightsFile, FilesThatAreNone) {
  const Folder folder;
  Network<float> network = quadrant_network(1);
  EXPECT_THROW(load_weights(network, folder / "none"), IoError);
  EXPECT_THROW(save_weights(network, folder / "none/w"), IoError);
  std::ofstream(folder / "broken") << "no safetensors file";
  EXPECT_NE(message_of(network, folder / "broken"), "");
}

}  // namespace
}  // namespace hubel::test
