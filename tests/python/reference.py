"""The operations as a student writes them: NumPy, loops over the output's pixels, in float64. The tests' oracle.

Written from the definitions and independently of Hubel: nothing here calls it.
"""

import numpy as np


def pads(padding, size, kernel, stride):
    """((top, bottom), (left, right)) for a padding argument; size, kernel (with dilation) and stride are pairs."""
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0), (0, 0)
        result = []
        for n, k, s in zip(size, kernel, stride):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            result.append((total // 2, total - total // 2))
        return tuple(result)
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    if isinstance(padding[0], int):
        return (padding[0], padding[0]), (padding[1], padding[1])
    return padding


def _pad(A, sides):
    return np.pad(np.asarray(A, dtype=np.float64), ((0, 0), *sides, (0, 0)))


def _output_size(A_pad, kernel, stride):
    return tuple((n - k) // s + 1 for n, k, s in zip(A_pad.shape[1:3], kernel, stride))


def _dilated(W, dilation):
    kh, kw = W.shape[:2]
    full = np.zeros(((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1) + W.shape[2:])
    full[:: dilation[0], :: dilation[1]] = W
    return full


def _per_group(groups, *channel_counts):
    """For each group, the slices of these numbers of channels that belong to it."""
    return [tuple(slice(g * n // groups, (g + 1) * n // groups) for n in channel_counts) for g in range(groups)]


def conv_forward(A_prev, W, b, padding="same", stride=(1, 1), dilation=(1, 1), groups=1):
    W = _dilated(W, dilation)
    (kh, kw, _, c_new), (sh, sw) = W.shape, stride
    A_pad = _pad(A_prev, pads(padding, A_prev.shape[1:3], (kh, kw), stride))
    h_new, w_new = _output_size(A_pad, (kh, kw), stride)
    Z = np.zeros((A_prev.shape[0], h_new, w_new, c_new))
    for c, k in _per_group(groups, A_prev.shape[3], c_new):
        for y in range(h_new):
            for x in range(w_new):
                patch = A_pad[:, y * sh : y * sh + kh, x * sw : x * sw + kw, c]
                Z[:, y, x, k] = np.tensordot(patch, W[..., k], axes=3)
    return Z + np.asarray(b, dtype=np.float64)


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1), dilation=(1, 1), groups=1):
    dZ, full = np.asarray(dZ, dtype=np.float64), _dilated(W, dilation)
    (kh, kw, _, c_new), (sh, sw) = full.shape, stride
    sides = pads(padding, A_prev.shape[1:3], (kh, kw), stride)
    A_pad = _pad(A_prev, sides)
    dA_pad, dW = np.zeros_like(A_pad), np.zeros(full.shape)
    for c, k in _per_group(groups, A_prev.shape[3], c_new):
        for y in range(dZ.shape[1]):
            for x in range(dZ.shape[2]):
                rows, columns = slice(y * sh, y * sh + kh), slice(x * sw, x * sw + kw)
                dA_pad[:, rows, columns, c] += np.tensordot(dZ[:, y, x, k], full[..., k], axes=([1], [3]))
                dW[..., k] += np.tensordot(A_pad[:, rows, columns, c], dZ[:, y, x, k], axes=([0], [0]))
    (top, _), (left, _) = sides
    dA_prev = dA_pad[:, top : top + A_prev.shape[1], left : left + A_prev.shape[2]]
    return dA_prev, dW[:: dilation[0], :: dilation[1]], dZ.sum(axis=(0, 1, 2), keepdims=True).reshape(np.shape(b))


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max"):
    A_prev, (kh, kw), (sh, sw) = np.asarray(A_prev, dtype=np.float64), kernel_shape, stride
    h_new, w_new = _output_size(A_prev, kernel_shape, stride)
    A = np.zeros((A_prev.shape[0], h_new, w_new, A_prev.shape[3]))
    for y in range(h_new):
        for x in range(w_new):
            window = A_prev[:, y * sh : y * sh + kh, x * sw : x * sw + kw]
            A[:, y, x] = window.max(axis=(1, 2)) if mode == "max" else window.mean(axis=(1, 2))
    return A


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max"):
    A_prev, (kh, kw), (sh, sw) = np.asarray(A_prev, dtype=np.float64), kernel_shape, stride
    dA_prev = np.zeros_like(A_prev)
    for i, y, x, c in np.ndindex(*dA.shape):
        rows, columns = slice(y * sh, y * sh + kh), slice(x * sw, x * sw + kw)
        if mode == "avg":
            dA_prev[i, rows, columns, c] += dA[i, y, x, c] / (kh * kw)
        else:
            window = A_prev[i, rows, columns, c]
            first = np.unravel_index(np.argmax(window), window.shape)
            dA_prev[i, rows, columns, c][first] += dA[i, y, x, c]
    return dA_prev
