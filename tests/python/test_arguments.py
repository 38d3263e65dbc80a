"""What the four functions take, what they refuse, and what they say."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hubel
import reference
from cases import LAYOUTS, assert_close, random_array

RNG = np.random.default_rng(7)
A_PREV, W, B = RNG.standard_normal((2, 6, 5, 3)), RNG.standard_normal((3, 2, 3, 4)), RNG.standard_normal((1, 1, 1, 4))
Z = reference.conv_forward(A_PREV, W, B)
POOLED = reference.pool_forward(A_PREV, (2, 2))


def conv(*arrays, **options):
    return hubel.conv_forward(*arrays, None, **options)


# Each function with valid array arguments by name, and its other arguments.
CALLS = {
    "conv_forward": (conv, {"A_prev": A_PREV, "W": W, "b": B}, ()),
    "conv_backward": (hubel.conv_backward, {"dZ": Z, "A_prev": A_PREV, "W": W, "b": B}, ()),
    "pool_forward": (hubel.pool_forward, {"A_prev": A_PREV}, ((2, 2),)),
    "pool_backward": (hubel.pool_backward, {"dA": POOLED, "A_prev": A_PREV}, ((2, 2),)),
}
ARRAY_ARGUMENTS = [(function, name) for function, (_, arrays, _) in CALLS.items() for name in arrays]


def call_with(function, name, value):
    f, arrays, rest = CALLS[function]
    return f(*{**arrays, name: value}.values(), *rest)


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


# --- layouts and types


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("function", CALLS)
def test_any_layout(function, layout, dtype):
    f, arrays, rest = CALLS[function]
    plain = [a.astype(dtype) for a in arrays.values()]
    laid_out = [LAYOUTS[layout](a) for a in plain]
    before = [a.tobytes() for a in laid_out]
    for result, expected in zip(as_tuple(f(*laid_out, *rest)), as_tuple(f(*plain, *rest))):
        assert type(result) is np.ndarray and result.dtype == dtype and result.flags.c_contiguous
        assert result.flags.writeable and result.tobytes() == expected.tobytes()
    assert [a.tobytes() for a in laid_out] == before


@pytest.mark.parametrize("function, name", ARRAY_ARGUMENTS)
def test_broadcast_arrays(function, name):
    shape = CALLS[function][1][name].shape
    broadcast = np.broadcast_to(np.float64(0.5), shape)
    for result, expected in zip(
        as_tuple(call_with(function, name, broadcast)), as_tuple(call_with(function, name, np.full(shape, 0.5)))
    ):
        assert np.array_equal(result, expected)


INTEGERS = ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">u8"]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("function, name", ARRAY_ARGUMENTS)
def test_integers_and_bools_count_as_float64(function, name, dtype):
    f, arrays, rest = CALLS[function]
    arrays = {key: a.astype(np.float32) for key, a in arrays.items()}
    integers = (np.abs(arrays[name]) * 3).astype(dtype)
    results = as_tuple(f(*{**arrays, name: integers}.values(), *rest))
    as_float64 = {key: a.astype(np.float64) for key, a in {**arrays, name: integers}.items()}
    for result, expected in zip(results, as_tuple(f(*as_float64.values(), *rest))):
        assert result.dtype == np.float64 and np.array_equal(result, expected)


@pytest.mark.parametrize("function", CALLS)
def test_float64_wins_over_float32(function):
    f, arrays, rest = CALLS[function]
    for types in itertools.product([np.float32, np.float64], repeat=len(arrays)):
        given_arrays = [a.astype(t) for a, t in zip(arrays.values(), types)]
        wanted = np.result_type(*types)
        exact = [a.astype(np.float64) for a in given_arrays]
        for result, expected in zip(as_tuple(f(*given_arrays, *rest)), as_tuple(f(*exact, *rest))):
            assert_close(result, expected, wanted)


def test_arrays_of_files_are_read_in_place(tmp_path):
    np.save(tmp_path / "a.npy", A_PREV)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    result = conv(mapped, W, B)
    assert type(result) is np.ndarray and np.array_equal(result, conv(A_PREV, W, B))


def test_results_are_new_arrays():
    one = np.ones((1, 1, 1, 1))
    first, second = conv(one, one, 0 * one), conv(one, one, 0 * one)
    assert not np.shares_memory(first, second) and not np.shares_memory(first, one)
    pooled = hubel.pool_forward(one, (1, 1))
    assert not np.shares_memory(pooled, one)


class HasArray:
    def __array__(self, *args, **kwargs):
        return A_PREV


@pytest.mark.parametrize(
    "wrong, said",
    [
        ([[1.0]], "a list"),
        ((1.0,), "a tuple"),
        (None, "None"),
        (1.0, "a float"),
        ("text", "a str"),
        (np.float32(1), "float32"),
        (memoryview(b"1234"), "a memoryview"),
        (HasArray(), "HasArray"),
        (np.ma.masked_array(A_PREV, A_PREV > 0), "MaskedArray"),
        (np.matrix([[1.0]]), "matrix"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.parametrize("function, name", ARRAY_ARGUMENTS)
def test_not_an_array(function, name, wrong, said):
    with pytest.raises(TypeError, match=rf"^{function}: {name} must be a (plain )?numpy\.ndarray, got .*{said}"):
        call_with(function, name, wrong)


@pytest.mark.parametrize(
    "dtype",
    ["f2", np.longdouble, "c8", "c16", object, "U3", "S3", "M8[s]", "m8[s]", [("x", "f4")]],
    ids=str,
)
@pytest.mark.parametrize("function, name", ARRAY_ARGUMENTS)
def test_other_dtypes(function, name, dtype):
    wrong = np.zeros(CALLS[function][1][name].shape, dtype=dtype)
    with pytest.raises(TypeError, match=rf"^{function}: {name} has dtype .* float32 or float64 .*astype\(np\.float32\)"):
        call_with(function, name, wrong)


# --- activation


def test_activation_names_are_fused():
    plain = conv(A_PREV, W, B)
    for name, f in {
        "relu": lambda z: np.maximum(z, 0),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "identity": lambda z: z,
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
    }.items():
        assert_close(hubel.conv_forward(A_PREV, W, B, name), f(plain), np.float64)
        assert_close(hubel.conv_forward(A_PREV, W, B, np.str_(name)), f(plain), np.float64)


def test_no_activation():
    assert_close(hubel.conv_forward(A_PREV, W, B, None), Z, np.float64)


def test_a_function_is_called_once_with_the_whole_array():
    seen = []

    def activation(z):
        seen.append(z.copy())
        z *= 0  # our own array: nobody else's is changed
        return "whatever it returns"

    before = [a.copy() for a in (A_PREV, W, B)]
    assert hubel.conv_forward(A_PREV, W, B, activation) == "whatever it returns"
    assert len(seen) == 1
    assert_close(seen[0], Z, np.float64)
    assert all(np.array_equal(a, b) for a, b in zip(before, (A_PREV, W, B)))
    assert hubel.conv_forward(A_PREV[:0], W, B, lambda z: z.shape) == (0, 6, 5, 4)
    assert_close(hubel.conv_forward(A_PREV, W, B, np.tanh), np.tanh(Z), np.float64)


def test_exceptions_of_a_function_come_through():
    class Mine(Exception):
        pass

    error = Mine("mine")

    def fail(z):
        raise error

    with pytest.raises(Mine) as caught:
        hubel.conv_forward(A_PREV, W, B, fail)
    assert caught.value is error


def test_unknown_activation():
    with pytest.raises(ValueError, match="^conv_forward: activation .*rleu.*relu.*tanh"):
        hubel.conv_forward(A_PREV, W, B, "rleu")
    with pytest.raises(ValueError, match="^conv_forward: "):
        hubel.conv_forward(A_PREV, W, B, "x" * 10_000)
    with pytest.raises(ValueError, match="^conv_forward: "):
        hubel.conv_forward(A_PREV, W, B, "\udc80")


@pytest.mark.parametrize("wrong", [3, 2.5, b"relu", ["relu"], np.zeros(3), object()], ids=repr)
def test_activation_of_a_wrong_type(wrong):
    with pytest.raises(TypeError, match="^conv_forward: activation must be None, a name .* or a function.*, got "):
        hubel.conv_forward(A_PREV, W, B, wrong)


# --- padding, stride, kernel_shape, mode

SQUARE = np.ones((1, 9, 9, 1))
KERNEL, BIAS = np.ones((3, 3, 1, 1)), np.zeros((1, 1, 1, 1))


@pytest.mark.parametrize(
    "padding, shape",
    [
        ("same", (9, 9)),
        (np.str_("valid"), (7, 7)),
        (0, (7, 7)),
        (2, (11, 11)),
        (np.int64(2), (11, 11)),
        (np.uint8(2), (11, 11)),
        (np.array(2), (11, 11)),
        ((1, 2), (9, 11)),
        ([1, 2], (9, 11)),
        (np.array([1, 2]), (9, 11)),
        ((np.int32(1), 2), (9, 11)),
        (((1, 0), (0, 2)), (8, 9)),
        ([[1, 0], [0, 2]], (8, 9)),
        ([(1, 0), [0, 2]], (8, 9)),
        (np.array([[1, 0], [0, 2]]), (8, 9)),
    ],
    ids=repr,
)
def test_paddings(padding, shape):
    A = conv(SQUARE, KERNEL, BIAS, padding=padding)
    assert A.shape == (1, *shape, 1)
    assert hubel.conv_backward(A, SQUARE, KERNEL, BIAS, padding)[0].shape == SQUARE.shape


@pytest.mark.parametrize(
    "padding, error",
    [
        (None, TypeError),
        (True, TypeError),
        (np.True_, TypeError),
        (1.0, TypeError),
        (np.float64(1), TypeError),
        (b"same", TypeError),
        ({1, 2}, TypeError),
        ((1, 2.0), TypeError),
        ((True, 1), TypeError),
        (("same", "same"), TypeError),
        ((1, (1, 2)), TypeError),
        (((1, 2), 1), TypeError),
        (((1, 2), (1, None)), TypeError),
        (np.array([1.0, 2.0]), TypeError),
        ("full", ValueError),
        ("", ValueError),
        ("SAME ", ValueError),
        (-1, ValueError),
        ((0, -1), ValueError),
        (((0, 0), (-1, 0)), ValueError),
        ((), ValueError),
        ((1,), ValueError),
        ((1, 2, 3), ValueError),
        ((1, 2, 3, 4), ValueError),
        (((1, 2), (1, 2, 3)), ValueError),
        (((1, 2),), ValueError),
        (2**63, ValueError),
        (-(2**70), ValueError),
        ((0, 2**64), ValueError),
    ],
    ids=repr,
)
def test_wrong_paddings(padding, error):
    for function, call in (
        ("conv_forward", lambda: conv(SQUARE, KERNEL, BIAS, padding=padding)),
        ("conv_backward", lambda: hubel.conv_backward(SQUARE, SQUARE, KERNEL, BIAS, padding)),
    ):
        with pytest.raises(error, match=rf"^{function}: .*padding") as caught:
            call()
        assert type(caught.value) is error


@pytest.mark.parametrize("padding", [2**20, 2**31, 2**40, 2**62], ids=lambda p: f"2**{p.bit_length() - 1}")
def test_outputs_too_large_to_exist(padding):
    with pytest.raises((ValueError, MemoryError)):
        conv(SQUARE, KERNEL, BIAS, padding=padding)


WRONG_PAIRS = [
    (None, TypeError),
    ("22", TypeError),
    (2.0, TypeError),
    (np.float32(2), TypeError),
    (True, TypeError),
    ((2, 2.0), TypeError),
    ((2, None), TypeError),
    ((2, True), TypeError),
    (np.array([2.0, 2.0]), TypeError),
    (np.array([True, True]), TypeError),
    (((2, 2), (2, 2)), TypeError),
    ({2: 2}, TypeError),
    ((), ValueError),
    ((2,), ValueError),
    ((2, 2, 2), ValueError),
    (np.array([2]), ValueError),
    (0, ValueError),
    (-1, ValueError),
    ((0, 1), ValueError),
    ((1, -3), ValueError),
    (2**63, ValueError),
    ((1, 2**200), ValueError),
    ((-(2**64), 1), ValueError),
]


@pytest.mark.parametrize("pair, error", WRONG_PAIRS, ids=repr)
def test_wrong_strides(pair, error):
    pooled = np.ones((1, 8, 8, 1))
    for function, call in (
        ("conv_forward", lambda: conv(SQUARE, KERNEL, BIAS, stride=pair)),
        ("conv_backward", lambda: hubel.conv_backward(SQUARE, SQUARE, KERNEL, BIAS, "same", pair)),
        ("pool_forward", lambda: hubel.pool_forward(SQUARE, (2, 2), pair)),
        ("pool_backward", lambda: hubel.pool_backward(pooled, SQUARE, (2, 2), pair)),
    ):
        with pytest.raises(error, match=rf"^{function}: stride ") as caught:
            call()
        assert type(caught.value) is error


@pytest.mark.parametrize("pair, error", WRONG_PAIRS, ids=repr)
def test_wrong_kernel_shapes(pair, error):
    for function, call in (
        ("pool_forward", lambda: hubel.pool_forward(SQUARE, pair)),
        ("pool_backward", lambda: hubel.pool_backward(SQUARE, SQUARE, pair)),
    ):
        with pytest.raises(error, match=rf"^{function}: kernel_shape ") as caught:
            call()
        assert type(caught.value) is error


@pytest.mark.parametrize("pair", [3, np.int8(3), (3, 3), [3, 3], np.array([3, 3]), np.array([3, 3], "u2"), np.array(3)])
def test_pairs(pair):
    assert conv(SQUARE, KERNEL, BIAS, stride=pair).shape == (1, 3, 3, 1)
    assert hubel.pool_forward(SQUARE, pair, pair).shape == (1, 3, 3, 1)


class Index:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def test_integers_by_index():
    assert conv(SQUARE, KERNEL, BIAS, stride=(Index(3), 3)).shape == (1, 3, 3, 1)
    with pytest.raises(ZeroDivisionError):
        conv(SQUARE, KERNEL, BIAS, stride=Index(ZeroDivisionError()))


@pytest.mark.parametrize(
    "mode, error",
    [("min", ValueError), ("MAX", ValueError), ("", ValueError), (None, TypeError), (0, TypeError), (b"max", TypeError)],
    ids=repr,
)
def test_wrong_modes(mode, error):
    with pytest.raises(error, match="^pool_forward: mode .*'?max"):
        hubel.pool_forward(SQUARE, (2, 2), mode=mode)
    with pytest.raises(error, match="^pool_backward: mode .*'?max"):
        hubel.pool_backward(np.ones((1, 8, 8, 1)), SQUARE, (2, 2), mode=mode)


# --- shapes


@pytest.mark.parametrize("function, name", ARRAY_ARGUMENTS)
@pytest.mark.parametrize("rank", [0, 1, 2, 3, 5, 6, 7, 20])
def test_wrong_ranks(function, name, rank):
    with pytest.raises(ValueError, match=rf"^{function}: {name} .*\("):
        call_with(function, name, np.ones((2,) * rank))


def test_channels_that_do_not_match():
    message = (
        "conv_forward: W has c_prev = 3 but A_prev has 1 channel "
        "(W is (kh, kw, c_prev, c_new), A_prev is (m, h_prev, w_prev, c_prev))"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        conv(SQUARE, W, B)
    with pytest.raises(ValueError, match="^conv_backward: W has c_prev = 3 but A_prev has 1 channel "):
        hubel.conv_backward(Z, SQUARE, W, B)


@pytest.mark.parametrize("shape", [(4,), (1, 1, 4), (1, 1, 1, 3), (1, 1, 1, 1), (1, 1, 4, 1), (2, 1, 1, 4), (1, 1, 1, 0)])
def test_biases_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"^conv_forward: b has .*\(1, 1, 1, "):
        conv(A_PREV, W, np.zeros(shape))
    with pytest.raises(ValueError, match=r"^conv_backward: b has .*\(1, 1, 1, "):
        hubel.conv_backward(Z, A_PREV, W, np.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 6, 5, 3), (2, 5, 5, 4), (1, 6, 5, 4), (2, 6, 6, 4), (0, 6, 5, 4)])
def test_output_gradients_that_do_not_fit(shape):
    said = re.escape(str(shape)) + ".*" + re.escape("(2, 6, 5, 4)")
    with pytest.raises(ValueError, match=f"^conv_backward: dZ has shape {said}"):
        hubel.conv_backward(np.zeros(shape), A_PREV, W, B)
    with pytest.raises(ValueError, match=r"^pool_backward: dA has shape .*\(2, 5, 4, 3\)"):
        hubel.pool_backward(np.zeros(shape), A_PREV, (2, 2))


@pytest.mark.parametrize("shape", [(0, 2, 3, 4), (2, 0, 3, 4)])
def test_empty_kernels(shape):
    with pytest.raises(ValueError, match="^conv_forward: .*kernel.*kh.*kw"):
        conv(A_PREV, np.zeros(shape), B)


def test_kernels_larger_than_the_input():
    with pytest.raises(ValueError, match="^conv_forward: .*kernel.*larger.*kh = 10.*h_prev = 9"):
        conv(SQUARE, np.ones((10, 1, 1, 1)), BIAS, padding="valid")
    with pytest.raises(ValueError, match="^conv_forward: .*kernel.*larger.*kw = 12.*w_prev = 9.*11"):
        conv(SQUARE, np.ones((1, 12, 1, 1)), BIAS, padding=(0, 1))
    with pytest.raises(ValueError, match="^pool_forward: .*kernel_shape.*larger.*9"):
        hubel.pool_forward(SQUARE, (3, 10))
    with pytest.raises(ValueError, match="^pool_backward: .*kernel_shape.*larger.*9"):
        hubel.pool_backward(SQUARE, SQUARE, (10, 3))
    assert conv(SQUARE, np.ones((10, 12, 1, 1)), BIAS).shape == SQUARE.shape


def test_images_without_pixels():
    empty = np.zeros((2, 0, 4, 1))
    with pytest.raises(ValueError, match="^conv_forward: .*larger"):
        conv(empty, KERNEL, BIAS, padding="valid")
    assert conv(empty, KERNEL, BIAS).shape == (2, 0, 4, 1)
    with pytest.raises(ValueError, match="^pool_forward: .*larger"):
        hubel.pool_forward(empty, (1, 1))


def test_no_channels():
    A = conv(np.zeros((2, 4, 4, 0)), np.zeros((3, 3, 0, 5)), np.arange(5.0).reshape(1, 1, 1, 5))
    assert np.array_equal(A, np.broadcast_to(np.arange(5.0), (2, 4, 4, 5)))
    assert conv(np.zeros((2, 4, 4, 3)), np.zeros((3, 3, 3, 0)), np.zeros((1, 1, 1, 0))).shape == (2, 4, 4, 0)


def test_missing_and_unknown_arguments():
    with pytest.raises(TypeError):
        hubel.conv_forward(A_PREV, W, B)
    with pytest.raises(TypeError):
        hubel.pool_forward(A_PREV, (2, 2), dilation=(1, 1))


# --- anything at all

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-50, 50)
    | st.integers(2**24)  # a padding between would be legal, and take its time
    | st.integers(max_value=-51)
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from([np.zeros((1, 2, 2, 1)), np.zeros(2, int), np.float64(1), np.str_("same"), object, len]),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=5,
)


@given(anything, anything, anything)
def test_nothing_but_type_and_value_errors(activation, padding, stride):
    for call in (
        lambda: hubel.conv_forward(SQUARE, KERNEL, BIAS, activation, "same", (1, 1)),
        lambda: conv(SQUARE, KERNEL, BIAS, padding=padding),
        lambda: conv(SQUARE, KERNEL, BIAS, stride=stride),
        lambda: hubel.pool_forward(SQUARE, stride, stride),
        lambda: hubel.pool_forward(SQUARE, (2, 2), mode=padding),
        lambda: hubel.conv_backward(activation, SQUARE, KERNEL, BIAS, padding, stride),
    ):
        try:
            call()
        except (TypeError, ValueError) as error:
            assert len(str(error)) < 700
        except MemoryError:  # of a padding of some millions
            pass


@pytest.mark.parametrize("name", ["A_prev", "W", "b", "dZ", "dA"])
def test_large_random_inputs_stay_untouched(name):
    for function in (f for f, n in ARRAY_ARGUMENTS if n == name):
        arrays = {key: random_array(RNG, a.shape) for key, a in CALLS[function][1].items()}
        before = {key: a.copy() for key, a in arrays.items()}
        CALLS[function][0](*arrays.values(), *CALLS[function][2])
        assert all(np.array_equal(arrays[key], before[key]) for key in arrays)
