// Needs the data set that was installed with the library, and every part of it at link time.
#include <hubel/hubel.hpp>
#include <iostream>

int main() {
  const auto mnist = hubel::load_dataset("mnist");
  std::cout << mnist.source << '\n' << hubel::lenet5().summary();
  return mnist.test.count() == 10000 ? 0 : 1;
}
