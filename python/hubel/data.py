"""Data: labelled images by name, from files, folders and URLs; NPZ archives."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Tuple, Union

from . import _core

if TYPE_CHECKING:
    from ._types import AnyArray

__all__ = ["Dataset", "dataset_names", "image_folder", "load_dataset", "load_npz"]

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

    Raises OSError (FileNotFoundError) for what cannot be read or takes too much memory, ValueError for a class without
    images, a broken image, or an option that is none.
    """
    parts = _core.image_folder(_location("image_folder", path), size, channels, on_broken)
    train, valid, test, class_names, source, skipped = parts
    if skipped:
        warnings.warn(f"image_folder: left out {len(skipped)} broken images, the first: {skipped[0]}", stacklevel=2)
    return Dataset(*train, *valid, *test, class_names, source, skipped)


def _location(who: str, where: Location) -> bytes:
    try:
        return os.fsencode(where)
    except TypeError:
        raise TypeError(f"{who}: expected a path or URL, got {type(where).__name__}") from None
