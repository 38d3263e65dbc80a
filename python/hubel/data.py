"""Data: NPZ archives and labelled images, from files and URLs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Union

from . import _core

if TYPE_CHECKING:
    from ._types import AnyArray

__all__ = ["Dataset", "load_dataset", "load_npz"]

# Data sets that are installed with the package.
_INSTALLED = os.path.join(os.path.dirname(__file__), "data")

Location = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Dataset:
    """Labelled images in their usual parts. A part that the source does not have is empty.

    Images X_... are (n, h, w, c), of uint8 (bytes that mean [0, 1]) or float32; labels Y_... are integers (n,).
    """

    X_train: AnyArray
    Y_train: AnyArray
    X_valid: AnyArray
    Y_valid: AnyArray
    X_test: AnyArray
    Y_test: AnyArray
    class_names: List[str]
    source: str

    def __repr__(self) -> str:
        parts = ", ".join(f"{len(getattr(self, 'X_' + part))} {part}" for part in ("train", "valid", "test"))
        return f"<hubel.Dataset from {self.source}: {parts} images of {self.X_train.shape[1:]}>"


def load_npz(path_or_url: Location) -> Dict[str, AnyArray]:
    """The arrays of an NPZ archive by name, from a file or an http(s) URL.

    A URL is read into memory and nothing is saved. Arrays keep their dtype, shape and memory order. Raises OSError
    (FileNotFoundError) when it cannot be read, and ValueError when it is not an NPZ archive, is damaged, or holds arrays
    of Python objects.
    """
    return _core.load_npz(_location("load_npz", path_or_url))


def load_dataset(where: Location = "mnist") -> Dataset:
    """Labelled images: a data set by name, a folder, an NPZ file or a URL.

    - ``"mnist"``: installed with Hubel (LeCun, Cortes & Burges; 60,000 + 10,000 images of 28 x 28 bytes)
    - ``"fashion-mnist"``: where Debian's package dataset-fashion-mnist puts it
    - a folder of IDX files with MNIST's names, plain or .gz
    - an NPZ file, or the http(s) URL of one, with arrays X_train, Y_train, X_valid, Y_valid, X_test, Y_test

    Raises OSError (FileNotFoundError) when it cannot be read, and ValueError when it is not what it should be.

    >>> import hubel
    >>> data = hubel.load_dataset("mnist")
    >>> data.X_train.shape, data.Y_train.shape, data.X_test.shape
    ((60000, 28, 28, 1), (60000,), (10000, 28, 28, 1))
    """
    train, valid, test, class_names, source = _core.load_dataset(
        _location("load_dataset", where), os.fsencode(_INSTALLED)
    )
    return Dataset(*train, *valid, *test, class_names, source)


def _location(who: str, where: Location) -> bytes:
    try:
        return os.fsencode(where)
    except TypeError:
        raise TypeError(f"{who}: expected a path or URL, got {type(where).__name__}") from None
