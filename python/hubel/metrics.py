"""Metrics: how well answers and outputs agree with labels and targets. By scikit-learn's names, and Keras's.

>>> import numpy as np
>>> from hubel import metrics
>>> labels, predictions = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
>>> metrics.confusion_matrix(labels, predictions)
array([[1, 1, 0],
       [0, 2, 0],
       [1, 0, 0]])
>>> metrics.accuracy_score(labels, predictions)
0.6
>>> metrics.recall_score(labels, predictions, average=None)
array([0.5, 1. , 0. ])

Labels and predictions are integers (m,), or with more axes, such as the classes of pixels; or floating rows
(..., classes), as `Model.predict` and one-hot labels are, whose largest element (the first of equal ones) is the class.
There are `classes` classes, or unless that is given one more than the largest that occurs. A share whose denominator is 0 is 0, as with
scikit-learn's zero_division=0. TypeError and ValueError tell what does not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

import numpy as np

from . import _core
from ._samples import as_numbers

if TYPE_CHECKING:
    from ._types import AnyArray, Array

__all__ = [
    "accuracy_score",
    "binary_accuracy",
    "confusion_matrix",
    "f1_score",
    "jaccard_score",
    "mean_absolute_error",
    "mean_squared_error",
    "precision_recall_fscore_support",
    "precision_score",
    "r2_score",
    "recall_score",
    "roc_auc_score",
    "top_k_accuracy_score",
]

_AVERAGES = ("binary", "macro", "micro", "weighted")
_MOST_CLASSES = 2**15  # whose table is 8 GiB


def confusion_matrix(labels: Any, predictions: Any, classes: Optional[int] = None) -> AnyArray:
    """Counts, int64 (classes, classes): a row for each label, a column for each prediction."""
    return _core.confusion_matrix(*_pair("confusion_matrix", labels, predictions, classes))


def accuracy_score(labels: Any, predictions: Any) -> float:
    """The share of predictions that are the label; 0 for none."""
    own, answers = _classes("accuracy_score", labels, predictions)
    return float(np.mean(own == answers)) if own.size else 0.0


def precision_recall_fscore_support(
    labels: Any, predictions: Any, classes: Optional[int] = None, average: Optional[str] = None
) -> Tuple[Any, Any, Any, Optional[AnyArray]]:
    """(precision, recall, F1, support): arrays (classes,) of each class's, or with an average its numbers and None.

    Precision is the share of what was taken for a class that was of it, recall the share of what was of a class that
    was taken for it, F1 their harmonic mean, support the number of samples of the class.

    average : None, "binary", "macro", "micro" or "weighted"
        "binary": those of class 1, there being two. "macro": the mean over the classes, each counting the same, also
        those that do not occur. "micro": of the counts summed over the classes. "weighted": the mean weighted by the
        classes' supports. The F1 that is averaged is the classes' own.
    """
    return _scores("precision_recall_fscore_support", labels, predictions, classes, average)


def precision_score(
    labels: Any, predictions: Any, classes: Optional[int] = None, average: Optional[str] = "binary"
) -> Union[float, Array]:
    """The precision: see `precision_recall_fscore_support`."""
    precision: Union[float, Array] = _scores("precision_score", labels, predictions, classes, average)[0]
    return precision


def recall_score(
    labels: Any, predictions: Any, classes: Optional[int] = None, average: Optional[str] = "binary"
) -> Union[float, Array]:
    """The recall: see `precision_recall_fscore_support`."""
    recall: Union[float, Array] = _scores("recall_score", labels, predictions, classes, average)[1]
    return recall


def f1_score(
    labels: Any, predictions: Any, classes: Optional[int] = None, average: Optional[str] = "binary"
) -> Union[float, Array]:
    """The F1 score: see `precision_recall_fscore_support`."""
    f1: Union[float, Array] = _scores("f1_score", labels, predictions, classes, average)[2]
    return f1


def jaccard_score(
    labels: Any, predictions: Any, classes: Optional[int] = None, average: Optional[str] = "binary"
) -> Union[float, Array]:
    """The intersection over the union (Jaccard 1912): of what was of a class or taken for it, the share that was both.

    average is as in `precision_recall_fscore_support`: with "macro" it is the mean IoU, as of the classes of pixels.

    >>> from hubel import metrics
    >>> metrics.jaccard_score([0, 0, 1, 1, 2], [0, 1, 1, 1, 0], average=None)
    array([0.33333333, 0.66666667, 0.        ])
    """
    who = "jaccard_score"
    own, answers, count = _checked_pair(who, labels, predictions, classes, average)
    table = _core.confusion_matrix(own, answers, count).astype(np.float64)
    both, support = table.diagonal(), table.sum(axis=1)
    union = support + table.sum(axis=0) - both
    shares: Array = np.divide(both, union, out=np.zeros(count), where=union > 0)
    if average is None:
        return shares
    if average == "binary":
        return float(shares[1])
    if average == "micro":
        return float(both.sum() / union.sum()) if union.sum() > 0 else 0.0
    if average == "weighted":
        return float(shares @ support / support.sum()) if support.sum() > 0 else 0.0
    return float(shares.mean())


def roc_auc_score(labels: Any, scores: Any, average: Optional[str] = "macro") -> Union[float, Array]:
    """The area under the ROC curve: how likely a sample of a class has a higher score for it than one of no such class.

    Equal scores count one half (Mann & Whitney 1947; Hanley & McNeil 1982). Scores are (m,) or (m, 1), those of class 1
    of two, or (m, classes), a class's against all the others' (scikit-learn's multi_class="ovr"). There must be samples
    of the class and others, else ValueError.

    average : None, "macro" or "weighted"
        Of (m, classes): "macro" is the mean over the classes, "weighted" that by their numbers of samples, None an
        array of each class's.

    >>> import numpy as np
    >>> from hubel import metrics
    >>> metrics.roc_auc_score([0, 0, 1, 1], np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    who = "roc_auc_score"
    if average not in (None, "macro", "weighted"):
        raise ValueError(f"{who}: average must be None, 'macro' or 'weighted', got {average!r}")
    scores = _numbers(who, "scores", scores)
    own = _class_numbers(who, "labels", labels)
    columns = scores[:, None] if scores.ndim == 1 else scores
    if columns.ndim != 2 or columns.shape[:1] != own.shape or columns.shape[1] == 0:
        raise ValueError(
            f"{who}: scores have shape {scores.shape}, they must be {own.shape} or (m, classes) for these labels"
        )
    if np.isnan(columns).any():
        raise ValueError(f"{who}: scores have a NaN, which is neither higher nor lower than any")
    classes = columns.shape[1]
    own = _in_range(who, "labels", own, max(classes, 2))
    if classes == 1:
        return _area(who, own == 1, columns[:, 0], 1)
    areas = np.array([_area(who, own == c, columns[:, c], c) for c in range(classes)])
    if average is None:
        return areas
    return float(np.average(areas, weights=np.bincount(own, minlength=classes) if average == "weighted" else None))


def _area(who: str, positive: AnyArray, scores: AnyArray, label: int) -> float:
    """By the sum of the positive samples' ranks, those of equal scores having their mean."""
    count = int(positive.sum())
    others = len(positive) - count
    if count == 0 or others == 0:
        raise ValueError(f"{who}: {'no' if count == 0 else 'every'} sample is of class {label}, there is no curve")
    _, place, number = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(number) - (number - 1) / 2  # from 1
    return float((ranks[place][positive].sum() - count * (count + 1) / 2) / (count * others))


def top_k_accuracy_score(labels: Any, scores: Any, k: int = 2) -> float:
    """The share of rows (..., classes) of scores whose label is among the k largest, of equal ones the first.

    NaN is larger than any number, and as a label's score it is wrong. 0 for no rows.

    >>> import numpy as np
    >>> from hubel import metrics
    >>> metrics.top_k_accuracy_score([0, 2], np.array([[0.3, 0.5, 0.2], [0.3, 0.5, 0.2]]))
    0.5
    """
    who = "top_k_accuracy_score"
    scores = _numbers(who, "scores", scores)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
        raise TypeError(f"{who}: k must be an integer, got {k!r}")
    if k < 1:
        raise ValueError(f"{who}: k must be at least 1, got {k}")
    own = _class_numbers(who, "labels", labels)
    if scores.ndim < 2 or scores.shape[:-1] != own.shape:
        wanted = ", ".join([*map(str, own.shape), "classes"])
        raise ValueError(f"{who}: scores have shape {scores.shape}, they must be ({wanted}) for these labels")
    return _core.top_k_accuracy(scores, _in_range(who, "labels", own, scores.shape[-1]), min(int(k), 2**31 - 1))


def binary_accuracy(targets: Any, outputs: Any, threshold: float = 0.5) -> float:
    """The share of outputs that are on their target's side: above the threshold where the target is above 1/2.

    For logits the threshold is 0. 0 for no elements. ValueError for NaN.

    >>> from hubel import metrics
    >>> metrics.binary_accuracy([0, 1, 1, 0], [0.2, 0.9, 0.4, 0.5])
    0.75
    """
    who = "binary_accuracy"
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.integer, np.floating)):
        raise TypeError(f"{who}: threshold must be a number, got {threshold!r}")
    t, y = _without_nan(who, *_same_shape(who, outputs, targets))
    return _core.binary_accuracy(y, t, threshold)


