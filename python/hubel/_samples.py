"""Samples and labels as users have them, made into the arrays that ``hubel._core`` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from . import _core

if TYPE_CHECKING:
    from ._types import AnyArray

# Of native byte order; looked up by identity first, which makes a prediction of one sample a tenth faster.
_READ_DIRECTLY = tuple(np.dtype(t) for t in (np.float32, np.uint8, np.float64))


def as_numbers(who: str, name: str, values: Any) -> AnyArray:
    """values as an array of numbers. Raises TypeError for others and ValueError for rows that differ in length."""
    if isinstance(values, np.ma.MaskedArray):  # what its mask hides would be taken for real
        raise TypeError(f"{who}: {name} must be a plain numpy.ndarray, got a MaskedArray")
    try:
        array = np.asarray(values)
    except ValueError:  # NumPy's, which does not tell what of
        raise ValueError(f"{who}: {name} must be an array, but what was given has rows of different lengths") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{who}: {name} must be numbers, got an array of dtype {array.dtype}")
    return array


def as_floats(who: str, name: str, values: AnyArray) -> AnyArray:
    """An array of numbers as float32, C-contiguous; finite numbers beyond its range raise ValueError."""
    if values.dtype.kind == "f" and values.dtype.itemsize > 4:
        for wrong in values[np.isfinite(values) & (np.abs(values) > np.finfo(np.float32).max)][:1]:
            raise ValueError(f"{who}: {name} must fit float32, got {wrong}")
    return np.require(values, np.float32, ["C", "A"])


def as_samples(who: str, x: AnyArray, input_shape: Tuple[int, ...]) -> AnyArray:
    """x, (m, ...input_shape), as uint8, float32 or float64, C-contiguous, aligned and in native byte order; other
    numbers become float32.

    (m, h, w) serves where input_shape is (h, w, 1). Raises TypeError for what is no array of numbers and ValueError for
    another shape.
    """
    if isinstance(x, np.ndarray) and x.dtype.char == "e":  # half precision
        x = x.astype(np.float32)
    _core.check_array(who, "x", x)
    if x.ndim == len(input_shape) and input_shape[-1] == 1 and x.shape[1:] == input_shape[:-1]:
        x = x[..., None]
    if x.ndim == 0 or x.shape[1:] != input_shape:
        wanted = ", ".join(["m", *map(str, input_shape)])
        one = "; for one sample give x[None]" if x.shape == input_shape else ""
        raise ValueError(f"{who}: x has shape {x.shape}, it must be ({wanted}){one}")
    flags = x.flags
    if x.dtype in _READ_DIRECTLY and flags.c_contiguous and flags.aligned:
        return x
    return np.require(x, x.dtype if x.dtype in _READ_DIRECTLY else np.float32, ["C", "A"])


def unlisted(x: Any, sample: Tuple[int, ...]) -> Any:
    """The array of [x], a list of one; but a list of a single sample, of this shape, is left as it is."""
    if isinstance(x, (list, tuple)) and len(x) == 1 and isinstance(x[0], np.ndarray) and x[0].shape != sample:
        return x[0]
    return x


def as_labels(who: str, y: Any, classes: int) -> AnyArray:
    """y as an int32 array (m,) of labels in [0, classes): from integers (m,) or (m, 1), or one-hot rows (m, classes).

    Whole numbers of a floating dtype are integers too.
    """
    labels = as_numbers(who, "labels", y)
    if labels.ndim == 2 and labels.shape[1] == classes > 1:
        labels = _classes_of_one_hot(who, labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            f"{who}: labels have shape {labels.shape}, they must be (m,) integers or (m, {classes}) one-hot rows"
        )
    if labels.dtype.kind == "f" and not np.all(labels == np.floor(labels)):
        raise ValueError(f"{who}: labels must be whole numbers")
    for wrong in labels[(labels < 0) | (labels >= classes)][:1]:
        raise ValueError(f"{who}: labels must be in [0, {classes}), got {wrong}")
    return np.require(labels, np.int32, ["C", "A"])


def as_row_labels(who: str, y: Any, rows: Tuple[int, ...], classes: int, ignored: Optional[int]) -> AnyArray:
    """y as an int32 array (m, ...rows) of labels in [0, classes), or `ignored`."""
    labels = as_numbers(who, "labels", y)
    if labels.shape[1:] == (*rows, 1):
        labels = labels[..., 0]
    if labels.ndim == 0 or labels.shape[1:] != rows:
        wanted = ", ".join(["m", *map(str, rows)]) if rows else "m,"
        one_each = rows and labels.ndim >= 1 and labels.size == len(labels)
        hint = "; for one label a sample put Flatten or GlobalAvgPool2D before the last layer" if one_each else ""
        raise ValueError(f"{who}: labels have shape {labels.shape}, they must be ({wanted}){hint}")
    if labels.dtype.kind == "f" and not np.all(labels == np.floor(labels)):
        raise ValueError(f"{who}: labels must be whole numbers")
    wrong = (labels < 0) | (labels >= classes)
    if ignored is not None:
        wrong &= labels != ignored
    for label in labels[wrong][:1]:
        raise ValueError(f"{who}: labels must be in [0, {classes}), got {label}")
    return np.require(labels, np.int32, ["C", "A"])


def as_targets(who: str, y: Any, output_shape: Tuple[int, ...]) -> AnyArray:
    """y as a float32 array (m, ...output_shape); (m,) serves where that is (m, 1)."""
    targets = as_numbers(who, "targets", y)
    if targets.ndim == len(output_shape) and output_shape[-1] == 1 and targets.shape[1:] == output_shape[:-1]:
        targets = targets[..., None]
    if targets.ndim == 0 or targets.shape[1:] != output_shape:
        wanted = ", ".join(["m", *map(str, output_shape)])
        raise ValueError(f"{who}: targets have shape {targets.shape}, they must be ({wanted})")
    return as_floats(who, "targets", targets)


def as_weights(who: str, weights: Any, count: int, rows: Tuple[int, ...]) -> AnyArray:
    """Weights of `count` samples as a float32 array (m,), also from (m, 1), or of their outputs' rows, (m, ...rows)."""
    values = as_numbers(who, "sample_weight", weights)
    if values.shape == (count, 1):
        values = values[:, 0]
    if values.shape not in ((count,), (count, *rows)):
        wanted = f"({count},)" + (f" or {(count, *rows)}" if rows else "")
        raise ValueError(f"{who}: sample_weight has shape {values.shape}, it must be {wanted} for {count} samples")
    values = as_floats(who, "sample_weight", values)
    for wrong in values[~(np.isfinite(values) & (values >= 0))][:1]:
        raise ValueError(f"{who}: sample_weight must be finite and at least 0, got {wrong}")
    return values


def _classes_of_one_hot(who: str, rows: AnyArray) -> AnyArray:
    if not (np.all((rows == 0) | (rows == 1)) and np.all(rows.sum(axis=1) == 1)):
        raise ValueError(f"{who}: one-hot labels must be rows of zeros with a single 1")
    classes: AnyArray = rows.argmax(axis=1)
    return classes
