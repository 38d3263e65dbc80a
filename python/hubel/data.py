"""Data: labelled images by name, from files, folders and URLs; NPZ archives."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _core

if TYPE_CHECKING:
    from ._types import AnyArray, Array

__all__ = [
    "Dataset",
    "FolderImages",
    "ImageFolder",
    "dataset_names",
    "image_folder",
    "load_dataset",
    "load_npz",
    "open_image_folder",
]

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
    skipped: List[str] = field(default_factory=list)  # a folder's broken images that were left out, and why

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


def load_dataset(where: Location = "mnist", *, progress: Optional[Callable[[str, int, int], object]] = None) -> Dataset:
    """Labelled images: a data set by name, a folder, a file or a URL.

    - ``"mnist"``: installed with Hubel (LeCun, Cortes & Burges; 60,000 + 10,000 images of 28 x 28 bytes)
    - ``"fashion-mnist"``, ``"kmnist"``, ``"cifar10"``, ``"cifar100"``: looked for in the subfolder of that name of the
      folder that the environment's HUBEL_DATA_DIR names, where Debian's package dataset-fashion-mnist puts its files,
      and in the cache, ``$XDG_CACHE_HOME/hubel`` or ``~/.cache/hubel``; else downloaded into the cache, from
      ``$HUBEL_MIRROR/<name>`` if that is set and then from where they are published, and checked by their MD5
    - a folder of IDX files with MNIST's names, plain or .gz; of CIFAR-10's or CIFAR-100's binary version, as .tar.gz or
      unpacked; or of images, a class a subfolder (see `image_folder`, which has options)
    - an NPZ file with arrays X_train, Y_train, X_valid, Y_valid, X_test, Y_test, CIFAR's .tar.gz, or the http(s) URL of
      one, which is read into memory

    ``HUBEL_OFFLINE=1`` in the environment forbids all use of the network. ``progress(url, bytes, all_bytes)`` is called
    now and then during a download (all_bytes is 0 where the server does not tell); an exception from it ends the
    download.

    Raises OSError (FileNotFoundError) when it cannot be read, and ValueError when it is not what it should be.

    >>> import hubel
    >>> data = hubel.load_dataset("mnist")
    >>> data.X_train.shape, data.Y_train.shape, data.X_test.shape
    ((60000, 28, 28, 1), (60000,), (10000, 28, 28, 1))
    """
    if progress is not None and not callable(progress):
        raise TypeError(f"load_dataset: progress must be callable, got {type(progress).__name__}")
    parts = _core.load_dataset(_location("load_dataset", where), os.fsencode(_INSTALLED), progress)
    train, valid, test, class_names, source, skipped = parts
    return Dataset(*train, *valid, *test, class_names, source, skipped)


def dataset_names() -> List[str]:
    """The names that `load_dataset` knows.

    >>> import hubel
    >>> hubel.dataset_names()
    ['mnist', 'fashion-mnist', 'kmnist', 'cifar10', 'cifar100']
    """
    return _core.dataset_names()


def image_folder(
    path: Location,
    size: Union[None, int, Tuple[int, int]] = None,
    channels: Optional[int] = None,
    on_broken: str = "refuse",
) -> Dataset:
    """The PNG and JPEG images of a folder, a class a subfolder, as torchvision's ImageFolder reads them.

    Either ``path/cat/1.png``, ``path/dog/2.jpg``, ..., which are all training images, or ``path/train/cat/1.png``, ...,
    ``path/val/...`` (or valid, validation) and ``path/test/...``. Classes are the subfolders' names, sorted. Files of
    other kinds, names that begin with a dot, and symbolic links out of the folder are passed over.

    Parameters
    ----------
    path : str or path
    size : int or (height, width), optional
        All images are resized to it, in pixels: by area average when shrinking, bilinearly when growing, their aspect
        not kept. None is the size of the first image.
    channels : 1 or 3, optional
        Grey or RGB. None is grey where the first image of every class is.
    on_broken : "refuse" or "skip"
        Whether an image that cannot be read raises, or is left out with a warning and listed in `Dataset.skipped`.

    Returns
    -------
    Dataset
        Images are uint8 (n, height, width, channels). They are decoded on all threads.

    `open_image_folder` reads them only when they are trained on. Raises OSError (FileNotFoundError) for what cannot be
    read or takes too much memory, ValueError for a class without images, a broken image, or an option that is none.
    """
    parts = _core.image_folder(_location("image_folder", path), size, channels, on_broken)
    train, valid, test, class_names, source, skipped = parts
    _warn_of("image_folder", skipped)
    return Dataset(*train, *valid, *test, class_names, source, skipped)


class FolderImages:
    """The images of one part of an `ImageFolder`, decoded when they are asked for.

    `Model.fit`, `Model.evaluate` and `Model.predict` take it in place of x, without y, and `channel_statistics` in place
    of images.
    """

    def __init__(self, part: _core.FolderPart, class_names: List[str]) -> None:
        self._part = part
        self.class_names = class_names

    def __len__(self) -> int:
        return len(self._part)

    @property
    def image_shape(self) -> Tuple[int, ...]:
        """(h, w, c) of each image."""
        return self._part.sample_shape()

    @property
    def labels(self) -> AnyArray:
        """The images' labels, int32 (n,): indices into `class_names`."""
        return self._part.labels()

    @property
    def paths(self) -> List[str]:
        """The images' files."""
        return self._part.paths()

    def load(self, indices: Union[Sequence[int], AnyArray]) -> Array:
        """The images of these numbers, float32 (n, h, w, c) in [0, 1].

        Raises IndexError for a number that is none; OSError and ValueError, which name the file, for an image that
        cannot be read.
        """
        numbers = np.asarray(indices)
        if numbers.ndim != 1 or (numbers.size > 0 and numbers.dtype.kind not in "iu"):
            raise TypeError(f"FolderImages.load: indices must be a list of integers, got {indices!r}")
        for wrong in numbers[(numbers < 0) | (numbers >= len(self))][:1]:
            raise IndexError(f"FolderImages.load: {wrong} is not in [0, {len(self)})")
        return self._part.load(np.require(numbers, np.int32, ["C", "A"]))

    def __repr__(self) -> str:
        return f"<hubel.data.FolderImages: {len(self)} images of {self.image_shape}, {len(self.class_names)} classes>"