def mean_absolute_error(targets: Any, outputs: Any) -> float:
    """The mean of abs(output - target); 0 for no elements. ValueError for NaN."""
    who = "mean_absolute_error"
    return _mean_absolute_error(*_without_nan(who, *_same_shape(who, outputs, targets)))


def mean_squared_error(targets: Any, outputs: Any) -> float:
    """The mean of (output - target)^2; 0 for no elements. ValueError for NaN."""
    who = "mean_squared_error"
    return _mean_squared_error(*_without_nan(who, *_same_shape(who, outputs, targets)))


def r2_score(targets: Any, outputs: Any) -> float:
    """The coefficient of determination: 1 - sum((t - y)^2) / sum((t - mean(t))^2), the mean of the outputs' own.

    1 is perfect, 0 what the targets' mean comes to. Arrays are (m,) or (m, ...), at least two samples. Where the
    targets of an output are all the same it is 1 where they are met exactly, else 0, as with scikit-learn's force_finite.
    ValueError for NaN.

    >>> from hubel import metrics
    >>> metrics.r2_score([1, 2, 3], [1, 2, 4])
    0.5
    """
    who = "r2_score"
    targets, outputs = _without_nan(who, *_same_shape(who, outputs, targets))
    if outputs.ndim == 0 or len(outputs) < 2:
        raise ValueError(f"{who}: there must be at least two samples, got arrays of shape {outputs.shape}")
    if outputs.size == 0:
        raise ValueError(f"{who}: a sample has no elements, its targets are of shape {targets.shape[1:]}")
    t = targets.reshape(len(targets), -1).astype(np.float64)
    left = np.square(t - outputs.reshape(t.shape)).sum(axis=0)
    all_of_it = np.square(t - t.mean(axis=0)).sum(axis=0)
    constant = all_of_it == 0
    scores = 1 - left / np.where(constant, 1, all_of_it)
    return float(np.where(constant, left == 0, scores).mean())


