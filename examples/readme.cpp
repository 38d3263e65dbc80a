#include <hubel/hubel.hpp>
#include <iostream>

int main() {
  const auto mnist = hubel::load_dataset("mnist");
  auto model = hubel::lenet5(/*seed=*/1);
  hubel::fit(model, mnist.train, {.epochs = 1, .batch_size = 32, .seed = 1});
  std::cout << model.summary() << "test accuracy " << hubel::evaluate(model, mnist.test).accuracy << '\n';
  hubel::save_model(model, "lenet5.safetensors");
}
