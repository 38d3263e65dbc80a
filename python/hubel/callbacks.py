"""What `Model.fit` can call: stopping, saving, logging, learning rates."""

from __future__ import annotations

import csv
import functools
import inspect
import json
import math
import os
import re
import string
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from . import _core
from ._measures import is_better_when_larger
from ._paths import Path, path_bytes, path_text

if TYPE_CHECKING:
    from .model import Model

__all__ = [
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateScheduler",
    "ReduceLROnPlateau",
    "ModelCheckpoint",
    "CSVLogger",
    "JSONLogger",
    "TensorBoard",
]


class Callback:
    """To be derived from: each method does nothing."""

    model: Model
    # Whether it counts or keeps something from epoch to epoch, which no checkpoint holds: see fit's resume_from.
    remembers = False

    def set_model(self, model: Model) -> None:
        """Before anything else, the model that is trained."""
        self.model = model

    def on_train_begin(self) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int, logs: Dict[str, float]) -> None:
        """Before each epoch, or what is left of it, with its number from 0 and an empty dict."""

    def on_train_batch_end(self, batch: int, logs: Dict[str, float]) -> None:
        """After each step, with its number in the epoch, from 0, and the means over the epoch so far."""

    def on_epoch_end(self, epoch: int, logs: Dict[str, float]) -> None:
        """After each epoch, with its number from 0 and what the `History` gets of it."""

    def on_train_end(self) -> None:
        """After the last epoch, also when an exception ended it."""


