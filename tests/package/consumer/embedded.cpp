// The core alone: no data sets, no files.
#include <hubel/network.hpp>

int main() { return hubel::lenet5().parameter_count() == 61706 ? 0 : 1; }
