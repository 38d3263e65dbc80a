// Pictures made of text, for a terminal: an image, and a confusion matrix.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// An image (h, w) of values in [0, 1] (others are clipped, NaN is dark) as h / 2 lines of w characters each, dark to
// bright as blank to full. With `unicode`, half blocks show every row; without, ASCII characters show the mean of two.
std::string text_image(TensorView<const float> image, bool unicode = true);

// A table of counts, row = label, column = prediction, and for each label the share that was right. `counts` is
// (classes x classes), row-major, as evaluate() makes it; names are as many as classes, or none for numbers.
// Throws std::invalid_argument when counts is not square or the names do not fit.
std::string confusion_table(std::span<const std::int64_t> counts, std::span<const std::string> names = {});

}  // namespace hubel