def _scores(
    who: str, labels: Any, predictions: Any, classes: Optional[int], average: Optional[str]
) -> Tuple[Any, Any, Any, Optional[AnyArray]]:
    pair = _checked_pair(who, labels, predictions, classes, average)
    if average == "binary":
        precision, recall, f1, _ = _core.class_scores(*pair, None)[1]
        return precision, recall, f1, None
    rows = _core.class_scores(*pair, average)
    if average is not None:
        return (*rows[0][:3], None)
    table = np.array(rows, dtype=np.float64)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), table[:, 3].astype(np.int64)


def _checked_pair(
    who: str, labels: Any, predictions: Any, classes: Optional[int], average: Optional[str]
) -> Tuple[AnyArray, AnyArray, int]:
    """What is to be averaged: two classes with "binary"."""
    if isinstance(classes, str):
        raise TypeError(f"{who}: classes must be an integer or None, got {classes!r}; give average={classes!r} by name")
    if average is not None and average not in _AVERAGES:
        raise ValueError(f"{who}: average must be None or one of {', '.join(map(repr, _AVERAGES))}, got {average!r}")
    return _pair(who, labels, predictions, 2 if average == "binary" and classes is None else classes, average)


def _pair(
    who: str, labels: Any, predictions: Any, classes: Optional[int], average: Optional[str] = None
) -> Tuple[AnyArray, AnyArray, int]:
    """Labels and answers, int32, and how many classes there are."""
    own, answers = _classes(who, labels, predictions)
    if average == "binary" and (classes != 2 or max(own.max(initial=0), answers.max(initial=0)) > 1):
        raise ValueError(f"{who}: average='binary' goes with two classes; choose None, 'macro', 'micro' or 'weighted'")
    if classes is None:
        if own.size == 0:
            raise ValueError(f"{who}: classes must be given where there are no labels")
        classes = int(max(own.max(), answers.max())) + 1
    if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)):
        raise TypeError(f"{who}: classes must be an integer or None, got {classes!r}")
    if not 1 <= classes <= _MOST_CLASSES:
        raise ValueError(f"{who}: classes must be in [1, {_MOST_CLASSES}], got {classes}")
    return _in_range(who, "labels", own, classes), _in_range(who, "predictions", answers, classes), int(classes)


