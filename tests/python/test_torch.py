"""The operations against PyTorch, where it is installed."""

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hubel
import reference
from cases import conv_cases, pool_cases, random_array
from hubel import ops

torch = pytest.importorskip("torch")

# PyTorch's own float32 results differ from the exact ones by about this share of the largest value.
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 4e-5}


def channels_first(array):
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2))).requires_grad_()


def channels_last(tensor):
    return tensor.detach().numpy().transpose(0, 2, 3, 1)


def assert_alike(ours, theirs):
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if ours.size:
        assert np.abs(ours - theirs).max() <= TOLERANCE[ours.dtype] * max(np.abs(theirs).max(), 1e-300)


@settings(max_examples=100)
@given(conv_cases(extras=True), st.integers(0, 2**32 - 1))
def test_convolution(case, seed):
    A_prev, W, b, options = case
    effective = [(k - 1) * d + 1 for k, d in zip(W.shape, options["dilation"])]
    (top, bottom), (left, right) = reference.pads(options["padding"], A_prev.shape[1:3], effective, options["stride"])
    # In double: in float PyTorch 2.15's dW of padded 1x1 kernels with one channel is wrong now and then.
    x, bias = channels_first(A_prev.astype("d")), torch.from_numpy(b.ravel().astype("d")).requires_grad_()
    w = torch.from_numpy(np.ascontiguousarray(W.transpose(3, 2, 0, 1).astype("d"))).requires_grad_()
    padded = torch.nn.functional.pad(x, (left, right, top, bottom))
    z = torch.nn.functional.conv2d(padded, w, bias, options["stride"], 0, options["dilation"], options["groups"])
    Z = ops.conv_forward(A_prev, W, b, **options)
    assert_alike(Z, channels_last(z).astype(Z.dtype))

    dZ = random_array(np.random.default_rng(seed), Z.shape, Z.dtype)
    z.backward(torch.from_numpy(np.ascontiguousarray(dZ.transpose(0, 3, 1, 2).astype("d"))))
    dA_prev, dW, db = ops.conv_backward(dZ, A_prev, W, b, **options)
    assert_alike(dA_prev, channels_last(x.grad).astype(Z.dtype))
    assert_alike(dW, w.grad.numpy().transpose(2, 3, 1, 0).astype(Z.dtype))
    assert_alike(db.ravel(), bias.grad.numpy().astype(Z.dtype))


@settings(max_examples=100)
@given(pool_cases(), st.integers(0, 2**32 - 1))
def test_pooling(case, seed):
    A_prev, kernel_shape, options = case
    x = channels_first(A_prev)
    pool = {"max": torch.nn.functional.max_pool2d, "avg": torch.nn.functional.avg_pool2d}[options["mode"]]
    a = pool(x, kernel_shape, options["stride"])
    A = hubel.pool_forward(A_prev, kernel_shape, **options)
    assert_alike(A, channels_last(a))
    dA = random_array(np.random.default_rng(seed), A.shape, A.dtype)
    a.backward(torch.from_numpy(np.ascontiguousarray(dA.transpose(0, 3, 1, 2))))
    assert_alike(hubel.pool_backward(dA, A_prev, kernel_shape, **options), channels_last(x.grad))


