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

A layer or a model that is called several times has the same weights each time, as in a network that compares two images:

>>> left, right = hubel.Input((32, 32, 3), name="left"), hubel.Input((32, 32, 3), name="right")
>>> apart = hubel.Subtract()([base(left), base(right)])
>>> hubel.Model([left, right], hubel.Dense(1, "sigmoid")(apart))
<hubel.Model 'model', [(32, 32, 3), (32, 32, 3)] -> (1,), 465 parameters>

A model may have several inputs and outputs:

>>> place = hubel.Input(2, name="place")
>>> both = hubel.Concatenate()([base(image), place])
>>> kind, box = hubel.Dense(10, "softmax", name="kind")(both), hubel.Dense(4, name="box")(both)
>>> model = hubel.Model([image, place], [kind, box])
>>> model
<hubel.Model 'model', [(32, 32, 3), (2,)] -> [(10,), (4,)], 714 parameters>

Each output is trained with a loss of its own:

>>> import numpy as np
>>> losses = {"kind": "sparse_categorical_crossentropy", "box": "mse"}
>>> model.compile("adam", losses, loss_weights={"kind": 1, "box": 0.5})
>>> images, places = np.zeros((8, 32, 32, 3)), np.zeros((8, 2))
>>> history = model.fit([images, places], [np.zeros(8), np.ones((8, 4))], verbose=0)
>>> list(history.history)
['loss', 'kind_loss', 'box_loss', 'kind_accuracy', 'learning_rate']
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Container, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

import numpy as np

from . import _core
from ._checks import check_name

if TYPE_CHECKING:
    from ._types import AnyArray
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

    __slots__ = ("shape", "layer", "inputs", "name", "part", "place", "_number")

    def __init__(
        self,
        shape: Tuple[int, ...],
        layer: Optional[Layer] = None,
        inputs: Tuple[Value, ...] = (),
        name: Optional[str] = None,
        part: Optional[Part] = None,
        place: int = -1,
    ) -> None:
        self.shape = shape
        self.layer = layer
        self.inputs = inputs
        self.name = name  # within its part, if it is of one
        self.part = part
        self.place = place  # in its part's model: the number of the layer whose weights it has
        self._number = next(_numbers)

    def __repr__(self) -> str:
        what = "Input" if self.layer is None else type(self.layer).__name__
        return f"<hubel.Value of {what}, {self.shape}>"


def Input(shape: Union[int, np.integer[Any], Sequence[int], AnyArray], name: Optional[str] = None) -> Value:
    """A network's input; shape is one sample's: (h, w, c), or (n,) or n for dense layers.

    name is what it is called in the model, 1 to 200 printable ASCII characters other than *: without one "input", or
    "input_2", ... of those that are free. Raises ValueError for others and for extents below 1, and TypeError for what are
    no integers.
    """
    extents: Any = (shape,) if isinstance(shape, (int, np.integer)) else shape
    if isinstance(extents, np.ndarray) and extents.ndim == 1:
        extents = tuple(extents)
    if not isinstance(extents, (tuple, list)):
        raise TypeError(f"Input: shape must be a tuple of integers, such as (28, 28, 1), got {shape!r}")
    for extent in extents:
        if isinstance(extent, (bool, np.bool_)) or not isinstance(extent, (int, np.integer)):
            raise TypeError(f"Input: shape must be a tuple of integers, such as (28, 28, 1), got {shape!r}")
    if not extents or min(extents) < 1:
        given = tuple(map(int, extents))
        raise ValueError(f"Input: shape is {given}, it must have at least one extent, each at least 1")
    check_name("Input", name)
    wanted = _core.layer_shape("Input", "activation", {"activation": "identity"}, [tuple(extents)])
    return Value(wanted, name=name)


