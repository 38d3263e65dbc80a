"""Random changes to training images, and the statistics to normalise them with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple, Union

import numpy as np

from . import _core
from ._samples import as_samples
from .data import FolderImages

if TYPE_CHECKING:
    from ._types import AnyArray, Array

__all__ = ["Augmentation", "channel_statistics", "soft_targets"]


@dataclass(frozen=True)
class Augmentation:
    """Random changes to images, in the order of the parameters. Without arguments there are none.

    What becomes of an image depends on the seed, the epoch and the image's index alone.

    Parameters
    ----------
    crop_area, crop_ratio : (float, float)
        A random part of the image, spread over its whole size so that its outermost pixels come to lie on the image's: an
        area uniform in crop_area of the image's, a width beside the height log-uniform in crop_ratio (Szegedy et al. 2015;
        torchvision's RandomResizedCrop, whose pixels' edges meet instead, and whose scale is (0.08, 1)). With (1, 1) there
        is none. One that does not fit is drawn again, up to ten times; then it is the largest in the middle whose ratio is
        in the range.
    shear : float
        Sheared sideways by an angle uniform in [-shear, shear] degrees; in [0, 80].
    zoom : (float, float)
        Enlarged about the middle by a factor uniform in this range; both in [0.01, 100].
    rotation : float
        Turned about the middle by an angle uniform in [-rotation, rotation] degrees; in [0, 180].
    shift : float
        Moved along each axis by a share of its extent uniform in [-shift, shift]; in [0, 1].
    crop_padding : int
        A random crop: moved by whole pixels, uniform in {-crop_padding, ..., crop_padding}, along each axis.
    flip_horizontal, flip_vertical : float
        The probabilities of being mirrored left to right, top to bottom.
    border : "zero" or "reflect"
        What lies outside: 0, or the image mirrored at its outermost pixels.
    brightness, contrast : float
        Multiplied by a factor uniform in [1 - brightness, 1 + brightness]; then the distance from the image's mean by
        one in [1 - contrast, 1 + contrast]. Both in [0, 1]; nothing is clipped.
    saturation, hue, grayscale : float
        Of images of red, green and blue only: the distance from a pixel's grey (0.299 r + 0.587 g + 0.114 b) multiplied by
        a factor uniform in [1 - saturation, 1 + saturation], in [0, 1]; the hue of HSV turned by a share of the circle
        uniform in [-hue, hue], in [0, 0.5]; the probability that the image becomes its grey. Nothing is clipped.
    noise : float
        The standard deviation of normal numbers that are added, one to each number of the image.
    mean, stddev : float or sequence of float
        Normalised to (x - mean) / stddev: one number, or one for each channel. See `channel_statistics`.
    cutout : int
        The side, in pixels, of a square set to 0 (DeVries & Taylor 2017).
    erase : float
        The probability that a rectangle of 2 to 40 % of the area is set to 0 (Zhong et al. 2020).
    mixup, cutmix : float
        The alphas of mixing two images of a batch (Zhang et al. 2018; Yun et al. 2019); 0 is without. See `mix`.

    All of the geometry is one bilinear resampling. Raises ValueError for a number out of its range.

    >>> import numpy as np, hubel
    >>> flips = hubel.Augmentation(flip_horizontal=1)
    >>> flips.apply(np.array([[[1, 2, 3]]], dtype=np.float32))[0, 0, :, 0]
    array([3., 2., 1.], dtype=float32)
    """

    crop_area: Tuple[float, float] = (1.0, 1.0)
    crop_ratio: Tuple[float, float] = (3 / 4, 4 / 3)
    shear: float = 0.0
    zoom: Tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    shift: float = 0.0
    crop_padding: int = 0
    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    border: str = "zero"
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    grayscale: float = 0.0
    noise: float = 0.0
    mean: Any = ()
    stddev: Any = ()
    cutout: int = 0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        _core.check_augmentation(self._options())

    def apply(self, images: AnyArray, seed: int = 0, epoch: int = 0, indices: Optional[AnyArray] = None) -> Array:
        """Changed copies of images (m, h, w, c) or (m, h, w), as float32 (m, h, w, c): all but the mixing.

        Images of uint8 are taken as [0, 1]. indices, (m,) integers, are the images' numbers in the data set: 0, 1, ...
        unless they are given. Raises TypeError and ValueError for what are no images or indices.
        """
        x = _images("Augmentation.apply", images)
        numbers = _int32("Augmentation.apply", "indices", np.arange(len(x)) if indices is None else indices, len(x))
        return _core.augment(self._options(), x, numbers, _seed("Augmentation.apply", seed), epoch)

    def mix(
        self, images: AnyArray, labels: AnyArray, seed: int = 0, epoch: int = 0, indices: Optional[AnyArray] = None
    ) -> Tuple[Array, AnyArray, Array]:
        """Images (m, h, w, c) mixed among themselves: (mixed images, the others' labels, shares).

        Image i keeps the share shares[i] of itself, and the rest is an image with the label other_labels[i];
        `soft_targets` makes rows of probabilities of it. labels are integers (m,). Raises as `apply` does.
        """
        who = "Augmentation.mix"
        x = _images(who, images)
        numbers = _int32(who, "indices", np.arange(len(x)) if indices is None else indices, len(x))
        y = _int32(who, "labels", labels, len(x))
        return _core.mix_samples(self._options(), x, numbers, y, _seed(who, seed), epoch)

    def _options(self) -> Dict[str, Any]:
        options = asdict(self)
        for name in ("crop_area", "crop_ratio", "zoom"):
            value = options.pop(name)
            try:
                options[f"{name}_min"], options[f"{name}_max"] = value
            except (TypeError, ValueError):
                raise TypeError(f"Augmentation: {name} must be two numbers (low, high), got {value!r}") from None
        for name in ("mean", "stddev"):
            values = options[name]
            options[name] = [values] if np.ndim(values) == 0 else list(values)
        return options


def channel_statistics(images: Union[AnyArray, FolderImages]) -> Tuple[Tuple[float, ...], Tuple[float, ...]]:
    """The mean and the standard deviation of each channel of images (m, h, w, c) or (m, h, w).

    Images of uint8 are taken as [0, 1]. They may be a part of `hubel.open_image_folder` too. Raises ValueError when there
    are no values.

    >>> import numpy as np, hubel
    >>> hubel.channel_statistics(np.array([[[[0, 3], [2, 3]]]], dtype=np.float32))
    ((1.0, 3.0), (1.0, 0.0))
    """
    if isinstance(images, FolderImages):
        mean, stddev = _core.channel_statistics(images._part, None)
    else:
        x = _images("channel_statistics", images)
        mean, stddev = _core.channel_statistics(x, np.zeros(len(x), np.int32))
    return tuple(mean), tuple(stddev)


def soft_targets(labels: AnyArray, other_labels: AnyArray, shares: AnyArray, classes: int) -> Array:
    """Rows of probabilities, float32 (m, classes): shares[i] at labels[i], and the rest of 1 at other_labels[i].

    Raises ValueError for a label outside [0, classes).

    >>> import hubel
    >>> hubel.soft_targets([0, 2], [1, 2], [0.75, 0.5], 3)
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  ]], dtype=float32)
    """
    own = np.asarray(labels)
    first = _int32("soft_targets", "labels", own, own.size)
    second = _int32("soft_targets", "other_labels", other_labels, own.size)
    kept = np.asarray(shares, np.float32)
    if kept.shape != first.shape:
        raise ValueError(f"soft_targets: shares have shape {kept.shape}, they must have {first.shape}, as the labels")
    for wrong in np.concatenate([first, second]):
        if not 0 <= wrong < classes:
            raise ValueError(f"soft_targets: labels must be in [0, {classes}), got {wrong}")
    rows = np.zeros((len(first), classes), np.float32)
    np.add.at(rows, (np.arange(len(first)), first), kept)
    np.add.at(rows, (np.arange(len(first)), second), 1 - kept)
    return rows


def _images(who: str, images: AnyArray) -> AnyArray:
    _core.check_array(who, "images", images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4:
        raise ValueError(f"{who}: images have shape {images.shape}, they must be (m, h, w, c) or (m, h, w)")
    return as_samples(who, images, images.shape[1:])


def _int32(who: str, name: str, values: Any, count: int) -> AnyArray:
    array = np.asarray(values)
    if array.dtype.kind not in "iu" and array.size > 0:
        raise TypeError(f"{who}: {name} must be integers, got an array of dtype {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"{who}: {name} have shape {array.shape}, they must be ({count},)")
    if array.size > 0 and not (0 <= array.min() and array.max() < 2**31):
        raise ValueError(f"{who}: {name} must be in [0, 2**31)")
    return np.require(array, np.int32, ["C", "A"])


def _seed(who: str, seed: int) -> int:
    if not 0 <= seed < 2**64:
        raise ValueError(f"{who}: seed = {seed}, it must be in [0, 2**64)")
    return seed
