from typing import Callable, Literal, Optional, Tuple, TypeVar, overload

from ._types import AnyArray, Array, IntPair, Padding

_R = TypeVar("_R")

@overload
def conv_forward(
    A_prev: AnyArray,
    W: AnyArray,
    b: AnyArray,
    activation: Optional[str],
    padding: Padding = "same",
    stride: IntPair = (1, 1),
) -> Array: ...
@overload
def conv_forward(
    A_prev: AnyArray,
    W: AnyArray,
    b: AnyArray,
    activation: Callable[[Array], _R],
    padding: Padding = "same",
    stride: IntPair = (1, 1),
) -> _R: ...
def pool_forward(
    A_prev: AnyArray, kernel_shape: IntPair, stride: IntPair = (1, 1), mode: Literal["max", "avg"] = "max"
) -> Array: ...
def conv_backward(
    dZ: AnyArray,
    A_prev: AnyArray,
    W: AnyArray,
    b: AnyArray,
    padding: Padding = "same",
    stride: IntPair = (1, 1),
) -> Tuple[Array, Array, Array]: ...
def pool_backward(
    dA: AnyArray,
    A_prev: AnyArray,
    kernel_shape: IntPair,
    stride: IntPair = (1, 1),
    mode: Literal["max", "avg"] = "max",
) -> Array: ...