class LambdaCallback(Callback):
    """Calls functions, as Keras's: each with its method's arguments, those of a training's beginning and end with logs.

    >>> from hubel.callbacks import LambdaCallback
    >>> losses = []
    >>> collect = LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Optional[Callable[[int, Dict[str, float]], Any]] = None,
        on_epoch_end: Optional[Callable[[int, Dict[str, float]], Any]] = None,
        on_train_begin: Optional[Callable[[Dict[str, float]], Any]] = None,
        on_train_end: Optional[Callable[[Dict[str, float]], Any]] = None,
        on_train_batch_end: Optional[Callable[[int, Dict[str, float]], Any]] = None,
    ) -> None:
        with_logs: Dict[str, Optional[Callable[..., Any]]] = {
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        others: Dict[str, Optional[Callable[..., Any]]] = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, call in {**with_logs, **others}.items():
            if call is not None and not callable(call):
                raise TypeError(f"LambdaCallback: {name} must be a function or None, got {call!r}")
            if call is not None:
                setattr(self, name, functools.partial(call, {}) if name in with_logs else call)


class LearningRateScheduler:
    """The learning rate of each epoch from a function, ``f(epoch)`` or ``f(epoch, rate so far)``; epochs count from 0.

    A description: the trainer asks for it, in place of fit's schedule and warmup. A training that goes on from a
    checkpoint within an epoch keeps that epoch's.
    """

    def __init__(self, schedule: Callable[..., float]) -> None:
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: schedule must be a function, got {schedule!r}")
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._takes_rate = True
        except (TypeError, ValueError):  # it takes one argument, or is built in and does not say
            self._takes_rate = False
        self._schedule = schedule

    def rate(self, epoch: int, rate: float) -> float:
        """The learning rate of an epoch, from 0, that follows on one of the given rate."""
        value = self._schedule(epoch, rate) if self._takes_rate else self._schedule(epoch)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise TypeError(f"LearningRateScheduler: schedule must return a number, got {value!r}")
        return float(value)


class _Best:
    """Whether a logged value improves on the best so far."""

    def __init__(self, who: str, monitor: str, min_delta: float, mode: str) -> None:
        if not isinstance(monitor, str):
            raise TypeError(f"{who}: monitor must be a str, such as 'val_loss', got {monitor!r}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{who}: mode must be 'auto', 'min' or 'max', got {mode!r}")
        if not min_delta >= 0:
            raise ValueError(f"{who}: min_delta must be at least 0, got {min_delta!r}")
        self._who, self._monitor, self._min_delta = who, monitor, min_delta
        larger = is_better_when_larger(monitor) if mode == "auto" else mode == "max"
        if larger is None:
            raise ValueError(
                f"{who}: mode 'auto' cannot tell whether {monitor!r} is better when it is larger or smaller; "
                "give 'max' or 'min'"
            )
        self._sign = 1 if larger else -1
        self.clear()

    def clear(self) -> None:
        self.value: Optional[float] = None

    def improved_by(self, logs: Dict[str, float]) -> bool:
        if self._monitor not in logs:
            raise ValueError(f"{self._who}: monitor is {self._monitor!r}, an epoch has {', '.join(logs)}")
        value = logs[self._monitor]
        if math.isnan(value):
            return False
        if self.value is not None and not self._sign * (value - self.value) > self._min_delta:
            return False
        self.value = value
        return True


class EarlyStopping(Callback):
    """Ends training after `patience` epochs in a row without improvement of `monitor`.

    mode : "auto", "min" or "max"
        Whether smaller or larger is better. "auto" goes by the end of monitor's name, whatever output's name stands
        before it: losses and errors ("loss", "error", "mae", "mse") should be small; accuracies ("accuracy",
        "acc"), the scores of `hubel.metrics` ("f1_score", "roc_auc_score", ...), "precision", "recall" and "auc" large.
        For any other name, as a function's of your own, it raises ValueError, as Keras 3's does: give "min" or "max".

    For the weights of the best epoch see ``fit(restore_best_weights=True)``, or restore_best_weights here.
    """

    remembers = True

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        restore_best_weights: bool = False,
    ) -> None:
        self._best = _Best("EarlyStopping", monitor, min_delta, mode)
        if isinstance(patience, bool) or not isinstance(patience, (int, np.integer)):
            raise TypeError(f"EarlyStopping: patience must be an integer, got {patience!r}")
        if patience < 0:
            raise ValueError(f"EarlyStopping: patience must be at least 0, got {patience!r}")
        self._patience, self._restores = patience, restore_best_weights
        self._waited = 0
        self._weights: Optional[List[Any]] = None
        self.stopped_epoch: Optional[int] = None

    def on_train_begin(self) -> None:
        self._best.clear()
        self._waited, self._weights, self.stopped_epoch = 0, None, None

    def on_epoch_end(self, epoch: int, logs: Dict[str, float]) -> None:
        if self._best.improved_by(logs):
            self._waited = 0
            if self._restores:
                self._weights = self.model.get_weights()
            return
        self._waited += 1
        if self._waited >= self._patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self) -> None:
        if self._weights is not None:
            self.model.set_weights(self._weights)


@dataclass
class ReduceLROnPlateau:
    """Multiplies the learning rate by `factor` after more than `patience` epochs without improvement.

    PyTorch's, as a description: the trainer does it. monitor is "val_loss" or "val_accuracy", or without validation
    samples "loss" or "accuracy". The accuracy may go by the other names that `Model.compile` has for it, such as
    "val_sparse_categorical_accuracy". Of several outputs only the whole loss can be watched. An improvement is one by
    more than min_delta of the best value, which is a share of it, or with relative=False an amount. After a reduction
    `cooldown` epochs are not counted.
    """

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    relative: bool = True
    cooldown: int = 0
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.monitor, str) or not re.fullmatch(
            r"(val_)?(loss|acc|((sparse_)?categorical_)?accuracy)", self.monitor
        ):
            raise ValueError(
                "ReduceLROnPlateau: monitor must be the whole model's loss, or with one output its accuracy: "
                f"'val_loss', 'val_accuracy', or without validation samples 'loss', 'accuracy'; got {self.monitor!r}"
            )


class ModelCheckpoint(Callback):
    """Saves the model after each epoch, or with save_best_only after those that improve `monitor`.

    mode is as in `EarlyStopping`.
    The path may have fields: "epoch{epoch:03}-{val_loss:.4f}.safetensors"; epochs count from 1 in it. A field is the
    name of what is logged, as it is, and a number's format.
    """

    def __init__(
        self, filepath: Path, monitor: str = "val_loss", save_best_only: bool = False, mode: str = "auto"
    ) -> None:
        self._path = path_text("ModelCheckpoint", "filepath", filepath)
        self._parts = _parts_of(self._path)
        self._best = _Best("ModelCheckpoint", monitor, 0.0, mode) if save_best_only else None
        self.remembers = save_best_only

    @property
    def path(self) -> bytes:
        """The path, its fields as they are."""
        return os.fsencode(self._path)

    def on_epoch_end(self, epoch: int, logs: Dict[str, float]) -> None:
        if self._best is None or self._best.improved_by(logs):
            self.model.save("".join(part.text({"epoch": epoch + 1, **logs}) for part in self._parts))


class _Part(NamedTuple):
    """Of a path: what stands there, and after it a field with its format, if any."""

    literal: str
    field: Optional[str]
    spec: str

    def text(self, values: Dict[str, Any]) -> str:
        if self.field is None:
            return self.literal
        if self.field not in values:
            raise ValueError(
                f"ModelCheckpoint: filepath has the field {self.field!r}, an epoch has {', '.join(values)}"
            )
        return self.literal + format(values[self.field], self.spec)


def _parts_of(path: str) -> List[_Part]:
    """The path cut at its fields. They are names and nothing else: an output's may have dots and brackets."""
    try:
        parts = [
            _checked_part(literal, field, spec or "", conversion)
            for literal, field, spec, conversion in string.Formatter().parse(path)
        ]
    except ValueError as error:
        raise ValueError(
            f"ModelCheckpoint: filepath may have fields such as {{epoch:03}} or {{loss:.4f}}, got {path!r}: {error}"
        ) from None
    return parts