def call(layer: Layer, x: Union[Value, Sequence[Value]], name: Optional[str]) -> Value:
    """What a layer makes of one value, or of several."""
    who = type(layer).__name__
    check_name(who, name)
    inputs = (x,) if isinstance(x, Value) else tuple(x) if isinstance(x, (list, tuple)) else (x,)
    for value in inputs:
        if not isinstance(value, Value):
            raise TypeError(
                f"{who}: a layer is called on what hubel.Input or another layer gives, or a list of such, got {value!r}; "
                "to compute with arrays, make a hubel.Model and call that"
            )
    shape = _core.layer_shape(who, layer.kind, layer.get_config(), [value.shape for value in inputs])
    return Value(shape, layer, inputs, name if name is not None else layer.given_name)


def are_values(x: Any) -> bool:
    """Whether a model that is called on x becomes part of another: a value, or a list or dict of values."""
    several = list(x.values()) if isinstance(x, dict) else x
    return isinstance(x, Value) or (isinstance(several, (list, tuple)) and any(isinstance(v, Value) for v in several))


def each(who: str, what: str, given: Any, names: Sequence[str]) -> List[Any]:
    """What is given for each of these inputs or outputs: a list in their order, or a dict by their names; of one itself.

    Raises TypeError where it is no list and ValueError where it has others.
    """
    if isinstance(given, dict):
        if set(given) != set(names):
            raise ValueError(f"{who}: {what} must be for {', '.join(names)}; got {', '.join(map(str, given))}")
        return [given[name] for name in names]
    if len(names) == 1:
        return [given]
    if not isinstance(given, (list, tuple)):
        raise TypeError(
            f"{who}: {what} must be a list, one for each of {', '.join(names)}, or a dict; got {type(given).__name__}"
        )
    if len(given) != len(names):
        raise ValueError(f"{who}: {what} has {len(given)} elements, one is wanted for each of {', '.join(names)}")
    return list(given)


def inline(model: Model, x: Any, name: Optional[str]) -> Any:
    """What a model makes of a value, or of a list or dict of them, layer by layer; a list where it has several outputs."""
    check_name(model.name, name)
    if len(model.input_names) == 1 and isinstance(x, (list, tuple)) and len(x) == 1:
        x = x[0]
    made = each(model.name, "values", x, model.input_names)
    for value, (shape, _) in zip(made, model._network.inputs()):
        if not isinstance(value, Value):
            raise TypeError(f"{model.name}: it must be called on values alone, got {value!r}")
        if value.shape != shape:
            raise ValueError(f"{model.name}: it is called on a value of shape {value.shape}, it takes {shape}")
    part, count = Part(model, name), len(made)
    for i, (entry, layer, info) in enumerate(zip(model._network.layers(), model.layers, model._network.info())):
        taken = tuple(made[-1 - k] if k < 0 else made[count + k] for k in entry[3])
        made.append(Value(info[2], layer, taken, info[0], part, i if entry[4] < 0 else entry[4]))
    outputs = [made[count + i] for i in model._network.outputs()]
    return outputs[0] if len(outputs) == 1 else outputs


class Entries(NamedTuple):
    """A network as ``_core.Network`` takes it, and what models it has for parts, by what their layers' names begin with."""

    inputs: List[_core.InputEntry]
    layers: List[_core.LayerEntry]
    outputs: List[int]
    parts: Dict[str, Model]


def entries_of(inputs: Union[Value, Sequence[Value]], outputs: Union[Value, Sequence[Value]]) -> Entries:
    """The network from the ones to the others. Raises ValueError when outputs do not come from inputs alone, or one of
    them is there twice."""
    first, last = _values("inputs", inputs), _values("outputs", outputs)
    if any(value.layer is not None for value in first):
        raise ValueError("Model: inputs must come from hubel.Input")
    reached: Dict[int, Value] = {}
    waiting = list(last)
    while waiting:
        value = waiting.pop()
        if value._number in reached:
            continue
        reached[value._number] = value
        waiting.extend(value.inputs)
    order = [reached[number] for number in sorted(reached) if reached[number].layer is not None]
    number = {value._number: -1 - i for i, value in enumerate(first)}
    for value in reached.values():
        if value.layer is None and value._number not in number:
            raise ValueError(
                f"Model: the outputs come from another hubel.Input too, {_said(value)}, which is not among inputs"
            )
    for i, value in enumerate(first):
        if value._number not in reached:
            which = f"input {i + 1} of {len(first)}" if len(first) > 1 else "the input"
            raise ValueError(f"Model: the outputs do not come from {which}, {_said(value)}, which feeds none of them")
    number.update({value._number: i for i, value in enumerate(order)})
    prefixes = _prefixes(order)
    layers = _layer_entries(order, number, prefixes)
    return Entries(
        _named_inputs(first, {entry[2] for entry in layers if entry[2] is not None}),
        layers,
        [number[value._number] for value in last],
        {prefix: part.model for part, prefix in prefixes.items()},
    )


