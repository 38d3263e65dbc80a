"""The losses: what an output's distance from its label or target is. Descriptions, by Keras's names.

A classifier's cross-entropy takes the softmax and the logarithm together, of a model that ends in softmax and of one that
ends in logits alike. Of an output that layers make of softmaxes and that is probabilities still the logarithm is taken: of a
softmax that feeds other layers too, of means (`Average`, average pooling without padding that counts, nearest and bilinear
resizing), and behind cropping, `Padding2D`, `Reshape`, `Flatten` and `Permute` that leave the classes last. Behind anything
else, dropout too, it counts as logits. ``from_logits``, by which Keras tells them apart, is therefore accepted and changes
nothing: the loss is Keras's where the argument fits the model. Where it does not, Keras takes the softmax twice or logits for
probabilities. Binary and focal losses have it with Keras's meaning: without it the output is a probability, with it a
sigmoid or softmax makes it one. Training and evaluation raise ValueError for outputs that a loss of probabilities or
counts is not of.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Dict, List, Optional, Tuple, Type, Union

from . import _core

__all__ = [
    "Loss",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "BinaryCrossentropy",
    "MeanSquaredError",
    "MeanAbsoluteError",
    "Huber",
    "Hinge",
    "SquaredHinge",
    "CategoricalHinge",
    "KLDivergence",
    "NegativeLogLikelihood",
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "LogCosh",
    "Poisson",
    "CosineSimilarity",
    "Tversky",
    "Dice",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
]


@dataclass(frozen=True)
class Loss:
    """What all losses have in common. Options out of their range raise ValueError when a loss is made.

    ``takes`` says what is learned from: "labels", "targets" of the output's shape, or "either"; ``has_classes`` whether
    an output's rows are of classes, the largest being the answer.
    """

    name: ClassVar[str] = ""
    takes: ClassVar[str] = "targets"
    has_accuracy: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _core.check_loss(*self.as_tuple())

    def as_tuple(self) -> Tuple[str, Dict[str, Any]]:
        """(name, options), as ``hubel._core`` takes it."""
        left_out = {field.name for field in fields(self) if field.default is None and getattr(self, field.name) is None}
        return self.name, {key: value for key, value in asdict(self).items() if key not in left_out}


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """-sum(t log softmax(y)) of rows of targets, one-hot or spread, or of labels.

    label_smoothing e makes the targets (1 - e) t + e / classes (Szegedy et al. 2016). from_logits changes nothing: see
    `hubel.losses`.
    """

    name: ClassVar[str] = "cross_entropy"
    takes: ClassVar[str] = "either"
    has_accuracy: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True

    label_smoothing: float = 0.0
    from_logits: bool = False


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """-log softmax(y)[label] of labels: one for each sample, or for each pixel of an output (h, w, classes).

    What has the label ignore_class counts for nothing. from_logits changes nothing: see `hubel.losses`.
    """

    name: ClassVar[str] = "cross_entropy"
    takes: ClassVar[str] = "labels"
    has_accuracy: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True

    ignore_class: Optional[int] = None
    label_smoothing: float = 0.0
    from_logits: bool = False


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """-(pos_weight t log p + (1 - t) log(1 - p)) of elements; p is the output, in [0, 1], or from_logits its sigmoid.

    label_smoothing e makes the targets (1 - e) t + e / 2.
    """

    name: ClassVar[str] = "binary_crossentropy"
    has_accuracy: ClassVar[bool] = True

    from_logits: bool = False
    pos_weight: float = 1.0
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class BinaryFocalCrossentropy(Loss):
    """(1 - p_t)^gamma times the binary cross-entropy of elements, p_t being the probability of what is right: p where t is
    1, 1 - p where it is 0 (Lin et al. 2017). p is the output, or from_logits its sigmoid.

    With apply_class_balancing also times alpha where t is 1, 1 - alpha where it is 0.
    """

    name: ClassVar[str] = "binary_focal_crossentropy"
    has_accuracy: ClassVar[bool] = True

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False

    def as_tuple(self) -> Tuple[str, Dict[str, Any]]:
        name, values = super().as_tuple()
        balances = values.pop("apply_class_balancing")
        if not isinstance(balances, bool):
            raise TypeError(f"{name}: apply_class_balancing must be True or False, got {balances!r}")
        if self.alpha is None:  # also where it is not used
            raise TypeError(f"{name}: alpha must be a number, got None")
        if balances and isinstance(self.alpha, (int, float)) and not 0 <= self.alpha <= 1:
            raise ValueError(f"{name}: alpha must be in [0, 1], got {self.alpha!r}")
        return name, {**values, "alpha": self.alpha if balances else -1.0}


@dataclass(frozen=True)
class CategoricalFocalCrossentropy(Loss):
    """-alpha sum((1 - p)^gamma t log p) of rows of targets or of labels (Lin et al. 2017). p is the output, as of a model
    that ends in softmax, or from_logits its softmax."""

    name: ClassVar[str] = "categorical_focal_crossentropy"
    takes: ClassVar[str] = "either"
    has_accuracy: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True

    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """(y - t)^2 of elements."""

    name: ClassVar[str] = "mse"


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """|y - t| of elements."""

    name: ClassVar[str] = "mae"


@dataclass(frozen=True)
class Huber(Loss):
    """(y - t)^2 / 2 of elements where |y - t| <= delta, else delta (|y - t| - delta / 2) (Huber 1964)."""

    name: ClassVar[str] = "huber"

    delta: float = 1.0


@dataclass(frozen=True)
class Hinge(Loss):
    """max(0, 1 - t y) of elements; t is -1 or 1, and 0 stands for -1."""

    name: ClassVar[str] = "hinge"


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """The square of max(0, 1 - t y)."""

    name: ClassVar[str] = "squared_hinge"


@dataclass(frozen=True)
class CategoricalHinge(Loss):
    """max(0, 1 + max((1 - t) y) - sum(t y)) of rows."""

    name: ClassVar[str] = "categorical_hinge"
    takes: ClassVar[str] = "either"
    has_accuracy: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True


@dataclass(frozen=True)
class KLDivergence(Loss):
    """sum(t log(t / y)) of rows of probabilities (Kullback & Leibler 1951)."""

    name: ClassVar[str] = "kl_divergence"
    has_accuracy: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True


@dataclass(frozen=True)
class NegativeLogLikelihood(Loss):
    """-y[label] of rows of log-probabilities, which are at most 0, as of a model that ends in log_softmax."""

    name: ClassVar[str] = "nll"
    takes: ClassVar[str] = "labels"
    has_accuracy: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True

    ignore_class: Optional[int] = None


@dataclass(frozen=True)
class LogCosh(Loss):
    """log(cosh(y - t)) of elements: a Huber loss without a corner."""

    name: ClassVar[str] = "log_cosh"


@dataclass(frozen=True)
class Poisson(Loss):
    """y - t log(y + 1e-7) of elements: y is the rate of events of which t were counted, both at least 0."""

    name: ClassVar[str] = "poisson"


@dataclass(frozen=True)
class CosineSimilarity(Loss):
    """-(y . t) / (|y| |t|) of rows: -1 where both point the same way. A row of zeros has the loss 0."""

    name: ClassVar[str] = "cosine_similarity"


@dataclass(frozen=True)
class Tversky(Loss):
    """1 - TP / (TP + alpha FP + beta FN) of samples, over all elements of each: TP = sum(t y), FP = sum((1 - t) y), FN =
    sum(t (1 - y)), y and t in [0, 1] (Salehi et al. 2017). Keras takes the sums over the batch."""

    name: ClassVar[str] = "tversky"

    alpha: float = 0.5
    beta: float = 0.5


@dataclass(frozen=True)
class Dice(Loss):
    """1 - 2 sum(t y) / (sum(t) + sum(y)) of samples, over all elements of each, y and t in [0, 1] (Milletari et al. 2016).
    Keras takes the sums over the batch."""

    name: ClassVar[str] = "dice"


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Loss):
    """100 abs(y - t) / max(abs(t), 1e-7), over all elements."""

    name: ClassVar[str] = "mape"


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Loss):
    """(log(1 + max(y, 1e-7)) - log(1 + max(t, 1e-7)))^2, over all elements; below 1e-7 its slope is 0."""

    name: ClassVar[str] = "msle"


# Keras's names, and PyTorch's nll.
_BY_NAME: Dict[str, Type[Loss]] = {
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "categorical_hinge": CategoricalHinge,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "nll": NegativeLogLikelihood,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "log_cosh": LogCosh,
    "logcosh": LogCosh,
    "poisson": Poisson,
    "cosine_similarity": CosineSimilarity,
    "tversky": Tversky,
    "dice": Dice,
    "mape": MeanAbsolutePercentageError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
}


def names_with_accuracy() -> List[str]:
    """The names of the losses that have an accuracy, of each the first."""
    first: Dict[Type[Loss], str] = {}
    for name, kind in _BY_NAME.items():
        if kind.has_accuracy:
            first.setdefault(kind, name)
    return list(first.values())


def loss_of(value: Union[str, Loss]) -> Loss:
    """A loss as it is, or that of a name ("mse", "MeanSquaredError") with its defaults."""
    if isinstance(value, Loss):
        return value
    if not isinstance(value, str):
        raise TypeError(f"compile: loss must be a name or a loss such as hubel.losses.Huber(), got {value!r}")
    named = {**{one.__name__.lower(): one for one in _BY_NAME.values()}, **_BY_NAME}
    if value.lower() not in named:
        raise ValueError(f"compile: unknown loss {value!r}, known are {', '.join(map(repr, _BY_NAME))}")
    return named[value.lower()]()
