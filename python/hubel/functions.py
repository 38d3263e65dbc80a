"""The four functions of a convolutional layer and a pooling layer, forward and backward, on NumPy arrays.

They are thin: arguments are checked and results computed in C++ (see ``hubel._core``), with the GIL released. Their
types stand in functions.pyi, so that their signatures read as the course page has them.
"""

from . import _core

__all__ = ["conv_forward", "pool_forward", "conv_backward", "pool_backward"]

_conv_forward = _core.conv_forward
_conv_backward = _core.conv_backward
_pool_forward = _core.pool_forward
_pool_backward = _core.pool_backward


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """Forward propagation over a convolutional layer: ``activation(conv(A_prev, W) + b)``.

    Parameters
    ----------
    A_prev : numpy.ndarray, shape (m, h_prev, w_prev, c_prev)
        The output of the previous layer: m examples of h_prev x w_prev pixels and c_prev channels.
    W : numpy.ndarray, shape (kh, kw, c_prev, c_new)
        The kernels.
    b : numpy.ndarray, shape (1, 1, 1, c_new)
        The biases.
    activation : str, callable or None
        A name (``"relu"``, ``"sigmoid"``, ``"tanh"``, ...; `hubel.ops.activation_names` lists them), which is computed
        together with the convolution; or a function, called once on the whole pre-activation array, whose result is
        returned as it is; or None for the identity.
    padding : "same", "valid", int, (ph, pw) or ((top, bottom), (left, right))
        How many zeros surround the input. ``"valid"``: none. ``"same"``: such that h_new = ceil(h_prev / sh); when their
        number is odd the bottom and right get the extra one (as in TensorFlow, Keras and ONNX's SAME_UPPER).
    stride : (sh, sw) or int
        The strides for the height and the width.

    Returns
    -------
    numpy.ndarray, shape (m, h_new, w_new, c_new)
        With ``"valid"`` padding h_new = floor((h_prev - kh) / sh) + 1. A new array: float64 when one of the arrays is
        float64 or of integers or bools, which count as float64; else float32. (Or what the activation function returns.)

    Raises
    ------
    TypeError
        An argument is not of the types above; a dtype other than float32, float64, integers and bool.
    ValueError
        A wrong rank, channels that do not match, an empty kernel, a stride below 1, a kernel larger than the padded
        input, or an unknown padding or activation name. The message says which argument, what it got and what it wanted.

    Notes
    -----
    A convolution here is what signal processing calls cross-correlation, as everywhere in the field:
    Z[i, y, x, k] = b[k] + sum over (u, v, c) of A_prev[i, sh y + u - top, sw x + v - left, c] W[u, v, c, k], where
    A_prev is 0 outside (Goodfellow, Bengio & Courville, *Deep Learning*, 2016, section 9.1; for the shapes: Dumoulin &
    Visin, "A guide to convolution arithmetic for deep learning", 2016).

    float64 is computed term by term. In float32 a 3x3 convolution with stride (1, 1) may be computed by Winograd's
    algorithm (Lavin & Gray, 2015), a quarter of the multiplications: its error is below 1e-5 of the *largest* output
    (unless that is small because large terms cancel), so that pixels millions of times brighter than others drown their
    neighbours up to 4 pixels away, and a NaN, an infinity or a number near float32's end makes neighbouring outputs NaN. `hubel.ops.conv_forward` with
    ``algorithm="direct"`` computes float32 term by term too.

    Examples
    --------
    >>> import numpy as np, hubel
    >>> image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> vertical_edge = np.array([[-1, 1]], dtype=np.float32).reshape(1, 2, 1, 1)
    >>> no_bias = np.zeros((1, 1, 1, 1), dtype=np.float32)
    >>> Z = hubel.conv_forward(image, vertical_edge, no_bias, "relu", padding="valid")
    >>> Z.shape, Z.dtype.name
    ((1, 4, 3, 1), 'float32')
    >>> Z[0, 0, :, 0].tolist()
    [1.0, 1.0, 1.0]
    """
    return _conv_forward(A_prev, W, b, activation, padding, stride, 1, 1, "auto")


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max"):
    """Forward propagation over a pooling layer: the largest value, or the mean, of each window.

    Parameters
    ----------
    A_prev : numpy.ndarray, shape (m, h_prev, w_prev, c_prev)
        The output of the previous layer.
    kernel_shape : (kh, kw) or int
        The size of a window.
    stride : (sh, sw) or int
        The distance between windows.
    mode : "max" or "avg"
        Maximum or average pooling.

    Returns
    -------
    numpy.ndarray, shape (m, h_new, w_new, c_prev)
        h_new = floor((h_prev - kh) / sh) + 1 and w_new likewise: there is no padding. A new array, float32 for float32,
        else float64. A NaN in a window gives NaN.

    Raises
    ------
    TypeError
        An argument is not of the types above; a dtype other than float32, float64, integers and bool.
    ValueError
        A wrong rank, a kernel or stride below 1, a kernel larger than the input, an unknown mode.

    Notes
    -----
    Goodfellow, Bengio & Courville, *Deep Learning*, 2016, section 9.3.

    Examples
    --------
    >>> import numpy as np, hubel
    >>> image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> hubel.pool_forward(image, (2, 2), stride=(2, 2))[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    >>> hubel.pool_forward(image, (2, 2), stride=(2, 2), mode="avg")[0, :, :, 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    return _pool_forward(A_prev, kernel_shape, stride, mode)


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """Back propagation over a convolutional layer.

    Parameters
    ----------
    dZ : numpy.ndarray, shape (m, h_new, w_new, c_new)
        The gradient of the loss with respect to the layer's pre-activation, Z = conv(A_prev, W) + b.
    A_prev, W, b, padding, stride
        What the layer's forward propagation was given: see `conv_forward`.

    Returns
    -------
    (dA_prev, dW, db) : tuple of numpy.ndarray
        The gradients with respect to A_prev, W and b, of their shapes. New arrays: float64 when one of the four arrays
        is float64 or of integers or bools, else float32.

    Raises
    ------
    TypeError
        An argument is not of the types above; a dtype other than float32, float64, integers and bool.
    ValueError
        What `conv_forward` refuses, and a dZ that has not the shape of that layer's output.

    Notes
    -----
    With the indices of `conv_forward`: dA_prev[i, sh y + u - top, sw x + v - left, c] += W[u, v, c, k] dZ[i, y, x, k],
    dW[u, v, c, k] += A_prev[...] dZ[i, y, x, k] and db[k] += dZ[i, y, x, k], over all (i, y, x) (Goodfellow, Bengio &
    Courville, *Deep Learning*, 2016, section 9.5). In float32 a 3x3 convolution with stride (1, 1) may be computed by
    Winograd's algorithm: see `conv_forward`.

    Examples
    --------
    >>> import numpy as np, hubel
    >>> A_prev, W = np.ones((1, 3, 3, 1)), np.full((2, 2, 1, 1), 0.5)
    >>> b = np.zeros((1, 1, 1, 1))
    >>> dZ = np.ones((1, 2, 2, 1))
    >>> dA_prev, dW, db = hubel.conv_backward(dZ, A_prev, W, b, padding="valid")
    >>> dA_prev[0, :, :, 0].tolist()
    [[0.5, 1.0, 0.5], [1.0, 2.0, 1.0], [0.5, 1.0, 0.5]]
    >>> dW[:, :, 0, 0].tolist(), db.tolist()
    ([[4.0, 4.0], [4.0, 4.0]], [[[[4.0]]]])
    """
    return _conv_backward(dZ, A_prev, W, b, padding, stride, 1, 1, "auto")


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max"):
    """Back propagation over a pooling layer.

    Parameters
    ----------
    dA : numpy.ndarray, shape (m, h_new, w_new, c)
        The gradient of the loss with respect to the layer's output.
    A_prev, kernel_shape, stride, mode
        What the layer's forward propagation was given: see `pool_forward`.

    Returns
    -------
    numpy.ndarray, shape of A_prev
        The gradient with respect to A_prev. ``"max"``: each window's gradient goes to its first maximum in row-major
        order, as in PyTorch, TensorFlow and cuDNN. ``"avg"``: it is spread evenly over the window. Where windows overlap
        the contributions add up. A new array: float32 when both arrays are float32, else float64.

    Raises
    ------
    TypeError
        An argument is not of the types above; a dtype other than float32, float64, integers and bool.
    ValueError
        What `pool_forward` refuses, and a dA that has not the shape of that layer's output.

    Examples
    --------
    >>> import numpy as np, hubel
    >>> A_prev = np.array([[1.0, 4.0], [3.0, 2.0]]).reshape(1, 2, 2, 1)
    >>> dA = np.full((1, 1, 1, 1), 8.0)
    >>> hubel.pool_backward(dA, A_prev, (2, 2))[0, :, :, 0].tolist()
    [[0.0, 8.0], [0.0, 0.0]]
    >>> hubel.pool_backward(dA, A_prev, (2, 2), mode="avg")[0, :, :, 0].tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    return _pool_backward(dA, A_prev, kernel_shape, stride, mode)