ACTIVATIONS = {
    "relu": torch.relu,
    "relu6": torch.nn.functional.relu6,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "celu": torch.nn.functional.celu,
    "selu": torch.selu,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "silu": torch.nn.functional.silu,
    "mish": torch.nn.functional.mish,
    "softplus": torch.nn.functional.softplus,
    "softsign": torch.nn.functional.softsign,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": torch.nn.functional.hardsigmoid,
    "hard_swish": torch.nn.functional.hardswish,
    "hard_tanh": torch.nn.functional.hardtanh,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = np.concatenate([np.linspace(-12, 12, 402), [0.0, -0.0, 3.0, -3.0, 6.0, 19.0]]).reshape(-1, 6)
    dy = np.random.default_rng(0).standard_normal(x.shape)
    t = torch.from_numpy(x.copy()).requires_grad_()
    y = ACTIVATIONS[name](t)
    assert np.allclose(ops.activation_forward(x, name), y.detach().numpy(), rtol=1e-12, atol=1e-12)
    y.backward(torch.from_numpy(dy))
    away = np.abs(np.abs(x) - 3) > 1e-9  # PyTorch takes the other side at hard_swish's kinks
    rtol = 1e-7 if name == "hard_sigmoid" else 1e-9  # PyTorch's 1/6 there is a single-precision one
    assert np.allclose(ops.activation_backward(dy, x, name)[away], t.grad.numpy()[away], rtol=rtol, atol=1e-12)


def test_loss():
    logits, labels = np.random.default_rng(1).standard_normal((50, 7)) * 4, np.arange(50) % 7
    t = torch.from_numpy(logits.copy()).requires_grad_()
    theirs = torch.nn.functional.cross_entropy(t, torch.from_numpy(labels))
    theirs.backward()
    ours, dlogits = ops.softmax_cross_entropy(logits, labels)
    assert np.isclose(ours, theirs.item(), rtol=1e-13)
    assert_alike(dlogits, t.grad.numpy())


def test_hue_is_torchvisions():
    """The shift is told by a pixel of red."""
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = np.random.default_rng(3).random((20, 4, 5, 3), dtype=np.float32)
    x[:, 0, 0] = (1, 0, 0)
    for image, out in zip(x, hubel.Augmentation(hue=0.5).apply(x)):
        r, g, b = (float(v) for v in out[0, 0])
        shift = colorsys.rgb_to_hsv(r, g, b)[0]
        theirs = functional.adjust_hue(torch.from_numpy(image.transpose(2, 0, 1).copy()), shift - (shift > 0.5))
        assert np.allclose(out, theirs.numpy().transpose(1, 2, 0), atol=1e-5)


def test_optimizers_step_alike():
    """A dense layer's weights after steps on the same batches; decoupled decay, where PyTorch has it."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((60, 5)).astype(np.float32), rng.standard_normal((60, 3)).astype(np.float32)
    optim, decay = torch.optim, {"lr": 0.01, "weight_decay": 0.3}
    for ours, theirs in [
        (
            hubel.Nadam(0.01, epsilon=1e-3, momentum_decay=0.004, weight_decay=0.3),
            lambda w: optim.NAdam(w, eps=1e-3, decoupled_weight_decay=True, **decay),
        ),
        (hubel.Adamax(0.01, epsilon=1e-12), lambda w: optim.Adamax(w, lr=0.01, eps=1e-12)),
        (hubel.Adadelta(0.5, epsilon=1e-4), lambda w: optim.Adadelta(w, lr=0.5, rho=0.95, eps=1e-4)),
        (
            hubel.Adam(0.01, beta_2=0.8, weight_decay=0.3, amsgrad=True),
            lambda w: optim.Adam(w, betas=(0.9, 0.8), amsgrad=True, **decay),
        ),
        (
            hubel.AdamW(0.01, beta_2=0.8, weight_decay=0.3, amsgrad=True),
            lambda w: optim.AdamW(w, betas=(0.9, 0.8), amsgrad=True, **decay),
        ),
        (hubel.RAdam(0.01, weight_decay=0.3), lambda w: optim.RAdam(w, **decay)),
        (hubel.RAdam(0.01, beta_2=0.7, epsilon=1e-3), lambda w: optim.RAdam(w, lr=0.01, betas=(0.9, 0.7), eps=1e-3)),
    ]:
        model = hubel.Sequential([hubel.Dense(3, use_bias=False)], (5,))
        weight = torch.from_numpy(model.get_weights()[0].copy()).requires_grad_()
        optimizer = theirs([weight])
        for begin in range(0, 60, 6):
            optimizer.zero_grad()
            error = torch.from_numpy(x[begin : begin + 6]) @ weight - torch.from_numpy(y[begin : begin + 6])
            (error**2).mean().backward()
            optimizer.step()
        model.compile(ours, "mse")
        model.fit(x, y, batch_size=6, shuffle=False, verbose=0)
        assert np.allclose(model.get_weights()[0], weight.detach().numpy(), rtol=1e-5, atol=2e-6), ours


def test_lenet5_trains_alike():
    """The same weights, batches and Adam: after some steps the weights still agree."""
    rng = np.random.default_rng(0)
    x, y = rng.random((96, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, 96)
    model = hubel.lenet5()
    weights = [torch.from_numpy(w.copy()).requires_grad_() for w in model.get_weights()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, eps=1e-8)
    f = torch.nn.functional
    for begin in range(0, 96, 32):
        k1, b1, k2, b2, w3, b3, w4, b4, w5, b5 = weights
        a = torch.from_numpy(x[begin : begin + 32].transpose(0, 3, 1, 2).copy())
        a = f.max_pool2d(torch.relu(f.conv2d(a, k1.permute(3, 2, 0, 1), b1, padding=2)), 2)
        a = f.max_pool2d(torch.relu(f.conv2d(a, k2.permute(3, 2, 0, 1), b2)), 2)
        a = a.permute(0, 2, 3, 1).reshape(32, -1)
        a = torch.relu(torch.relu(a @ w3 + b3) @ w4 + b4) @ w5 + b5
        optimizer.zero_grad()
        f.cross_entropy(a, torch.from_numpy(y[begin : begin + 32])).backward()
        optimizer.step()
    model.fit(x, y, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), weights):
        # Adam's step is about 1e-3 for every weight, also where the gradient is nearly 0 and its sign is rounding's.
        assert np.mean(np.abs(ours - theirs.detach().numpy()) < 1e-5) > 0.99
