"""The optimisers: how gradients change weights. Descriptions; the moments live in a training.

weight_decay is L2, g += weight_decay w, unless it is said to be decoupled, w -= lr weight_decay w. Kernels decay; biases, the parameters of norms
and the slopes of a PReLU do not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Dict, Tuple, Type, Union

from . import _core

__all__ = [
    "Optimizer",
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "LAMB",
    "Nadam",
    "Adamax",
    "Adadelta",
    "Lion",
    "RAdam",
]


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
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adam(Optimizer):
    """Kingma & Ba 2015, with bias correction; epsilon is added to the root of the corrected second moment.

    With amsgrad the largest second moment so far takes the second one's place there (Reddi, Kale & Kumar 2018, as
    PyTorch has it).
    """

    name: ClassVar[str] = "adam"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay, w -= lr weight_decay w (Loshchilov & Hutter 2019). Biases do not decay. amsgrad
    is as Adam's."""

    name: ClassVar[str] = "adamw"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    amsgrad: bool = False


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2; w -= lr g / (sqrt(v) + epsilon), or with momentum that added up.

    centered takes the square of a like mean of g off v. Tieleman & Hinton 2012; Graves 2013.
    """

    name: ClassVar[str] = "rmsprop"

    learning_rate: float = 0.01
    rho: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8
    centered: bool = False
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """s = s + g^2 from s = initial_accumulator; w -= lr g / (sqrt(s) + epsilon) (Duchi et al. 2011)."""

    name: ClassVar[str] = "adagrad"

    learning_rate: float = 0.01
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10
    weight_decay: float = 0.0


@dataclass(frozen=True)
class LAMB(Optimizer):
    """Adam's direction, scaled for each weight to the norm of it: for large batches (You et al. 2020)."""

    name: ClassVar[str] = "lamb"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-6
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Nadam(Optimizer):
    """Adam with Nesterov's momentum, whose share at step t is beta_1 (1 - 0.96^(momentum_decay t) / 2) (Dozat 2016).

    momentum_decay is 1 as in Keras; in the paper and PyTorch it is 0.004. Weight decay is decoupled.
    """

    name: ClassVar[str] = "nadam"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    momentum_decay: float = 1.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adamax(Optimizer):
    """Adam by the infinity norm: u = max(beta_2 u, abs(g)) is what the corrected first moment is divided by.

    Kingma & Ba 2015, section 7.1. Weight decay is decoupled.
    """

    name: ClassVar[str] = "adamax"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps as large as earlier ones were beside the gradients: a = rho a + (1 - rho) g^2; w -= lr u, where
    u = g sqrt(d + epsilon) / sqrt(a + epsilon); d = rho d + (1 - rho) u^2.

    Zeiler 2012, whose learning rate is 1; the one here, Keras's, is very slow. Weight decay is decoupled.
    """

    name: ClassVar[str] = "adadelta"

    learning_rate: float = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Lion(Optimizer):
    """w -= lr sign(beta_1 m + (1 - beta_1) g); then m = beta_2 m + (1 - beta_2) g.

    Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", which advises a learning rate of a third to a tenth
    of AdamW's, and as many times its weight decay. Weight decay is decoupled.
    """

    name: ClassVar[str] = "lion"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.99
    weight_decay: float = 0.0


@dataclass(frozen=True)
class RAdam(Optimizer):
    """Adam whose steps are as large as its second moment is sure: the first ones go without it, and those after them
    are multiplied by a factor that rises to 1.

    Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond", in PyTorch's form.
    """

    name: ClassVar[str] = "radam"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0


_BY_NAME: Dict[str, Type[Optimizer]] = {
    cls.name: cls for cls in (SGD, Adam, AdamW, RMSprop, Adagrad, LAMB, Nadam, Adamax, Adadelta, Lion, RAdam)
}


def optimizer_of(value: Union[str, Optimizer]) -> Optimizer:
    """An optimiser as it is, or that of a name ("adam") with its defaults."""
    if isinstance(value, Optimizer):
        return value
    if not isinstance(value, str):
        raise TypeError(f"compile: optimizer must be a name or an optimizer such as hubel.Adam(), got {value!r}")
    if value.lower() not in _BY_NAME:
        raise ValueError(f"compile: unknown optimizer {value!r}, known are {', '.join(map(repr, _BY_NAME))}")
    return _BY_NAME[value.lower()]()
