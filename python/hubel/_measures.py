"""Metrics that are measured batch by batch beside loss and accuracy: by name, or functions of answers and outputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import metrics as scores

if TYPE_CHECKING:
    from ._types import AnyArray

__all__ = ["Measured", "Measures", "Metric", "is_accuracy", "is_better_when_larger"]

Metric = Union[str, Callable[..., Any]]

# The loss's own accuracy, and the names it is reported by.
_BY_LOSS = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy")
_BY_NAME: Dict[str, Callable[[AnyArray, AnyArray], float]] = {
    "binary_accuracy": scores.binary_accuracy,
    "mse": scores._mean_squared_error,
    "mean_squared_error": scores._mean_squared_error,
    "mae": scores._mean_absolute_error,
    "mean_absolute_error": scores._mean_absolute_error,
}
_TAKEN = (*_BY_LOSS, "loss", "learning_rate", "epoch", "samples", "seconds")
# What names of what is logged end in, by itself or after an underscore: those of hubel.metrics and of Keras.
_LARGER = re.compile(
    r"(.*_)?(acc|accuracy|accuracy_score|auc|f1_score|jaccard_score|precision|precision_score|r2_score|recall"
    r"|recall_score|roc_auc_score|top_k_accuracy_score)",
    re.DOTALL,
)
_SMALLER = re.compile(r"(.*_)?(loss|error|mae|mse)", re.DOTALL)


def is_accuracy(metric: Metric) -> bool:
    """Whether it is the loss's own accuracy, by one of its names."""
    return isinstance(metric, str) and metric in _BY_LOSS


def is_better_when_larger(name: str) -> Optional[bool]:
    """Whether what is logged by that name is; None for a name that does not tell."""
    return True if _LARGER.fullmatch(name) else False if _SMALLER.fullmatch(name) else None


class Measures:
    """The metrics of a model, as `Model.compile` takes them."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = tuple(metrics)
        self._accuracies: List[str] = []
        self._functions: List[Tuple[str, Callable[[AnyArray, AnyArray], Any]]] = []
        for metric in self.metrics:
            if isinstance(metric, str):
                self._add_named(metric)
            elif callable(metric) and not isinstance(metric, type):
                self._add(getattr(metric, "__name__", type(metric).__name__), metric)
            else:
                raise TypeError(f"compile: a metric must be a name or a function f(y_true, y_pred), got {metric!r}")

    @property
    def names(self) -> Tuple[str, ...]:
        return tuple(name for name, _ in self._functions)

    @property
    def accuracies(self) -> Sequence[str]:
        """What the loss's own accuracy is called, which is reported unasked too."""
        return self._accuracies or ("accuracy",)

    def begin(self, ignored: Optional[int] = None) -> Measured:
        """Of labels that are not `ignored`."""
        return Measured(self._functions, ignored)

    def _add_named(self, name: str) -> None:
        if name in _BY_LOSS:
            if name not in self._accuracies:
                self._accuracies.append(name)
            return
        if name not in _BY_NAME:
            known = ", ".join(map(repr, (*_BY_LOSS, "top_5_accuracy", *_BY_NAME)))
            raise ValueError(f"compile: unknown metric {name!r}, known are {known} and functions f(y_true, y_pred)")
        function = _BY_NAME[name]
        self._add(name, lambda answers, outputs: function(_as_rows(answers, outputs), outputs))

    def _add(self, name: str, function: Callable[[AnyArray, AnyArray], Any]) -> None:
        if name in self.names or name in _TAKEN or name.startswith("val_"):
            raise ValueError(f"compile: the metric's name {name!r} is taken; give the function another __name__")
        self._functions.append((name, function))


class Measured:
    """Sums over batches, each batch's value times its samples, or where labels may be ignored times the others."""

    def __init__(
        self, functions: Sequence[Tuple[str, Callable[[AnyArray, AnyArray], Any]]], ignored: Optional[int]
    ) -> None:
        self._functions, self._ignored = functions, ignored
        self._clear()

    def _clear(self) -> None:
        self._sums, self._count = [0.0] * len(self._functions), 0

    def add(self, answers: AnyArray, outputs: AnyArray) -> None:
        if self._ignored is not None:
            counts = answers != self._ignored
            answers, outputs = answers[counts], outputs[counts]
            if len(outputs) == 0:
                return
        for i, (name, function) in enumerate(self._functions):
            value = function(answers, outputs)
            if not isinstance(value, (int, float, np.integer, np.floating, np.bool_)):
                raise TypeError(f"the metric {name!r} must return a number, got {value!r}")
            self._sums[i] += float(value) * len(outputs)
        self._count += len(outputs)

    def means(self) -> Dict[str, float]:
        return {name: total / max(self._count, 1) for (name, _), total in zip(self._functions, self._sums)}

    def take(self) -> Dict[str, float]:
        """The means, and begins anew."""
        means = self.means()
        self._clear()
        return means


def _as_rows(answers: AnyArray, outputs: AnyArray) -> AnyArray:
    """Targets as they are, labels as rows with a single 1."""
    if answers.shape == outputs.shape:
        return answers
    rows: AnyArray = (answers[..., None] == np.arange(outputs.shape[-1])).astype(np.float32).reshape(outputs.shape)
    return rows