def _classes(who: str, labels: Any, predictions: Any) -> Tuple[AnyArray, AnyArray]:
    own, answers = _class_numbers(who, "labels", labels), _class_numbers(who, "predictions", predictions)
    if own.shape != answers.shape:
        raise ValueError(f"{who}: labels are of shape {own.shape}, but predictions of {answers.shape}")
    return own, answers


def _class_numbers(who: str, name: str, values: Any) -> AnyArray:
    """Whole numbers, without an axis of the classes."""
    array = as_numbers(who, name, values)
    if array.ndim == 0:
        raise ValueError(f"{who}: {name} must have an axis at least, got a single number")
    if array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim > 1 and array.dtype.kind == "f" and array.shape[-1] > 1:
        if np.isnan(array).any():
            raise ValueError(f"{who}: {name} have a NaN, which is neither larger nor smaller than any")
        places: AnyArray = array.argmax(axis=-1)
        return places
    if array.dtype.kind == "f" and not np.all(np.isfinite(array) & (array == np.floor(array))):
        raise ValueError(f"{who}: {name} must be whole numbers, or rows (..., classes)")
    return array


def _in_range(who: str, name: str, numbers: AnyArray, classes: int) -> AnyArray:
    for wrong in numbers[(numbers < 0) | (numbers >= classes)][:1]:
        raise ValueError(f"{who}: {name} must be in [0, {classes}), got {wrong}")
    return np.require(numbers, np.int32, ["C", "A"])


def _same_shape(who: str, outputs: Any, targets: Any) -> Tuple[AnyArray, AnyArray]:
    arrays = _numbers(who, "outputs", outputs), _numbers(who, "targets", targets)
    if arrays[0].shape != arrays[1].shape:
        raise ValueError(f"{who}: outputs are of shape {arrays[0].shape}, but targets of {arrays[1].shape}")
    return arrays


def _numbers(who: str, name: str, values: Any) -> AnyArray:
    """An array that ``hubel._core`` reads."""
    array = as_numbers(who, name, values)
    _core.check_array(who, name, array)
    return array


def _without_nan(who: str, outputs: AnyArray, targets: AnyArray) -> Tuple[AnyArray, AnyArray]:
    """Both, in the order of the functions' arguments: NaN has no distance from anything."""
    for name, array in (("outputs", outputs), ("targets", targets)):
        if np.isnan(array).any():
            raise ValueError(f"{who}: {name} have a NaN")
    return targets, outputs


def _mean_absolute_error(targets: AnyArray, outputs: AnyArray) -> float:
    return _core.mean_absolute_error(outputs, targets)


def _mean_squared_error(targets: AnyArray, outputs: AnyArray) -> float:
    return float(np.mean(np.square(outputs.astype(np.float64) - targets))) if outputs.size else 0.0