def _checked_part(literal: str, field: Optional[str], spec: str, conversion: Optional[str]) -> _Part:
    if field is not None:
        if not field or field.isdigit():
            raise ValueError("a field must have the name of what an epoch has")
        if conversion:
            raise ValueError(f"the field {field!r} must not be converted")
        format(1 if field == "epoch" else 1.0, spec)
    return _Part(literal, field, spec)


class _FileLogger(Callback):
    def __init__(self, filename: Path, append: bool = False) -> None:
        self._path, self._append = path_text(type(self).__name__, "filename", filename), append
        self._file: Optional[IO[str]] = None

    def on_train_begin(self) -> None:
        self._file = open(self._path, "a" if self._append else "w", encoding="utf-8", newline="")

    def on_train_end(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


class CSVLogger(_FileLogger):
    """Writes a line for each epoch: its number from 0, and what is logged, under a line of names.

    With append=True it goes on with a file whose names are the same ones. ValueError for a file of other names, and for
    an epoch that has more than the first one had; what it lacks is left empty.
    """

    def on_train_begin(self) -> None:
        self._columns: List[str] = []
        if self._append and os.path.exists(self._path):
            with open(self._path, encoding="utf-8", errors="replace", newline="") as file:
                try:
                    self._columns = next(csv.reader(file), [])
                except csv.Error as error:
                    raise ValueError(f"CSVLogger: {self._path} is no CSV file to go on with: {error}") from None
        self._begun = False
        super().on_train_begin()

    def on_epoch_end(self, epoch: int, logs: Dict[str, float]) -> None:
        assert self._file is not None
        row: Dict[str, float] = {"epoch": epoch, **logs}
        writer = csv.writer(self._file)
        if not self._columns:
            self._columns = list(row)
            writer.writerow(self._columns)
        if any(name not in self._columns for name in row) or (not self._begun and list(row) != self._columns):
            raise ValueError(
                f"CSVLogger: {self._path} has the columns {', '.join(self._columns)}; an epoch has {', '.join(row)}"
            )
        self._begun = True
        writer.writerow([row.get(name, "") for name in self._columns])
        self._file.flush()


class JSONLogger(_FileLogger):
    """Writes a line of JSON for each epoch."""

    def on_epoch_end(self, epoch: int, logs: Dict[str, float]) -> None:
        assert self._file is not None
        self._file.write(json.dumps({"epoch": epoch, **logs}) + "\n")
        self._file.flush()


class TensorBoard(Callback):
    """Writes event files for TensorBoard into a folder: a point for each epoch."""

    def __init__(self, log_dir: Path = "logs") -> None:
        self._folder = path_bytes("TensorBoard", "log_dir", log_dir)
        self._file: Optional[_core.EventFile] = None

    def on_train_begin(self) -> None:
        self._file = _core.EventFile(self._folder)

    def on_epoch_end(self, epoch: int, logs: Dict[str, float]) -> None:
        assert self._file is not None
        self._file.write(epoch, [_tagged(key, value) for key, value in logs.items()])

    def on_train_end(self) -> None:
        self._file = None


def _tagged(key: str, value: float) -> Tuple[str, float]:
    """("loss/validation", value) of "val_loss"."""
    name = key[len("val_") :] if key.startswith("val_") else key
    return f"{name}/{'validation' if name != key else 'train'}", value
