"""The layers of a model, under the names and with the options that Keras has.

A layer here is a description: what it is, without weights. `hubel.Model` makes the weights. Descriptions compare
equal when all their options are, and print as the call that makes them. Options are checked for their types at once,
and for fitting each other and the input when the model is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Optional, Sequence, Type, Union

from . import _core

if TYPE_CHECKING:
    from ._types import IntPair, Padding
    from .graph import Value

__all__ = [
    "Layer",
    "Conv2D",
    "MaxPool2D",
    "MaxPooling2D",
    "AvgPool2D",
    "AveragePooling2D",
    "Flatten",
    "Dense",
    "Activation",
    "Add",
    "ReLU",
    "Softmax",
]


def _name() -> Any:
    """The field `name` that ends every layer's: what it is called in a model, beside what it is."""
    return field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Layer:
    """What all layers have in common.

    Called on a `hubel.Value`, or on a list of such, it gives the value that it makes of them: see `hubel.graph`. The last
    option of each, ``name``, is what it is called in summaries and its weights begin with; without one, or where a call
    gives another, that is its kind and number: "conv2d_1".
    """

    kind: ClassVar[str] = ""
    has_weights: ClassVar[bool] = False
    name: ClassVar[Optional[str]] = None

    def __post_init__(self) -> None:
        # Options in their one full form (pairs as tuples, None as "identity"), so that equal layers compare equal.
        _, canonical = _core.canonical_layer(type(self).__name__, self.kind, self.get_config())
        for name, value in canonical.items():
            object.__setattr__(self, name, value)
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"{type(self).__name__}: name must be None or a str, got {self.name!r}")

    def get_config(self) -> Dict[str, Any]:
        """The layer's options by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}

    def __call__(self, x: Union[Value, Sequence[Value]], name: Optional[str] = None) -> Value:
        from .graph import call

        return call(self, x, name)


@dataclass(frozen=True)
class Conv2D(Layer):
    """A convolution: images (h, w, c) to (h_new, w_new, filters). See `hubel.conv_forward` for h_new.

    Parameters: kernel (kh, kw, c / groups, filters) and, with use_bias, bias (filters,), which starts at 0.

    >>> Conv2D(6, 5, padding="same", activation="relu")
    Conv2D(filters=6, kernel_size=(5, 5), strides=(1, 1), padding='same', dilation_rate=(1, 1), groups=1, \
activation='relu', use_bias=True, kernel_initializer='he_normal')
    """

    kind: ClassVar[str] = "conv2d"
    has_weights: ClassVar[bool] = True

    filters: int
    kernel_size: IntPair
    strides: IntPair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: IntPair = 1
    groups: int = 1
    activation: Optional[str] = None
    use_bias: bool = True
    kernel_initializer: str = "he_normal"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class _Pool2D(Layer):
    pool_size: IntPair = 2
    strides: Optional[IntPair] = None
    name: Optional[str] = _name()

    def __post_init__(self) -> None:
        if self.strides is None:
            object.__setattr__(self, "strides", self.pool_size)
        super().__post_init__()


@dataclass(frozen=True)
class MaxPool2D(_Pool2D):
    """The largest value of each window: images (h, w, c) to (floor((h - ph) / sh) + 1, ..., c).

    strides None means pool_size: windows that touch and do not overlap.
    """

    kind: ClassVar[str] = "max_pool2d"


@dataclass(frozen=True)
class AvgPool2D(_Pool2D):
    """The mean of each window: images (h, w, c) to (floor((h - ph) / sh) + 1, ..., c). See `MaxPool2D`."""

    kind: ClassVar[str] = "avg_pool2d"


@dataclass(frozen=True)
class Flatten(Layer):
    """(h, w, c) to (h w c,), row-major."""

    kind: ClassVar[str] = "flatten"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class Dense(Layer):
    """A fully connected layer: (n,) to (units,).

    Parameters: kernel (n, units) and, with use_bias, bias (units,), which starts at 0.
    """

    kind: ClassVar[str] = "dense"
    has_weights: ClassVar[bool] = True

    units: int
    activation: Optional[str] = None
    use_bias: bool = True
    kernel_initializer: str = "he_normal"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Activation(Layer):
    """An activation by name, alone; the shape stays. `hubel.ops.activation_names` lists the names."""

    kind: ClassVar[str] = "activation"

    activation: str
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Add(Layer):
    """The sum of two or more inputs of one shape, then an activation: what closes a residual block (He et al. 2016)."""

    kind: ClassVar[str] = "add"

    activation: Optional[str] = None
    name: Optional[str] = _name()


def ReLU() -> Activation:
    """``Activation("relu")``."""
    return Activation("relu")


def Softmax() -> Activation:
    """``Activation("softmax")``."""
    return Activation("softmax")


MaxPooling2D = MaxPool2D
AveragePooling2D = AvgPool2D

_BY_KIND: Dict[str, Type[Layer]] = {
    layer.kind: layer for layer in (Conv2D, MaxPool2D, AvgPool2D, Flatten, Dense, Activation, Add)
}


def layer_of(kind: str, options: Dict[str, Any], name: Optional[str] = None) -> Layer:
    """The layer of that kind ("conv2d") with these options."""
    return _BY_KIND[kind](**options, name=name)
