"""The optimisers: how gradients change weights. Descriptions; the moments live in a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Dict, Tuple, Type, Union

from . import _core

__all__ = ["Optimizer", "SGD", "Adam", "AdamW"]


@dataclass(frozen=True)
class Optimizer:
    """What all optimisers have in common."""

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        _core.check_optimizer(self.name, asdict(self))

    def as_tuple(self) -> Tuple[str, Dict[str, Any]]:
        """(name, options), as ``hubel._core`` takes it."""
        return self.name, asdict(self)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: v = momentum v + g; w -= lr v, or with nesterov w -= lr (g + momentum v).

    Polyak 1964; Sutskever et al. 2013, in PyTorch's form.
    """

    name: ClassVar[str] = "sgd"

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True)
class Adam(Optimizer):
    """Kingma & Ba 2015, with bias correction; epsilon is added to the root of the corrected second moment."""

    name: ClassVar[str] = "adam"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay, w -= lr weight_decay w (Loshchilov & Hutter 2019). Biases do not decay."""

    name: ClassVar[str] = "adamw"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01


_BY_NAME: Dict[str, Type[Optimizer]] = {cls.name: cls for cls in (SGD, Adam, AdamW)}


def optimizer_of(value: Union[str, Optimizer]) -> Optimizer:
    """An optimiser as it is, or that of a name ("adam") with its defaults."""
    if isinstance(value, Optimizer):
        return value
    if not isinstance(value, str):
        raise TypeError(f"compile: optimizer must be a name or an optimizer such as hubel.Adam(), got {value!r}")
    if value.lower() not in _BY_NAME:
        raise ValueError(f"compile: unknown optimizer {value!r}, known are {', '.join(map(repr, _BY_NAME))}")
    return _BY_NAME[value.lower()]()
