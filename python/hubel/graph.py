"""Networks that branch, as in Keras's functional style: `Input` and calling layers on what other layers make.

>>> import hubel
>>> image = hubel.Input((32, 32, 3))
>>> x = hubel.Conv2D(16, 3, padding="same", activation="relu")(image)
>>> y = hubel.Conv2D(16, 3, padding="same")(x)
>>> x = hubel.Add(activation="relu")([x, y])
>>> x = hubel.Dense(10, activation="softmax")(hubel.Flatten()(x))
>>> hubel.Model(image, x)
<hubel.Model 'model', (32, 32, 3) -> (10,), 166,618 parameters>

A model is called like a layer, as part of another:

>>> base = hubel.Sequential([hubel.Conv2D(16, 3, activation="relu"), hubel.GlobalAvgPool2D()], (32, 32, 3), name="base")
>>> model = hubel.Model(image, hubel.Dense(3)(base(image)))
>>> model.layer_names
['base/conv2d_1', 'base/global_avg_pool2d_1', 'dense_1']
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

from . import _core

if TYPE_CHECKING:
    from .layers import Layer
    from .model import Model

__all__ = ["Input", "Value"]

_numbers = itertools.count()  # values are numbered as they are made, so that what feeds comes before what is fed


class Part:
    """A model that was called on a value, as part of another: all that its layers make there refers to this."""

    __slots__ = ("model", "name")

    def __init__(self, model: Model, name: Optional[str]) -> None:
        self.model = model
        self.name = name


class Value:
    """What a layer makes, or a network's input, before there is a model: a sample's shape, and where it comes from.

    Made by `Input` and by calling a layer or a model. ``value.shape`` is a sample's, without the batch axis.
    """

    __slots__ = ("shape", "layer", "inputs", "name", "part", "_number")

    def __init__(
        self,
        shape: Tuple[int, ...],
        layer: Optional[Layer] = None,
        inputs: Tuple[Value, ...] = (),
        name: Optional[str] = None,
        part: Optional[Part] = None,
    ) -> None:
        self.shape = shape
        self.layer = layer
        self.inputs = inputs
        self.name = name  # within its part, if it is of one
        self.part = part
        self._number = next(_numbers)

    def __repr__(self) -> str:
        what = "Input" if self.layer is None else type(self.layer).__name__
        return f"<hubel.Value of {what}, {self.shape}>"


def Input(shape: Union[Sequence[int], int]) -> Value:
    """A network's input; shape is one sample's: (h, w, c), or (n,) or n for dense layers.

    Raises ValueError for extents below 1 and TypeError for what are no integers.
    """
    extents = (shape,) if isinstance(shape, int) else shape
    if isinstance(extents, str) or not isinstance(extents, Sequence):
        raise TypeError(f"Input: shape must be a tuple of integers, such as (28, 28, 1), got {shape!r}")
    value = Value(_core.layer_shape("Input", "activation", {"activation": "identity"}, [tuple(extents)]))
    if not extents or min(value.shape) < 1:
        raise ValueError(f"Input: shape is {value.shape}, it must have at least one extent, each at least 1")
    return value


def call(layer: Layer, x: Union[Value, Sequence[Value]], name: Optional[str]) -> Value:
    """What a layer makes of one value, or of several."""
    who = type(layer).__name__
    inputs = (x,) if isinstance(x, Value) else tuple(x) if isinstance(x, (list, tuple)) else (x,)
    for value in inputs:
        if not isinstance(value, Value):
            raise TypeError(
                f"{who}: a layer is called on what hubel.Input or another layer gives, or a list of such, got {value!r}; "
                "to compute with arrays, make a hubel.Model and call that"
            )
    shape = _core.layer_shape(who, layer.kind, layer.get_config(), [value.shape for value in inputs])
    return Value(shape, layer, inputs, name if name is not None else layer.given_name)


def inline(model: Model, x: Value, name: Optional[str]) -> Value:
    """What a model makes of a value, layer by layer."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"{model.name}: name must be None or a str, got {name!r}")
    if x.shape != model.input_shape:
        raise ValueError(f"{model.name}: it is called on a value of shape {x.shape}, it takes {model.input_shape}")
    part = Part(model, name)
    made: List[Value] = []
    for entry, layer, info in zip(model._network.layers(), model.layers, model._network.info()):
        taken = tuple(x if i < 0 else made[i] for i in entry[3])
        made.append(Value(info[2], layer, taken, info[0], part))
    return made[-1]


def entries_of(inputs: Value, outputs: Value) -> Tuple[List[_core.LayerEntry], Dict[str, Model]]:
    """The layers from the one to the other, for ``_core.Network``, and what models they are parts of, by what their
    names begin with. Raises ValueError when outputs do not come from inputs alone, or a layer with weights is there
    twice."""
    for name, value in (("inputs", inputs), ("outputs", outputs)):
        if not isinstance(value, Value):
            raise TypeError(f"Model: {name} must be a value, from hubel.Input or from calling a layer, got {value!r}")
    if inputs.layer is not None:
        raise ValueError("Model: inputs must come from hubel.Input")
    reached: Dict[int, Value] = {}
    waiting = [outputs]
    while waiting:
        value = waiting.pop()
        if value._number in reached:
            continue
        reached[value._number] = value
        waiting.extend(value.inputs)
    order = [reached[number] for number in sorted(reached) if reached[number].layer is not None]
    for value in reached.values():
        if value.layer is None and value is not inputs:
            raise ValueError("Model: outputs comes from another hubel.Input too, and a model has one input")
    if inputs._number not in reached:
        raise ValueError("Model: outputs does not come from inputs")
    _check_shared(order)
    number = {value._number: i for i, value in enumerate(order)}
    number[inputs._number] = -1
    prefixes = _prefixes(order)
    entries = [_entry(value, prefixes, [number[x._number] for x in value.inputs]) for value in order]
    return entries, {prefix: part.model for part, prefix in prefixes.items()}


def _prefixes(order: List[Value]) -> Dict[Part, str]:
    """What the names of each part's layers begin with: the name it was given, or its model's and, where that is taken,
    a number."""
    parts = list(dict.fromkeys(value.part for value in order if value.part is not None))
    taken = {part.name for part in parts}
    prefixes = {}
    for part in parts:
        name = part.name
        if name is None:
            tried = itertools.chain([part.model.name], (f"{part.model.name}_{i}" for i in itertools.count(2)))
            name = next(one for one in tried if one not in taken)
            taken.add(name)
        prefixes[part] = f"{name}/"
    return prefixes


def _entry(value: Value, prefixes: Dict[Part, str], inputs: List[int]) -> _core.LayerEntry:
    layer: Any = value.layer
    name = value.name if value.part is None else f"{prefixes[value.part]}{value.name}"
    return layer.kind, layer.get_config(), name, inputs


def _check_shared(order: List[Value]) -> None:
    called = set()
    for value in order:
        layer: Any = value.layer
        if id(layer) in called and layer.has_weights:
            raise ValueError(
                f"Model: {layer!r} is called twice, but each call would have weights of its own; make two layers"
            )
        called.add(id(layer))
