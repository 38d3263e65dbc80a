"""Random cases for the four functions, and arrays in every memory layout that NumPy has."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import reference

# The contract's accuracy: the largest error, as a share of the largest value of the result.
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-5}

LAYOUTS = {
    "contiguous": lambda a: a,
    "fortran": np.asfortranarray,
    "negative strides": lambda a: np.ascontiguousarray(a[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1],
    "slice": lambda a: np.repeat(np.repeat(a, 2, axis=1), 2, axis=3)[:, ::2, :, ::2],
    "transposed": lambda a: np.ascontiguousarray(a.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0),
    "read-only": lambda a: _read_only(a.copy()),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: _unaligned(a),
    "subclass": lambda a: a.view(Subclass),
}


class Subclass(np.ndarray):
    """A subclass of ndarray that means nothing by it."""


def _read_only(a):
    a.flags.writeable = False
    return a


def _unaligned(a):
    raw = np.zeros(a.nbytes + 1, dtype=np.uint8)[1:].view(a.dtype).reshape(a.shape)
    raw[...] = a
    return raw


def assert_close(result, expected, dtype):
    """result is an array of this dtype within the contract's accuracy of the float64 reference."""
    assert type(result) is np.ndarray
    assert result.dtype == dtype and result.shape == expected.shape
    if expected.size:
        error = np.abs(result.astype(np.float64) - expected).max()
        assert error <= TOLERANCE[np.dtype(dtype)] * max(np.abs(expected).max(), 1e-300)


dtypes = st.sampled_from([np.float32, np.float64])
small = st.integers(1, 4)
pairs = st.tuples(small, small)
paddings = st.one_of(
    st.sampled_from(["same", "valid"]),
    st.integers(0, 3),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
)


def random_array(rng, shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype)


@st.composite
def conv_cases(draw, extras=False):
    """(A_prev, W, b, keyword arguments); with `extras` also dilation and groups."""
    groups = draw(st.integers(1, 3)) if extras else 1
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if extras else (1, 1)
    size, kernel, stride = draw(st.tuples(st.integers(1, 11), st.integers(1, 11))), draw(pairs), draw(pairs)
    padding = draw(paddings)
    effective = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation))
    sides = reference.pads(padding, size, effective, stride)
    assume(all(n + sum(side) >= k for n, side, k in zip(size, sides, effective)))
    c_prev, c_new = draw(st.integers(1, 9)), draw(st.integers(1, 19))
    rng, dtype = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(dtypes)
    A_prev = random_array(rng, (draw(st.integers(0, 3)), *size, c_prev * groups), dtype)
    W = random_array(rng, (*kernel, c_prev, c_new * groups), dtype)
    b = random_array(rng, (1, 1, 1, c_new * groups), dtype)
    options = {"padding": padding, "stride": stride}
    if extras:
        options.update(dilation=dilation, groups=groups)
    return A_prev, W, b, options


@st.composite
def pool_cases(draw):
    """(A_prev, kernel_shape, keyword arguments). Half of the inputs have few values, so that maxima tie."""
    size, stride = draw(st.tuples(st.integers(1, 11), st.integers(1, 11))), draw(pairs)
    kernel = tuple(draw(st.integers(1, min(n, 5))) for n in size)
    rng, dtype = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(dtypes)
    A_prev = random_array(rng, (draw(st.integers(0, 3)), *size, draw(st.integers(1, 19))), dtype)
    if draw(st.booleans()):
        A_prev = np.round(A_prev)
    return A_prev, kernel, {"stride": stride, "mode": draw(st.sampled_from(["max", "avg"]))}
