"""The operations of convolutional networks on NumPy arrays: more than the four functions of the package's front.

`conv_forward` and `conv_backward` have dilation and groups here; the dense layer, the activations and the classifier's
loss stand beside them, each with its backward. Arrays may be float32 or float64 (integers and bools count as float64),
of any memory layout; inputs are never modified, results are new arrays, and the GIL is released while computing. A wrong
type raises TypeError and what does not fit ValueError, each naming the argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Tuple

from . import _core
from .functions import pool_backward, pool_forward

if TYPE_CHECKING:
    from typing import Callable, Optional, Union

    from ._types import AnyArray, Array, IntPair, Padding

__all__ = [
    "conv_forward",
    "conv_backward",
    "pool_forward",
    "pool_backward",
    "dense_forward",
    "dense_backward",
    "activation_forward",
    "activation_backward",
    "activation_names",
    "softmax_cross_entropy",
]


def conv_forward(
    A_prev: AnyArray,
    W: AnyArray,
    b: AnyArray,
    activation: Union[str, Callable[[Array], Any], None] = None,
    padding: Padding = "same",
    stride: IntPair = (1, 1),
    *,
    dilation: IntPair = (1, 1),
    groups: int = 1,
    algorithm: str = "auto",
) -> Any:
    """`hubel.conv_forward` with dilation, groups and a choice of algorithm.

    dilation is (dh, dw) or one integer, the distance between a kernel's taps in pixels: the kernel covers
    (kh - 1) dh + 1 rows (Yu & Koltun 2016). groups divides the channels into so many independent convolutions: W is
    (kh, kw, c_prev / groups, c_new); groups = c_prev is a depthwise convolution.

    algorithm is ``"auto"`` (what is expected to be fastest; float64 is always direct), ``"direct"`` or ``"winograd"``:
    F(4x4, 3x3) of Lavin & Gray (2015), for 3x3 kernels with stride, dilation and groups 1. In float32 its largest error
    is below 1e-5 of the largest output, unless that is small because large terms cancel (which costs ``"direct"`` as
    much), and a NaN or infinity spreads over the 4x4 outputs of its tile.

    Examples
    --------
    >>> import numpy as np
    >>> from hubel import ops
    >>> A_prev, W = np.ones((1, 5, 5, 2)), np.ones((3, 3, 1, 2))
    >>> ops.conv_forward(A_prev, W, np.zeros((1, 1, 1, 2)), padding="valid", dilation=2, groups=2).tolist()
    [[[[9.0, 9.0]]]]
    """
    return _core.conv_forward(A_prev, W, b, activation, padding, stride, dilation, groups, algorithm)


def conv_backward(
    dZ: AnyArray,
    A_prev: AnyArray,
    W: AnyArray,
    b: AnyArray,
    padding: Padding = "same",
    stride: IntPair = (1, 1),
    *,
    dilation: IntPair = (1, 1),
    groups: int = 1,
    algorithm: str = "auto",
) -> Tuple[Array, Array, Array]:
    """`hubel.conv_backward` with dilation, groups and algorithm, as in `conv_forward`: (dA_prev, dW, db)."""
    return _core.conv_backward(dZ, A_prev, W, b, padding, stride, dilation, groups, algorithm)


def dense_forward(
    X: AnyArray,
    W: AnyArray,
    b: Optional[AnyArray] = None,
    activation: Union[str, Callable[[Array], Any], None] = None,
) -> Any:
    """A dense (fully connected) layer: ``activation(X W + b)``.

    X is (m, n_in), W (n_in, n_out), b (n_out,) or None; the result is (m, n_out). activation is as in
    `hubel.conv_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from hubel import ops
    >>> ops.dense_forward(np.array([[1.0, 2.0]]), np.array([[1.0, -1.0], [1.0, -1.0]]), activation="relu").tolist()
    [[3.0, 0.0]]
    """
    return _core.dense_forward(X, W, b, activation)


def dense_backward(dZ: AnyArray, X: AnyArray, W: AnyArray) -> Tuple[Array, Array, Array]:
    """The gradients of a dense layer from dZ (m, n_out), that of its pre-activation.

    Returns (dX, dW, db): dZ W^T of X's shape, X^T dZ of W's, and the sum of dZ's rows, (n_out,).
    """
    return _core.dense_backward(dZ, X, W)


def activation_forward(x: AnyArray, activation: str) -> Array:
    """The activation of that name of every element; ``"softmax"`` and ``"log_softmax"`` go over the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from hubel import ops
    >>> ops.activation_forward(np.array([-1.0, 2.0]), "relu").tolist()
    [0.0, 2.0]
    """
    return _core.activation_forward(x, activation)


def activation_backward(dy: AnyArray, x: AnyArray, activation: str) -> Array:
    """dL/dx from dy = dL/dy and the pre-activation x, where y = activation(x). All of one shape.

    At a kink (relu at 0) the derivative is that of the side x <= kink, as in PyTorch and TensorFlow.
    """
    return _core.activation_backward(dy, x, activation)


def activation_names() -> Tuple[str, ...]:
    """The names of the activations."""
    return _core.activation_names()


def softmax_cross_entropy(logits: AnyArray, labels: Any) -> Tuple[float, Array]:
    """The classifier's loss and its gradient, taken together so that nothing overflows.

    logits is (m, classes); labels are integers (m,) or (m, 1) in [0, classes), or one-hot rows (m, classes). Returns
    (loss, dlogits): the mean over the batch of -log softmax(logits)[label], and its gradient,
    (softmax(logits) - onehot(labels)) / m.

    Examples
    --------
    >>> import numpy as np
    >>> from hubel import ops
    >>> loss, dlogits = ops.softmax_cross_entropy(np.zeros((1, 4)), [2])
    >>> round(loss, 4), dlogits.tolist()
    (1.3863, [[0.25, 0.25, -0.75, 0.25]])
    """
    from ._samples import as_labels

    who = "softmax_cross_entropy"
    _core.check_array(who, "logits", logits)
    classes = logits.shape[-1] if logits.ndim else 0
    return _core.softmax_cross_entropy(logits, as_labels(who, labels, classes))
