// Losses by name: the usual names of Keras and PyTorch.
#include <iterator>

#include "hubel/loss.hpp"
#include "ops/named.hpp"

namespace hubel {

std::string_view loss_name(const Loss& loss) {
  constexpr std::string_view kNames[] = {"cross_entropy",
                                         "binary_crossentropy",
                                         "mse",
                                         "mae",
                                         "huber",
                                         "hinge",
                                         "squared_hinge",
                                         "categorical_hinge",
                                         "kl_divergence",
                                         "nll",
                                         "binary_focal_crossentropy",
                                         "categorical_focal_crossentropy",
                                         "log_cosh",
                                         "poisson",
                                         "cosine_similarity",
                                         "tversky",
                                         "dice",
                                         "mape",
                                         "msle"};
  static_assert(std::size(kNames) == std::variant_size_v<Loss>);
  return kNames[loss.index()];
}

Loss loss_from_name(std::string_view name, std::string_view who) {
  const detail::Named<Loss> losses[] = {
      {"cross_entropy", CrossEntropy{}},
      {"categorical_crossentropy", CrossEntropy{}},
      {"sparse_categorical_crossentropy", CrossEntropy{}},
      {"binary_crossentropy", BinaryCrossEntropy{}},
      {"bce", BinaryCrossEntropy{}},
      {"bce_with_logits", BinaryCrossEntropy{.from_logits = true}},
      {"mse", MeanSquaredError{}},
      {"mean_squared_error", MeanSquaredError{}},
      {"mae", MeanAbsoluteError{}},
      {"mean_absolute_error", MeanAbsoluteError{}},
      {"l1", MeanAbsoluteError{}},
      {"huber", Huber{}},
      {"smooth_l1", Huber{}},
      {"hinge", Hinge{}},
      {"squared_hinge", SquaredHinge{}},
      {"categorical_hinge", CategoricalHinge{}},
      {"kl_divergence", KLDivergence{}},
      {"nll", NegativeLogLikelihood{}},
      {"binary_focal_crossentropy", BinaryFocal{}},
      {"categorical_focal_crossentropy", CategoricalFocal{}},
      {"log_cosh", LogCosh{}},
      {"logcosh", LogCosh{}},
      {"poisson", Poisson{}},
      {"cosine_similarity", CosineSimilarity{}},
      {"tversky", Tversky{}},
      {"dice", Dice{}},
      {"mape", MeanAbsolutePercentageError{}},
      {"mean_absolute_percentage_error", MeanAbsolutePercentageError{}},
      {"msle", MeanSquaredLogarithmicError{}},
      {"mean_squared_logarithmic_error", MeanSquaredLogarithmicError{}},
  };
  return detail::value_of(losses, name, who, "loss");
}

}  // namespace hubel
