"""The four functions against the reference, over random shapes, paddings and strides, and by hand-made cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hubel
import reference
from cases import assert_close, conv_cases, pool_cases, random_array


@given(conv_cases())
def test_conv_forward(case):
    A_prev, W, b, options = case
    assert_close(
        hubel.conv_forward(A_prev, W, b, None, **options), reference.conv_forward(A_prev, W, b, **options), A_prev.dtype
    )


@given(conv_cases(), st.integers(0, 2**32 - 1))
def test_conv_backward(case, seed):
    A_prev, W, b, options = case
    Z_shape = reference.conv_forward(A_prev, W, b, **options).shape
    dZ = random_array(np.random.default_rng(seed), Z_shape, A_prev.dtype)
    result = hubel.conv_backward(dZ, A_prev, W, b, **options)
    assert isinstance(result, tuple) and len(result) == 3
    for gradient, expected in zip(result, reference.conv_backward(dZ, A_prev, W, b, **options)):
        assert_close(gradient, expected, A_prev.dtype)


@given(pool_cases())
def test_pool_forward(case):
    A_prev, kernel_shape, options = case
    assert_close(
        hubel.pool_forward(A_prev, kernel_shape, **options),
        reference.pool_forward(A_prev, kernel_shape, **options),
        A_prev.dtype,
    )


@given(pool_cases(), st.integers(0, 2**32 - 1))
def test_pool_backward(case, seed):
    A_prev, kernel_shape, options = case
    A_shape = reference.pool_forward(A_prev, kernel_shape, **options).shape
    dA = random_array(np.random.default_rng(seed), A_shape, A_prev.dtype)
    assert_close(
        hubel.pool_backward(dA, A_prev, kernel_shape, **options),
        reference.pool_backward(dA, A_prev, kernel_shape, **options),
        A_prev.dtype,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "m, size, c_prev, c_new, kernel, options",
    [
        (32, (28, 28), 1, 6, (5, 5), {}),
        (32, (14, 14), 6, 16, (5, 5), {"padding": "valid"}),
        (2, (31, 29), 3, 40, (7, 7), {"stride": (2, 2)}),
        (1, (8, 8), 64, 64, (3, 3), {}),
        (2, (9, 9), 33, 17, (1, 1), {"stride": (3, 2)}),
        (1, (6, 50), 5, 8, (2, 9), {"padding": ((0, 1), (7, 2))}),
    ],
    ids=str,
)
def test_layers_of_usual_sizes(m, size, c_prev, c_new, kernel, options, dtype):
    rng = np.random.default_rng(1)
    A_prev, W = random_array(rng, (m, *size, c_prev), dtype), random_array(rng, (*kernel, c_prev, c_new), dtype)
    b = random_array(rng, (1, 1, 1, c_new), dtype)
    Z = hubel.conv_forward(A_prev, W, b, None, **options)
    assert_close(Z, reference.conv_forward(A_prev, W, b, **options), dtype)
    dZ = random_array(rng, Z.shape, dtype)
    for gradient, expected in zip(
        hubel.conv_backward(dZ, A_prev, W, b, **options), reference.conv_backward(dZ, A_prev, W, b, **options)
    ):
        assert_close(gradient, expected, dtype)


def test_same_padding_puts_the_extra_zero_last():
    A_prev, W = np.ones((1, 2, 2, 1)), np.arange(4.0).reshape(2, 2, 1, 1)
    Z = hubel.conv_forward(A_prev, W, np.zeros((1, 1, 1, 1)), None)
    assert Z[0, :, :, 0].tolist() == [[6, 2], [1, 0]]


def test_same_padding_with_stride_is_that_of_tensorflow():
    # h_new = ceil(5 / 2) = 3; total padding (3 - 1) 2 + 2 - 5 = 1, all of it at the end.
    A_prev = np.arange(1.0, 6).reshape(1, 5, 1, 1)
    Z = hubel.conv_forward(A_prev, np.ones((2, 1, 1, 1)), np.zeros((1, 1, 1, 1)), None, "same", (2, 1))
    assert Z.ravel().tolist() == [3, 7, 5]


def test_padding_larger_than_the_kernel():
    Z = hubel.conv_forward(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), np.full((1, 1, 1, 1), 0.5), None, padding=2)
    expected = np.full((5, 5), 0.5)
    expected[2, 2] = 1.5
    assert np.array_equal(Z[0, :, :, 0], expected)


def test_max_pool_gradient_goes_to_the_first_maximum():
    dA_prev = hubel.pool_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 3, 2, 1)), (3, 2))
    assert dA_prev.ravel().tolist() == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_and_infinity_propagate(dtype):
    A_prev = np.ones((1, 4, 4, 1), dtype=dtype)
    A_prev[0, 0, 0], A_prev[0, 3, 3] = np.nan, np.inf
    one = np.ones((1, 1, 1, 1), dtype=dtype)
    Z = hubel.conv_forward(A_prev, np.ones((2, 2, 1, 1), dtype=dtype), 0 * one, "relu", "valid")
    assert np.isnan(Z[0, 0, 0, 0]) and Z[0, 2, 2, 0] == np.inf and Z[0, 1, 1, 0] == 4
    assert np.isnan(Z).sum() == 1
    for mode in ("max", "avg"):
        pooled = hubel.pool_forward(A_prev, (2, 2), (2, 2), mode)
        assert np.isnan(pooled[0, 0, 0, 0]) and pooled[0, 1, 1, 0] == np.inf and pooled[0, 0, 1, 0] == 1
    # zero times infinity is not a number, also where a sum might be skipped for a zero weight
    assert np.isnan(hubel.conv_forward(A_prev, 0 * one, 0 * one, None)[0, 3, 3, 0])
    # a NaN is its window's maximum
    dA_prev = hubel.pool_backward(np.ones((1, 2, 2, 1), dtype=dtype), A_prev, (2, 2), (2, 2))
    assert dA_prev[0, 0, 0, 0] == 1 and dA_prev[0, 3, 3, 0] == 1


def test_zero_examples():
    A_prev, W, b = np.zeros((0, 5, 5, 2)), np.ones((3, 3, 2, 4)), np.zeros((1, 1, 1, 4))
    Z = hubel.conv_forward(A_prev, W, b, "relu")
    assert Z.shape == (0, 5, 5, 4)
    dA_prev, dW, db = hubel.conv_backward(Z, A_prev, W, b)
    assert dA_prev.shape == A_prev.shape and not dW.any() and not db.any()
    pooled = hubel.pool_forward(A_prev, (2, 2))
    assert pooled.shape == (0, 4, 4, 2)
    assert hubel.pool_backward(pooled, A_prev, (2, 2)).shape == A_prev.shape


def test_results_are_the_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    A_prev, W = random_array(rng, (16, 20, 20, 8), "f4"), random_array(rng, (3, 3, 8, 24), "f4")
    b, dZ = random_array(rng, (1, 1, 1, 24), "f4"), random_array(rng, (16, 20, 20, 24), "f4")
    results = []
    try:
        for threads in (1, 2, 3):
            hubel.set_num_threads(threads)
            results.append((hubel.conv_forward(A_prev, W, b, "tanh"), *hubel.conv_backward(dZ, A_prev, W, b)))
    finally:
        hubel.set_num_threads(0)
    for other in results[1:]:
        for first, second in zip(results[0], other):
            assert first.tobytes() == second.tobytes()
