"""hubel.ops: dilation and groups, the dense layer, the activations, the loss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from cases import assert_close, conv_cases, random_array
from hubel import ops

RNG = np.random.default_rng(5)


@given(conv_cases(extras=True), st.integers(0, 2**32 - 1))
def test_convolution_with_dilation_and_groups(case, seed):
    A_prev, W, b, options = case
    expected = reference.conv_forward(A_prev, W, b, **options)
    assert_close(ops.conv_forward(A_prev, W, b, **options), expected, A_prev.dtype)
    dZ = random_array(np.random.default_rng(seed), expected.shape, A_prev.dtype)
    for gradient, wanted in zip(
        ops.conv_backward(dZ, A_prev, W, b, **options), reference.conv_backward(dZ, A_prev, W, b, **options)
    ):
        assert_close(gradient, wanted, A_prev.dtype)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"groups": 2}, ValueError, "groups"),
        ({"algorithm": "fast"}, ValueError, 'algorithm is "fast" but must be "auto", "direct" or "winograd"'),
        ({"algorithm": None}, TypeError, "algorithm"),
        ({"algorithm": "winograd"}, ValueError, "algorithm is winograd, which needs a 3x3 kernel"),
        ({"groups": 0}, ValueError, "groups is 0"),
        ({"groups": 1.0}, TypeError, "groups must be an integer, got 1.0"),
        ({"dilation": 0}, ValueError, "dilation"),
        ({"dilation": (1, 2, 3)}, ValueError, "dilation has 3 elements"),
        ({"dilation": 1.5}, TypeError, "dilation must be a pair of integers"),
    ],
)
def test_wrong_dilation_and_groups(options, error, said):
    A_prev, W, b = np.ones((1, 5, 5, 3)), np.ones((2, 2, 3, 4)), np.zeros((1, 1, 1, 4))
    with pytest.raises(error, match=f"^conv_forward: .*{said}"):
        ops.conv_forward(A_prev, W, b, **options)
    with pytest.raises(error, match=f"^conv_backward: .*{said}"):
        ops.conv_backward(ops.conv_forward(A_prev, W, b), A_prev, W, b, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense(dtype):
    for m, n_in, n_out in [(1, 1, 1), (0, 3, 2), (7, 33, 10), (32, 400, 120)]:
        X, W = random_array(RNG, (m, n_in), dtype), random_array(RNG, (n_in, n_out), dtype)
        b, dZ = random_array(RNG, (n_out,), dtype), random_array(RNG, (m, n_out), dtype)
        X64, W64, dZ64 = (a.astype(np.float64) for a in (X, W, dZ))
        assert_close(ops.dense_forward(X, W, b), X64 @ W64 + b, dtype)
        assert_close(ops.dense_forward(np.asfortranarray(X), W, activation="relu"), np.maximum(X64 @ W64, 0), dtype)
        assert ops.dense_forward(X, W, b, np.shape) == (m, n_out)
        for gradient, expected in zip(ops.dense_backward(dZ, X, W), (dZ64 @ W64.T, X64.T @ dZ64, dZ64.sum(axis=0))):
            assert_close(gradient, expected, dtype)


def test_dense_errors():
    X, W = np.ones((2, 3)), np.ones((3, 4))
    for wrong in (np.ones(3), np.ones((2, 4)), np.ones((2, 3, 1)), np.ones(())):
        with pytest.raises(ValueError, match="^dense_forward: "):
            ops.dense_forward(wrong, W)
        with pytest.raises(ValueError, match="^dense_backward: "):
            ops.dense_backward(np.ones((2, 4)), wrong, W)
    with pytest.raises(ValueError, match="^dense_forward: b "):
        ops.dense_forward(X, W, np.ones(3))
    with pytest.raises(ValueError, match="^dense_backward: dZ "):
        ops.dense_backward(np.ones((2, 3)), X, W)
    with pytest.raises(TypeError, match="^dense_forward: W must be a numpy.ndarray, got None"):
        ops.dense_forward(X, None)
    with pytest.raises(TypeError, match="^dense_forward: b must be a numpy.ndarray, got a list"):
        ops.dense_forward(X, W, [0, 0, 0, 0])


@pytest.mark.parametrize("name", ops.activation_names())
def test_activation_gradients_are_those_of_central_differences(name):
    x = RNG.standard_normal((3, 4)) * 2
    x[np.abs(x) < 1e-3] = 0.5  # away from kinks
    dy, h = RNG.standard_normal(x.shape), 1e-6
    numeric = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[i] = h
        difference = ops.activation_forward(x + step, name) - ops.activation_forward(x - step, name)
        numeric[i] = (dy * difference).sum() / (2 * h)
    assert np.allclose(ops.activation_backward(dy, x, name), numeric, rtol=1e-6, atol=1e-7)


def test_activation_errors():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match="^activation_forward: .*nonsense.*relu"):
        ops.activation_forward(x, "nonsense")
    with pytest.raises(TypeError, match="^activation_forward: activation must be a name"):
        ops.activation_forward(x, np.tanh)
    with pytest.raises(ValueError, match="^activation_backward: "):
        ops.activation_backward(x, np.ones((3, 2)), "relu")
    with pytest.raises(ValueError, match="^activation_forward: x has 7 axes"):
        ops.activation_forward(np.ones((1,) * 7), "relu")
    with pytest.raises(ValueError, match="^activation_forward: "):
        ops.activation_forward(np.ones(()), "softmax")
    assert ops.activation_forward(np.array(-1.0), "relu").shape == ()


@pytest.mark.parametrize("labels", [[1, 0, 3], np.array([[1], [0], [3]], "u1"), np.eye(4)[[1, 0, 3]], np.array([1.0, 0, 3])])
def test_softmax_cross_entropy(labels):
    logits = RNG.standard_normal((3, 4)) * 5
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    one_hot = np.eye(4)[[1, 0, 3]]
    loss, dlogits = ops.softmax_cross_entropy(logits, labels)
    assert isinstance(loss, float) and np.isclose(loss, -(one_hot * np.log(p)).sum() / 3, rtol=1e-12)
    assert_close(dlogits, (p - one_hot) / 3, np.float64)
    assert ops.softmax_cross_entropy(np.array([[1e4, 0.0]], "f4"), [1])[0] == 1e4  # does not overflow


@pytest.mark.parametrize(
    "labels, error",
    [
        ([0, 1], ValueError),
        ([0, 1, 4], ValueError),
        ([0, 1, -1], ValueError),
        ([0, 1, 2**40], ValueError),
        ([0, 1, 0.5], ValueError),
        ([0, 1, np.nan], ValueError),
        (np.zeros((3, 4)), ValueError),
        (np.ones((3, 4)), ValueError),
        (np.ones((3, 2)), ValueError),
        (np.zeros((3, 1, 1)), ValueError),
        (1, ValueError),
        (["a", "b", "c"], TypeError),
        (None, TypeError),
    ],
    ids=repr,
)
def test_wrong_labels(labels, error):
    with pytest.raises(error, match="^softmax_cross_entropy: .*label"):
        ops.softmax_cross_entropy(np.zeros((3, 4)), labels)