def _said(value: Value) -> str:
    """An input, as messages have it."""
    return repr(value.name) if value.name is not None else f"of shape {value.shape}"


def _values(name: str, given: Any) -> List[Value]:
    """A model's inputs or outputs, as a list."""
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(
                f"Model: {name} must be a value or a list of values, from hubel.Input or calling layers, got {value!r}"
            )
    if not values:
        raise ValueError(f"Model: {name} is empty, there must be one at least")
    if len({value._number for value in values}) < len(values):
        raise ValueError(f"Model: {name} has a value twice")
    return values


def _named_inputs(inputs: List[Value], taken: Set[str]) -> List[_core.InputEntry]:
    """Shapes and names; those without one get the next that is free: "input", "input_2", ..."""
    taken = taken | {value.name for value in inputs if value.name is not None}
    entries: List[_core.InputEntry] = []
    for value in inputs:
        name = value.name
        if name is None:
            name = _free_name("input", taken)
            taken.add(name)
        entries.append((value.shape, name))
    return entries


def _free_name(name: str, taken: Container[Optional[str]]) -> str:
    """The name, or where that is taken, the first with a number behind it that is not."""
    numbered = (f"{name}_{i}" for i in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def _prefixes(order: List[Value]) -> Dict[Part, str]:
    """What the names of each part's layers begin with: the name it was given, or its model's and, where that is taken,
    a number."""
    parts = list(dict.fromkeys(value.part for value in order if value.part is not None))
    taken = {part.name for part in parts}
    prefixes = {}
    for part in parts:
        name = part.name
        if name is None:
            name = _free_name(part.model.name, taken)
            taken.add(name)
        prefixes[part] = f"{name}/"
    return prefixes


def _weights(value: Value) -> Tuple[int, int]:
    """What is the same for values that are made with the same weights."""
    return (id(value.layer), -1) if value.part is None else (id(value.part.model), value.place)


def firsts(layers: Sequence[Any], weights: Sequence[Any]) -> List[int]:
    """For each layer the number of the first with the same weights, or -1 where it is that itself or has no weights.

    A layer with a name of its own counts as if it had weights, that it may have another name the second time.
    """
    found: Dict[Any, int] = {}
    return [
        found[key] if found.setdefault(key, i) < i and (layer.has_weights or layer.given_name) else -1
        for i, (layer, key) in enumerate(zip(layers, weights))
    ]


def _layer_entries(
    order: Sequence[Value], number: Dict[int, int], prefixes: Dict[Part, str]
) -> List[_core.LayerEntry]:
    entries: List[_core.LayerEntry] = []
    inherited = set()  # names of layers that a call of theirs goes by
    for value, first in zip(order, firsts([value.layer for value in order], [_weights(value) for value in order])):
        layer: Any = value.layer
        name = value.name if value.part is None else f"{prefixes[value.part]}{value.name}"
        if value.part is None and name is not None and name == layer.given_name:
            if first >= 0 and (id(layer), name) in inherited:
                name = None
            inherited.add((id(layer), value.name))
        check_name("Model", name, "a layer's name")
        entries.append((layer.kind, layer.get_config(), name, [number[x._number] for x in value.inputs], first))
    return entries
