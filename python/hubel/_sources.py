"""What is trained on and evaluated, as ``hubel._core`` takes it: arrays, images of a folder, batches of an iterable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional, Sequence, Tuple

import numpy as np

from . import _core
from .data import FolderImages

# Samples, their labels or targets, and their weights or None.
Batch = Tuple[Any, Any, Optional[Any]]
# Makes such ready: (who, x, y, weights, whether they are a batch's) -> arrays that _core reads, or lists of them of
# several inputs or outputs. A folder's images come without labels.
Ready = Callable[[str, Any, Any, Any, bool], Batch]

_NOTHING = object()
_UNKNOWN = 2**31 - 1  # samples, where their number shows at the end


@dataclass
class Source:
    """Samples, as _core.Network takes them."""

    x: Any  # an array, or a list of one for each input, _core.FolderPart or _core.Stream
    y: Optional[Any]  # an array or list, of the first only
    weights: Optional[Any] = None  # an array, but of a stream
    largest: Optional[int] = None  # samples of a stream's batch to train on

    @property
    def parts(self) -> Batch:
        return self.x, self.y, self.weights

    def __getitem__(self, samples: slice) -> Source:
        """Some of arrays."""
        return Source(*(_some_of(part, samples) for part in self.parts))

    @property
    def count(self) -> int:
        """The samples; not of a stream."""
        return _count(self.x)

    @property
    def is_stream(self) -> bool:
        return isinstance(self.x, _core.Stream)


def gives_batches(x: Any) -> bool:
    """Whether x is to be gone through batch by batch. Lists of numbers are not, which should have been an array."""
    if isinstance(x, (np.ndarray, str, bytes, dict, FolderImages)):
        return False
    if isinstance(x, (list, tuple)):
        return not x or isinstance(x[0], tuple) or any(hasattr(part, "__array__") for part in (x[0], *_parts(x[0])))
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def source_of(who: str, samples: Batch, ready: Ready, steps: Optional[int]) -> Source:
    """Samples to evaluate; steps is the number of batches that are taken, or None for all."""
    if _come_in_batches(who, samples):
        batches = Batches(who, samples[0], ready, steps, training=False)
        return Source(_core.Stream(batches, _UNKNOWN, batches.first), None, None, _count(batches.first[0]))
    return _by_number(who, samples, ready, steps)


def validation_source_of(who: str, data: Any, ready: Ready, steps: Optional[int], inputs: int) -> Source:
    """The same of fit's validation_data, for a model of so many inputs, epoch after epoch: an iterator, which may have
    no end, must come with a number of steps."""
    samples = _validation_samples(data, inputs)
    x = samples[0]
    if steps is None and _come_in_batches(who, samples) and hasattr(x, "__next__") and _length(x) is None:
        raise ValueError(
            f"{who}: validation_data is an iterator, which may have no end and can be gone through only once, so "
            "validation_steps must tell how many batches a validation has"
        )
    return source_of(who, samples, ready, steps)


def _validation_samples(data: Any, inputs: int) -> Batch:
    """x, y and weights, or what stands for them as x alone."""
    wanted = "fit: validation_data must be (x, y) or (x, y, sample_weight)"
    if not isinstance(data, (tuple, list)):
        if not isinstance(data, FolderImages) and not gives_batches(data):
            raise TypeError(f"{wanted}, a folder's images or batches")
        return data, None, None
    if not data or isinstance(data[0], tuple):  # a list of two batches, which are tuples themselves, is not x and y
        return data, None, None
    # Batches may be lists, but the x of one is no array where there are several inputs.
    of_inputs = _are_arrays(data) or (len(data) == 1 and _are_arrays(data[0]))
    if inputs > 1 and of_inputs:
        raise TypeError(f"{wanted}; y is missing, or x is no list of an array for each input")
    if len(data) in (2, 3):
        return data[0], data[1], data[2] if len(data) == 3 else None
    if not all(isinstance(part, (tuple, list)) and len(part) in (2, 3) for part in data):
        raise TypeError(f"{wanted}, got {len(data)} of them")
    return data, None, None


def training_source_of(
    who: str, samples: Batch, ready: Ready, steps: Optional[int], batch_size: Optional[int]
) -> Source:
    """Samples to train on; steps is the number of batches of an epoch, or None for all."""
    if _come_in_batches(who, samples):
        batches = Batches(who, samples[0], ready, steps, training=True, largest=batch_size)
        assert batches.steps is not None and batches.largest is not None
        stream = _core.Stream(batches, batches.steps * batches.largest, batches.first)
        return Source(stream, None, None, batches.largest)
    return _by_number(who, samples, ready, steps)


def _come_in_batches(who: str, samples: Batch) -> bool:
    x, y, weights = samples
    if y is not None or not gives_batches(x):
        return False
    if _are_arrays(x):
        raise TypeError(f"{who}: y is missing; x is a {type(x).__name__} of arrays, batches would be (x, y)")
    if weights is not None:
        raise ValueError(
            f"{who}: sample_weight goes with arrays or a folder's images; batches have theirs, (x, y, sample_weight)"
        )
    return True


def _by_number(who: str, samples: Batch, ready: Ready, steps: Optional[int]) -> Source:
    """Samples that can be asked for by their numbers."""
    x, y, weights = samples
    if steps is not None:
        raise ValueError(f"{who}: a number of steps goes with batches only, from an iterable")
    if isinstance(x, FolderImages):
        if y is not None:
            raise TypeError(f"{who}: y must be left out, the folder's images have their labels")
    elif y is None:
        raise TypeError(f"{who}: y is missing; x alone may be batches (x, y) or a folder's images, got {type(x)}")
    return Source(*ready(who, x, y, weights, False))


class Batches:
    """The batches of an iterable, pass by pass: what `_core.Stream` calls for the next one, with None for a pass's end.

    A pass is `steps` batches, or all there are. To train, passes follow one another without an end between them, and
    where steps were given each begins where the last one ended. Else each pass begins anew, but for what cannot: an
    iterator.
    """

    def __init__(
        self,
        who: str,
        source: Any,
        ready: Ready,
        steps: Optional[int],
        training: bool,
        largest: Optional[int] = None,
    ) -> None:
        self._who, self._source, self._ready, self._training = who, source, ready, training
        self._goes_on = training and steps is not None
        self._can_restart = not hasattr(source, "__next__")
        self.steps = steps if steps is not None else _length(source)
        if training and self.steps is None:
            raise ValueError(f"{who}: x has no length, so steps_per_epoch must tell how many batches an epoch has")
        if self.steps == 0:
            raise ValueError(f"{who}: there are no batches")
        self._iterator: Optional[Iterator[Any]] = None
        self._done = 0  # batches of this pass
        self._held: Optional[Batch] = None
        self.largest = largest
        self.first: Batch = (None, None, None)
        self._hold_first()

    def _hold_first(self) -> None:
        batch = self()
        assert batch is not None
        self.first = self._held = batch
        if self._training and self.largest is None:
            self.largest = _count(batch[0])

    def __call__(self) -> Optional[Batch]:
        if self._held is not None:
            batch, self._held = self._held, None
            return batch
        if self._done == self.steps:  # not in training, where a pass ends with its last batch
            self._end_pass()
            return None
        raw = self._next_raw()
        if raw is _NOTHING:
            self._end_pass()
            return None
        self._done += 1
        batch = self._checked(raw)
        if self._training and self._done == self.steps:
            self._end_pass()
        return batch

    def _next_raw(self) -> Any:
        """The next batch as it comes, or _NOTHING at the end of a pass of unknown length."""
        raw = self._pull()
        if raw is _NOTHING and self._can_restart and self._goes_on:
            self._iterator = None
            raw = self._pull()
        if raw is not _NOTHING or (self.steps is None and self._done > 0):
            return raw
        if self._done == 0:
            hint = "" if self._can_restart else ": an iterator can be gone through only once"
            raise ValueError(f"{self._who}: there are no batches{hint}")
        raise ValueError(f"{self._who}: the batches ended after {self._done} of {self.steps}")

    def _pull(self) -> Any:
        if self._iterator is None:
            self._iterator = _iterator_of(self._source)
        return next(self._iterator, _NOTHING)

    def _end_pass(self) -> None:
        self._done = 0
        if self._can_restart and not self._goes_on:
            self._iterator = None
        # What Keras's Sequence shuffles its samples in.
        getattr(self._source, "on_epoch_end", lambda: None)()

    def _checked(self, raw: Any) -> Batch:
        who = f"{self._who} (batch {self._done})"
        if not isinstance(raw, (tuple, list)) or len(raw) not in (2, 3):
            got = f"{len(raw)} of them" if isinstance(raw, (tuple, list)) else type(raw).__name__
            raise TypeError(f"{who}: a batch must be (x, y) or (x, y, sample_weight), got {got}")
        x, y, weights = self._ready(who, raw[0], raw[1], raw[2] if len(raw) == 3 else None, True)
        count = _count(x)
        if count == 0:
            raise ValueError(f"{who}: the batch has no samples")
        if self.largest is not None and count > self.largest:
            raise ValueError(
                f"{who}: the batch has {count} samples, there may be {self.largest}: the first batch's, or batch_size"
            )
        if self.first[1] is not None and _types(y) != _types(self.first[1]):
            raise ValueError(f"{who}: one batch has labels, another rows of targets")
        if self.first[1] is not None and _rank(weights) != _rank(self.first[2]):
            raise ValueError(f"{who}: one batch has other weights than another: none, one for each sample, or each row")
        return x, y, weights


def raw_samples(who: str, source: Any, steps: Optional[int]) -> Iterator[Tuple[str, Any]]:
    """The samples of batches x, (x,) or (x, y, ...), with what messages about each begin with."""
    iterator, done = _iterator_of(source), 0
    while steps is None or done < steps:
        batch = next(iterator, _NOTHING)
        if batch is _NOTHING:
            break
        done += 1
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        yield f"{who} (batch {done})", np.asanyarray(x)
    if steps is not None and done < steps:
        raise ValueError(f"{who}: the batches ended after {done} of {steps}")


def _iterator_of(source: Any) -> Iterator[Any]:
    return iter(source) if hasattr(source, "__iter__") else (source[i] for i in range(len(source)))


def _count(x: Any) -> int:
    """Samples of an array, or of a list of one for each input."""
    return len(x[0] if isinstance(x, list) else x)


def _some_of(part: Any, samples: slice) -> Any:
    if isinstance(part, list):
        return [array[samples] for array in part]
    return None if part is None else part[samples]


def _types(y: Any) -> Any:
    return [array.dtype for array in y] if isinstance(y, list) else y.dtype


def _rank(weights: Optional[Any]) -> int:
    return 0 if weights is None else weights.ndim


def _parts(batch: Any) -> Sequence[Any]:
    return batch if isinstance(batch, list) else ()


def _are_arrays(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and bool(x) and all(hasattr(part, "__array__") for part in x)


def _length(source: Any) -> Optional[int]:
    """len(source), where it has one; some that have a method __len__ do not."""
    try:
        return len(source)
    except TypeError:
        return None