@dataclass(frozen=True)
class ImageFolder:
    """What `open_image_folder` returns: the images of a folder by their parts, of which some may be empty."""

    train: FolderImages
    valid: FolderImages
    test: FolderImages
    class_names: List[str]
    source: str
    skipped: List[str] = field(default_factory=list)  # broken images that were left out, and why

    def __repr__(self) -> str:
        parts = ", ".join(f"{len(getattr(self, part))} {part}" for part in ("train", "valid", "test"))
        return f"<hubel.data.ImageFolder of {self.source}: {parts} images of {self.train.image_shape}>"


def open_image_folder(
    path: Location,
    size: Union[None, int, Tuple[int, int]] = None,
    channels: Optional[int] = None,
    on_broken: str = "refuse",
    cache_bytes: int = 2**30,
) -> ImageFolder:
    """The same images as `image_folder` gives, but decoded batch by batch: for folders larger than memory.

    ``model.fit(folder.train, validation_data=folder.valid)`` trains on them, in a new order each epoch, to the same bits
    as on ``image_folder``'s arrays. Up to `cache_bytes` of decoded images are kept for the next time, a byte a sample.
    With on_broken="refuse" an image that cannot be read raises when it is first asked for; with "skip" all are decoded
    once to know which to leave out. The other parameters and what is raised are `image_folder`'s.
    """
    parts = _core.open_image_folder(_location("open_image_folder", path), size, channels, on_broken, cache_bytes)
    train, valid, test, class_names, source, skipped = parts
    _warn_of("open_image_folder", skipped)
    images = [FolderImages(part, class_names) for part in (train, valid, test)]
    return ImageFolder(images[0], images[1], images[2], class_names, source, skipped)


def _warn_of(who: str, skipped: List[str]) -> None:
    if skipped:
        warnings.warn(f"{who}: left out {len(skipped)} broken images, the first: {skipped[0]}", stacklevel=3)


def _location(who: str, where: Location) -> bytes:
    try:
        return os.fsencode(where)
    except TypeError:
        raise TypeError(f"{who}: expected a path or URL, got {type(where).__name__}") from None
