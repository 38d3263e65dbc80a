"""Layers and small graphs beside PyTorch, where it is installed: output, gradients with respect to input and weights."""

import numpy as np
import pytest

import hubel
from hubel import losses

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


def close(got, wanted, what):
    wanted = wanted.detach().numpy()
    assert got.shape == wanted.shape, what
    scale = max(np.abs(wanted).max(initial=0), 1e-3)
    worst = np.abs(got - wanted).max(initial=0) / scale
    assert worst < 3e-5, f"{what}: {worst}"


def channels_first(x):
    return torch.movedim(x, -1, 1)


def channels_last(x):
    return torch.movedim(x, 1, -1)


def run(layer, x, weights):
    """hubel's output and gradients for a layer on x, with these weights; a random dL/d(output)."""
    model = hubel.Sequential([layer], x.shape[1:])
    if weights:
        model.set_weights({**model.parameters(), **{f"{model.layer_names[0]}.{k}": v for k, v in weights.items()}})
    rng = np.random.default_rng(1)
    dout = rng.normal(size=(len(x), *model.output_shape)).astype("f")
    output, dx, gradients = model.gradients(x, dout)
    return output, dx, {name.split(".")[1]: g for name, g in gradients.items()}, torch.from_numpy(dout)


def compare(layer, x, torch_forward, weights=(), no_gradient=()):
    """torch_forward(x, weights), channels last, against the layer, forward and backward."""
    weights = dict(weights)
    output, dx, gradients, dout = run(layer, x, weights)
    tx = torch.from_numpy(x).requires_grad_()
    tw = {k: torch.from_numpy(v).requires_grad_(k not in no_gradient) for k, v in weights.items()}
    ty = torch_forward(tx, tw)
    close(output, ty, "output")
    ty.backward(dout)
    close(dx, tx.grad, "dx")
    for name, w in tw.items():
        if name not in no_gradient:
            close(gradients[name], w.grad, name)


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f")


CONVOLUTIONS = [
    dict(filters=5, kernel_size=3),
    dict(filters=4, kernel_size=(3, 2), strides=(2, 1), padding=((1, 1), (2, 2))),
    dict(filters=6, kernel_size=3, padding=2, dilation_rate=2, groups=3),
    dict(filters=12, kernel_size=1, strides=3, groups=2, use_bias=False),
    dict(filters=8, kernel_size=5, strides=2, padding=2),
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_conv2d(options):
    layer = hubel.Conv2D(**options)
    x = images(3, 9, 11, 6)
    weights = {"kernel": images(*layer.kernel_size, 6 // layer.groups, layer.filters, seed=1)}
    if layer.use_bias:
        weights["bias"] = images(layer.filters, seed=2)
    sides = layer.padding if layer.padding != "valid" else ((0, 0), (0, 0))
    (top, bottom), (left, right) = sides

    def forward(tx, w):
        padded = F.pad(channels_first(tx), (left, right, top, bottom))
        kernel = w["kernel"].permute(3, 2, 0, 1)
        y = F.conv2d(padded, kernel, w.get("bias"), layer.strides, 0, layer.dilation_rate, layer.groups)
        return channels_last(y)

    compare(layer, x, forward, weights)


@pytest.mark.parametrize(
    "options",
    [
        dict(kernel_size=3),
        dict(kernel_size=(5, 3), strides=2, padding=((2, 2), (1, 1))),
        dict(kernel_size=3, depth_multiplier=2),
        dict(kernel_size=3, padding=2, dilation_rate=2, depth_multiplier=3, use_bias=False),
    ],
    ids=str,
)
def test_depthwise_conv2d(options):
    layer = hubel.DepthwiseConv2D(**options)
    x = images(2, 8, 9, 5)
    weights = {"kernel": images(*layer.kernel_size, 1, 5 * layer.depth_multiplier, seed=1)}
    if layer.use_bias:
        weights["bias"] = images(5 * layer.depth_multiplier, seed=2)
    (top, bottom), (left, right) = layer.padding if layer.padding != "valid" else ((0, 0), (0, 0))

    def forward(tx, w):
        padded = F.pad(channels_first(tx), (left, right, top, bottom))
        y = F.conv2d(padded, w["kernel"].permute(3, 2, 0, 1), w.get("bias"), layer.strides, 0, layer.dilation_rate, 5)
        return channels_last(y)

    compare(layer, x, forward, weights)


@pytest.mark.parametrize(
    "options",
    [
        dict(filters=4, kernel_size=3),
        dict(filters=4, kernel_size=2, strides=2),
        dict(filters=6, kernel_size=(4, 3), strides=(2, 3), padding=1, output_padding=(1, 2), groups=2),
        dict(filters=3, kernel_size=3, strides=2, padding=1, output_padding=1, dilation_rate=2, use_bias=False),
        dict(filters=5, kernel_size=1, strides=3),
    ],
    ids=str,
)
def test_conv2d_transpose(options):
    layer = hubel.Conv2DTranspose(**options)
    x = images(2, 5, 4, 6)
    weights = {"kernel": images(*layer.kernel_size, layer.filters // layer.groups, 6, seed=1)}
    if layer.use_bias:
        weights["bias"] = images(layer.filters, seed=2)
    padding = 0 if layer.padding == "valid" else (layer.padding[0][0], layer.padding[1][0])

    def forward(tx, w):
        y = F.conv_transpose2d(
            channels_first(tx),
            w["kernel"].permute(3, 2, 0, 1),
            w.get("bias"),
            layer.strides,
            padding,
            layer.output_padding,
            layer.groups,
            layer.dilation_rate,
        )
        return channels_last(y)

    compare(layer, x, forward, weights)


@pytest.mark.parametrize(
    "options",
    [
        dict(filters=4, kernel_size=3),
        dict(filters=6, kernel_size=5, strides=2, padding=((0, 0), (2, 2)), groups=2),
        dict(filters=3, kernel_size=3, dilation_rate=3, use_bias=False),
    ],
    ids=str,
)
def test_conv1d(options):
    layer = hubel.Conv1D(**options)
    x = images(3, 17, 4)
    weights = {"kernel": images(layer.kernel_size, 4 // layer.groups, layer.filters, seed=1)}
    if layer.use_bias:
        weights["bias"] = images(layer.filters, seed=2)
    padding = 0 if layer.padding == "valid" else layer.padding[1][0]

    def forward(tx, w):
        kernel = w["kernel"].permute(2, 1, 0)
        y = F.conv1d(
            channels_first(tx), kernel, w.get("bias"), layer.strides, padding, layer.dilation_rate, layer.groups
        )
        return channels_last(y)

    compare(layer, x, forward, weights)


POOLS = [
    dict(pool_size=2),
    dict(pool_size=3, strides=2),
    dict(pool_size=3, strides=2, padding=1),
    dict(pool_size=(3, 2), strides=(1, 2), padding=((1, 1), (1, 1)), ceil_mode=True),
    dict(pool_size=3, strides=3, ceil_mode=True),
    dict(pool_size=2, strides=4),
]


@pytest.mark.parametrize("options", POOLS, ids=str)
def test_max_pool2d(options):
    layer = hubel.MaxPool2D(**options)
    padding = 0 if layer.padding == "valid" else (layer.padding[0][0], layer.padding[1][0])

    def forward(tx, _):
        y = F.max_pool2d(channels_first(tx), layer.pool_size, layer.strides, padding, 1, layer.ceil_mode)
        return channels_last(y)

    compare(layer, images(2, 9, 10, 5), forward)


@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("options", POOLS, ids=str)
def test_avg_pool2d(options, count_include_pad):
    layer = hubel.AvgPool2D(**options, count_include_pad=count_include_pad)
    padding = 0 if layer.padding == "valid" else (layer.padding[0][0], layer.padding[1][0])

    def forward(tx, _):
        y = F.avg_pool2d(
            channels_first(tx), layer.pool_size, layer.strides, padding, layer.ceil_mode, count_include_pad
        )
        return channels_last(y)

    compare(layer, images(2, 9, 10, 5), forward)


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (7, 7), (12, 1)])
def test_adaptive_pool2d(size):
    x = images(2, 9, 10, 5)
    compare(
        hubel.AdaptiveAvgPool2D(size), x, lambda tx, _: channels_last(F.adaptive_avg_pool2d(channels_first(tx), size))
    )
    compare(
        hubel.AdaptiveMaxPool2D(size), x, lambda tx, _: channels_last(F.adaptive_max_pool2d(channels_first(tx), size))
    )


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pool2d(keepdims):
    x = images(2, 9, 10, 5)
    compare(hubel.GlobalAvgPool2D(keepdims), x, lambda tx, _: tx.mean((1, 2), keepdim=keepdims))
    compare(hubel.GlobalMaxPool2D(keepdims), x, lambda tx, _: tx.amax((1, 2), keepdim=keepdims))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [2, (3, 1), (1, 4)])
def test_upsampling2d(size, interpolation, align_corners):
    x = images(2, 5, 4, 3)
    layer = hubel.UpSampling2D(size, interpolation, align_corners)
    factors = tuple(float(s) for s in layer.size)

    def forward(tx, _):
        y = F.interpolate(channels_first(tx), scale_factor=factors, mode=interpolation, align_corners=align_corners)
        return channels_last(y)

    compare(layer, x, forward)
    compare(
        hubel.UpSampling2D(size), x, lambda tx, _: channels_last(F.interpolate(channels_first(tx), scale_factor=factors))
    )


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(7, 9), (3, 2), (10, 4)])
def test_resizing(size, interpolation):
    compare(
        hubel.Resizing(size, interpolation),
        images(2, 5, 4, 6),
        lambda tx, _: channels_last(F.interpolate(channels_first(tx), size, mode=interpolation, align_corners=False)),
    )


def test_padding_cropping_and_reshape():
    x = images(2, 6, 7, 3)
    compare(hubel.ZeroPadding2D(((1, 2), (0, 3))), x, lambda tx, _: F.pad(tx, (0, 0, 0, 3, 1, 2)))
    compare(hubel.Cropping2D(((1, 2), (0, 3))), x, lambda tx, _: tx[:, 1:4, :4])
    compare(hubel.Reshape((3, -1)), x, lambda tx, _: tx.reshape(2, 3, -1))
    compare(hubel.Flatten(), x, lambda tx, _: tx.reshape(2, -1))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("sides", [((1, 2), (0, 3)), ((5, 5), (6, 6)), ((0, 0), (4, 1))])
def test_padding_with_pixels_of_the_image(sides, mode):
    (top, bottom), (left, right) = sides

    def forward(tx, _):
        return channels_last(F.pad(channels_first(tx), (left, right, top, bottom), mode=mode))

    compare(hubel.Padding2D(sides, mode), images(2, 6, 7, 3), forward)


@pytest.mark.parametrize("r", [2, 3])
def test_depth_to_space(r):
    """Channels lie in another order than PixelShuffle's."""
    c = 2
    order = [a * c + k for k in range(c) for a in range(r * r)]  # of each of PixelShuffle's channels ours
    deep, wide = images(2, 3, 4, c * r * r), images(2, 3 * r, 4 * r, c)
    compare(
        hubel.DepthToSpace(r), deep, lambda tx, _: channels_last(F.pixel_shuffle(channels_first(tx[..., order]), r))
    )
    back = np.argsort(order)
    compare(
        hubel.SpaceToDepth(r), wide, lambda tx, _: channels_last(F.pixel_unshuffle(channels_first(tx), r))[..., back]
    )


def test_orders_of_axes_and_slices():
    x = images(2, 6, 7, 5)
    compare(hubel.Permute((3, 1, 2)), x, lambda tx, _: tx.permute(0, 3, 1, 2))
    compare(hubel.Permute((2, 1, 3)), x, lambda tx, _: tx.transpose(1, 2))
    compare(hubel.ChannelSlice(1, 4), x, lambda tx, _: tx[..., 1:4])


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("shape", [(5, 4, 6), (9, 6), (3, 2, 4, 6)])
def test_dense_along_the_last_axis(shape, use_bias):
    weights = {"kernel": images(6, 7, seed=1)}
    if use_bias:
        weights["bias"] = images(7, seed=2)
    layer = hubel.Dense(7, "silu", use_bias=use_bias)
    compare(layer, images(3, *shape), lambda tx, w: F.silu(F.linear(tx, w["kernel"].T, w.get("bias"))), weights)


def test_activations_with_numbers():
    x = images(2, 6, 7, 3)
    compare(hubel.LeakyReLU(0.2), x, lambda tx, _: F.leaky_relu(tx, 0.2))
    compare(hubel.ELU(1.7), x, lambda tx, _: F.elu(tx, 1.7))
    for shared in (False, True):
        alpha = {"alpha": images(1 if shared else 3, seed=3)}
        compare(
            hubel.PReLU(shared), x, lambda tx, w: channels_last(F.prelu(channels_first(tx), w["alpha"])), alpha
        )


@pytest.mark.parametrize("name", ["relu", "relu6", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign",
                                  "sigmoid", "hardsigmoid", "hardswish", "hardtanh", "tanh", "softmax", "log_softmax"])
def test_activations(name):
    ours = {"hardsigmoid": "hard_sigmoid", "hardswish": "hard_swish", "hardtanh": "hard_tanh"}.get(name, name)
    options = {"dim": -1} if "softmax" in name else {}
    compare(hubel.Activation(ours), images(2, 4, 5, 7), lambda tx, _: getattr(F, name)(tx, **options))


def test_pooling_of_sequences():
    x = images(3, 11, 4)
    options = dict(pool_size=3, strides=2, padding=((0, 0), (1, 1)))
    compare(hubel.MaxPool1D(**options), x, lambda tx, _: channels_last(F.max_pool1d(channels_first(tx), 3, 2, 1)))
    compare(
        hubel.AvgPool1D(**options, ceil_mode=True, count_include_pad=True),
        x,
        lambda tx, _: channels_last(F.avg_pool1d(channels_first(tx), 3, 2, 1, True, True)),
    )
    compare(hubel.AveragePooling1D(4), x, lambda tx, _: channels_last(F.avg_pool1d(channels_first(tx), 4)))
    compare(hubel.GlobalAvgPool1D(), x, lambda tx, _: tx.mean(1))
    compare(hubel.GlobalMaxPool1D(keepdims=True), x, lambda tx, _: tx.amax(1, keepdim=True))


def test_local_response_norm():
    x = images(2, 5, 6, 9) * 3
    for options in (dict(), dict(size=3, alpha=0.5, beta=1.5, k=2.0), dict(size=4, alpha=1.0)):
        layer = hubel.LocalResponseNorm(**options)
        compare(
            layer,
            x,
            lambda tx, _, layer=layer: channels_last(
                F.local_response_norm(channels_first(tx), layer.size, layer.alpha, layer.beta, layer.k)
            ),
        )


def test_rescaling_and_instance_normalization():
    x = images(3, 5, 4, 6) * 2 + 1
    compare(hubel.Rescaling(-0.5, 3), x, lambda tx, _: -0.5 * tx + 3)
    weights = {"gamma": images(6, seed=1), "beta": images(6, seed=2)}
    compare(
        hubel.GroupNormalization(-1, 1e-5),
        x,
        lambda tx, w: channels_last(F.instance_norm(channels_first(tx), None, None, w["gamma"], w["beta"], eps=1e-5)),
        weights,
    )


@pytest.mark.parametrize("merge", ["Subtract", "Average", "Maximum", "Minimum"])
def test_merges(merge):
    image = hubel.Input((5, 4, 3))
    a = hubel.Conv2D(3, 1)(image, "a")
    b = hubel.Conv2D(3, 1)(image, "b")
    x = getattr(hubel, merge)()([a, b])
    if merge != "Subtract":
        x = getattr(hubel, merge)()([x, image, b])

    def forward(tx, w):
        ta, tb = conv(tx, w, "a"), conv(tx, w, "b")
        if merge == "Subtract":
            return ta - tb
        if merge == "Average":
            return ((ta + tb) / 2 + tx + tb) / 3
        return {"Maximum": torch.amax, "Minimum": torch.amin}[merge](
            torch.stack([{"Maximum": torch.maximum, "Minimum": torch.minimum}[merge](ta, tb), tx, tb]), 0
        )

    compare_graph(image, x, forward, images(3, 5, 4, 3))


LOSSES = {
    "log_cosh": (losses.LogCosh(), lambda y, t: torch.log(torch.cosh(y - t)).mean()),
    "mape": (losses.MeanAbsolutePercentageError(), lambda y, t: 100 * ((y - t) / t).abs().mean()),
    "msle": (
        losses.MeanSquaredLogarithmicError(),
        lambda y, t: ((torch.log1p(y.clamp(min=1e-7)) - torch.log1p(t)) ** 2).mean(),
    ),
    "poisson": (losses.Poisson(), lambda y, t: F.poisson_nll_loss(y, t, log_input=False, eps=1e-7)),
    "focal": (
        losses.BinaryFocalCrossentropy(True, alpha=0.3, gamma=1.5, from_logits=True),
        lambda y, t: (
            (t * 0.3 + (1 - t) * 0.7)
            * (1 - (t * torch.sigmoid(y) + (1 - t) * (1 - torch.sigmoid(y)))) ** 1.5
            * F.binary_cross_entropy_with_logits(y, t, reduction="none")
        ).mean(),
    ),
    "cosine": (losses.CosineSimilarity(), lambda y, t: -F.cosine_similarity(y, t, -1).mean()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    """A step of gradient descent is the loss's gradient."""
    loss, theirs = LOSSES[name]
    x, t = images(20, 4) + 3, (images(20, 3, seed=1) > 0).astype("f") * 0.8 + 0.1
    model = hubel.Sequential([hubel.Dense(3)], x.shape[1:])
    before = {k: np.abs(v) if name == "poisson" else v for k, v in model.parameters().items()}
    model.set_weights(before)
    w = {k: torch.from_numpy(v.copy()).requires_grad_() for k, v in before.items()}
    value = theirs(torch.from_numpy(x) @ w["dense_1.kernel"] + w["dense_1.bias"], torch.from_numpy(t))
    value.backward()
    model.compile(hubel.SGD(1.0), loss)
    assert model.evaluate(x, t)[0] == pytest.approx(value.item(), rel=1e-5)
    model.fit(x, t, batch_size=20, epochs=1, verbose=0)
    for key, after in model.parameters().items():
        close(before[key] - after, w[key].grad, key)


@pytest.mark.parametrize("activation", [None, "relu", "silu"])
@pytest.mark.parametrize("center, scale", [(True, True), (False, True), (True, False), (False, False)])
def test_batch_normalization(center, scale, activation):
    layer = hubel.BatchNormalization(momentum=0.9, epsilon=1e-4, center=center, scale=scale, activation=activation)
    x = images(4, 6, 5, 7) * 3 + 2
    weights = {}
    if scale:
        weights["gamma"] = images(7, seed=1)
    if center:
        weights["beta"] = images(7, seed=2)
    running = {"running_mean": images(7, seed=3), "running_variance": np.abs(images(7, seed=4)) + 0.5}
    act = {None: lambda y: y, "relu": F.relu, "silu": F.silu}[activation]

    def forward(tx, w):
        y = F.batch_norm(channels_first(tx), None, None, w.get("gamma"), w.get("beta"), True, 0.1, 1e-4)
        return act(channels_last(y))

    compare(layer, x, forward, {**weights, **running}, no_gradient=running)
    # How the running statistics move, and what is computed with them.
    _, _, steps, _ = run(layer, x, {**weights, **running})
    mean, variance = torch.from_numpy(running["running_mean"].copy()), torch.from_numpy(running["running_variance"].copy())
    F.batch_norm(channels_first(torch.from_numpy(x)), mean, variance, None, None, True, 0.1, 1e-4)
    close(running["running_mean"] - steps["running_mean"], mean, "running_mean")
    close(running["running_variance"] - steps["running_variance"], variance, "running_variance")
    model = hubel.Sequential([layer], x.shape[1:])
    model.set_weights({f"batch_norm_1.{k}": v for k, v in {**weights, **running}.items()})
    tw = {k: torch.from_numpy(v) for k, v in {**weights, **running}.items()}
    y = F.batch_norm(
        channels_first(torch.from_numpy(x)),
        tw["running_mean"],
        tw["running_variance"],
        tw.get("gamma"),
        tw.get("beta"),
        False,
        0.1,
        1e-4,
    )
    close(model.predict(x), act(channels_last(y)), "inference")


def test_group_and_layer_normalization():
    x = images(3, 5, 4, 6) * 2 + 1
    for groups in (1, 2, 6):
        weights = {"gamma": images(6, seed=1), "beta": images(6, seed=2)}
        compare(
            hubel.GroupNormalization(groups, 1e-5),
            x,
            lambda tx, w, groups=groups: channels_last(
                F.group_norm(channels_first(tx), groups, w["gamma"], w["beta"], 1e-5)
            ),
            weights,
        )
    for axes in (1, 2, 3):
        shape = x.shape[4 - axes :]
        weights = {"gamma": images(*shape, seed=1), "beta": images(*shape, seed=2)}
        compare(
            hubel.LayerNormalization(axes, 1e-5),
            x,
            lambda tx, w, shape=shape: F.layer_norm(tx, shape, w["gamma"], w["beta"], 1e-5),
            weights,
        )


def test_root_mean_square_and_unit_normalization():
    x = images(3, 5, 4, 6) * 2 + 1
    compare(
        hubel.RMSNormalization(1e-3), x, lambda tx, w: F.rms_norm(tx, (6,), w["gamma"], 1e-3), {"gamma": images(6, seed=1)}
    )
    compare(hubel.RMSNormalization(scale=False), x, lambda tx, _: F.rms_norm(tx, (6,), None, 1e-6))
    compare(hubel.UnitNormalization(), x, lambda tx, _: F.normalize(tx, dim=-1))
    compare(hubel.LayerScale(), x, lambda tx, w: tx * w["gamma"], {"gamma": images(6, seed=1)})


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout(rate):
    """PyTorch's values, of what is kept and of what is not; which those are is random."""
    x = np.linspace(-1, 1, 4000, dtype="f")[None]
    ours, dx, _, dout = run(hubel.AlphaDropout(rate), x, {})
    tx = torch.from_numpy(x).requires_grad_()
    theirs = F.alpha_dropout(tx, rate, training=True)
    theirs.backward(dout)
    theirs, grad = theirs.detach().numpy(), tx.grad.numpy()
    dropped = theirs.min()
    kept = (ours > dropped + 1e-4) & (theirs > dropped + 1e-4)
    assert 0.8 * (1 - rate) ** 2 < kept.mean() < 1.2 * (1 - rate) ** 2
    assert ours.min() == pytest.approx(dropped, rel=1e-5)
    assert np.allclose(ours[kept], theirs[kept], atol=1e-5)
    assert np.allclose(dx[kept], grad[kept], atol=1e-5)
    assert np.all(dx[ours < dropped + 1e-4] == 0)


def compare_graph(inputs, outputs, torch_forward, x):
    """A branching model against torch_forward(x, {name: weight}), channels last."""
    model = hubel.Model(inputs, outputs, seed=3)
    rng = np.random.default_rng(2)
    dout = rng.normal(size=(len(x), *model.output_shape)).astype("f")
    output, dx, gradients = model.gradients(x, dout)
    tx = torch.from_numpy(x).requires_grad_()
    tw = {k: torch.from_numpy(v).requires_grad_() for k, v in model.parameters().items()}
    ty = torch_forward(tx, tw)
    close(output, ty, "output")
    ty.backward(torch.from_numpy(dout))
    close(dx, tx.grad, "dx")
    for name, w in tw.items():
        if "running" not in name:
            close(gradients[name], w.grad, name)


def conv(tx, w, name, **options):
    kernel = w[f"{name}.kernel"].permute(3, 2, 0, 1)
    return channels_last(F.conv2d(channels_first(tx), kernel, w.get(f"{name}.bias"), **options))


def norm(tx, w, name):
    y = F.batch_norm(channels_first(tx), None, None, w[f"{name}.gamma"], w[f"{name}.beta"], True, 0.1, 1e-3)
    return channels_last(y)


def test_a_residual_network():
    image = hubel.Input((10, 8, 3))
    x = hubel.Conv2D(8, 3, padding="same", use_bias=False)(image, "stem")
    x = hubel.BatchNorm(activation="relu")(x, "stem_norm")
    y = hubel.Conv2D(8, 3, padding=1, strides=2, use_bias=False)(x, "a")
    y = hubel.BatchNorm(activation="relu")(y, "a_norm")
    y = hubel.Conv2D(8, 3, padding="same", use_bias=False)(y, "b")
    y = hubel.BatchNorm()(y, "b_norm")
    s = hubel.Conv2D(8, 1, strides=2, use_bias=False)(x, "shortcut")
    s = hubel.BatchNorm()(s, "shortcut_norm")
    x = hubel.ReLU()(hubel.Add()([y, s]))
    x = hubel.Dense(4)(hubel.GlobalAvgPool2D()(x), "head")

    def forward(tx, w):
        t = F.relu(norm(conv(tx, w, "stem", padding=1), w, "stem_norm"))
        u = F.relu(norm(conv(t, w, "a", padding=1, stride=2), w, "a_norm"))
        u = norm(conv(u, w, "b", padding=1), w, "b_norm")
        v = norm(conv(t, w, "shortcut", stride=2), w, "shortcut_norm")
        t = F.relu(u + v).mean((1, 2))
        return t @ w["head.kernel"] + w["head.bias"]

    compare_graph(image, x, forward, images(5, 10, 8, 3))


def test_concatenation_and_squeeze_and_excitation():
    image = hubel.Input((8, 6, 4))
    a = hubel.Conv2D(5, 3, padding="same", activation="relu")(image, "a")
    b = hubel.MaxPool2D(3, 1, padding="same")(image)
    c = hubel.Concatenate()([a, image, b])
    s = hubel.GlobalAvgPool2D(keepdims=True)(c)
    s = hubel.Conv2D(3, 1, activation="silu")(s, "down")
    s = hubel.Conv2D(13, 1, activation="sigmoid")(s, "up")
    x = hubel.Multiply()([c, s])
    x = hubel.UpSampling2D(2, "bilinear")(x)
    x = hubel.Conv2D(2, 1)(x, "out")

    def forward(tx, w):
        ta = F.relu(conv(tx, w, "a", padding=1))
        tb = channels_last(F.max_pool2d(channels_first(tx), 3, 1, 1))
        tc = torch.cat([ta, tx, tb], -1)
        ts = torch.sigmoid(conv(F.silu(conv(tc.mean((1, 2), keepdim=True), w, "down")), w, "up"))
        t = F.interpolate(channels_first(tc * ts), scale_factor=2, mode="bilinear")
        return conv(channels_last(t), w, "out")

    compare_graph(image, x, forward, images(3, 8, 6, 4))


def test_a_unit_of_shufflenet():
    image = hubel.Input((7, 6, 8))
    half = hubel.ChannelSlice(4, 8)(image)
    half = hubel.Conv2D(4, 1, activation="relu")(half, "point")
    half = hubel.DepthwiseConv2D(3, padding="same")(half, "depth")
    x = hubel.Concatenate()([hubel.ChannelSlice(0, 4)(image), half])
    x = hubel.Permute((1, 2, 4, 3))(hubel.Reshape((7, 6, 2, 4))(x))
    x = hubel.Conv2D(3, 3)(hubel.Reshape((7, 6, 8))(x), "out")

    def forward(tx, w):
        t = F.relu(conv(tx[..., 4:], w, "point"))
        t = torch.cat([tx[..., :4], conv(t, w, "depth", padding=1, groups=4)], -1)
        return conv(channels_last(nn.ChannelShuffle(2)(channels_first(t))), w, "out")

    compare_graph(image, x, forward, images(3, 7, 6, 8))


def test_a_block_of_convnext():
    image = hubel.Input((9, 8, 5))
    x = hubel.DepthwiseConv2D(7, padding="same")(image, "depth")
    x = hubel.LayerNormalization(epsilon=1e-6)(x, "norm")
    x = hubel.Dense(20, "gelu")(x, "wide")
    x = hubel.LayerScale(0.3)(hubel.Dense(5)(x, "narrow"), "scale")
    x = hubel.Add()([x, image])

    def forward(tx, w):
        t = conv(tx, w, "depth", padding=3, groups=5)
        t = F.layer_norm(t, (5,), w["norm.gamma"], w["norm.beta"], 1e-6)
        t = F.gelu(F.linear(t, w["wide.kernel"].T, w["wide.bias"]))
        return w["scale.gamma"] * F.linear(t, w["narrow.kernel"].T, w["narrow.bias"]) + tx

    compare_graph(image, x, forward, images(3, 9, 8, 5))


def test_several_inputs_and_outputs():
    """A trunk whose features are an output and feed two heads, one of which takes a second input too."""
    image, place = hubel.Input((9, 7, 4)), hubel.Input(3)
    trunk = hubel.Conv2D(5, 3, activation="tanh", name="trunk")(image)
    pooled = hubel.GlobalAvgPool2D()(trunk)
    box = hubel.Dense(4, name="box")(hubel.Concatenate()([pooled, place]))
    classes = hubel.Dense(6, "softmax", name="classes")(pooled)
    model = hubel.Model([image, place], [classes, trunk, box])
    xs = [images(3, 9, 7, 4), images(3, 3, seed=1)]
    douts = [images(3, *shape, seed=2) for shape in model.output_shape]
    outputs, dxs, gradients = model.gradients(xs, douts)

    txs = [torch.from_numpy(x).requires_grad_() for x in xs]
    w = {name: torch.from_numpy(value).requires_grad_() for name, value in model.parameters().items()}
    features = F.conv2d(channels_first(txs[0]), w["trunk.kernel"].permute(3, 2, 0, 1), w["trunk.bias"])
    features = channels_last(torch.tanh(features))
    means = features.mean(dim=(1, 2))
    torch_box = torch.cat([means, txs[1]], dim=1) @ w["box.kernel"] + w["box.bias"]
    torch_classes = torch.softmax(means @ w["classes.kernel"] + w["classes.bias"], dim=1)
    torch_outputs = (torch_classes, features, torch_box)
    sum((y * torch.from_numpy(d)).sum() for y, d in zip(torch_outputs, douts)).backward()
    for got, wanted in zip(outputs, torch_outputs):
        close(got, wanted, "output")
    for got, tx in zip(dxs, txs):
        close(got, tx.grad, "dx")
    for name, value in w.items():
        close(gradients[name], value.grad, name)


def test_training_several_outputs():
    """A step of gradient descent on the weighted sum of three losses, of weighted samples."""
    image, place = hubel.Input((6, 5, 2)), hubel.Input(3)
    trunk = hubel.Conv2D(4, 3, activation="tanh", name="trunk")(image)
    both = hubel.Concatenate()([hubel.GlobalAvgPool2D()(trunk), place])
    outputs = [hubel.Dense(4, "softmax", name="kind")(both), trunk, hubel.Dense(2, name="box")(both)]
    model = hubel.Model([image, place], outputs)
    model.compile(hubel.SGD(0.5), ["sparse_categorical_crossentropy", "mse", "huber"], loss_weights=[1.0, 0.5, 2.0])
    xs = [images(7, 6, 5, 2), images(7, 3, seed=1)]
    labels, features, boxes = np.arange(7) % 4, images(7, 4, 3, 4, seed=2), images(7, 2, seed=3)
    weights = np.linspace(0, 2, 7, dtype="f")
    w = {name: torch.from_numpy(value).requires_grad_() for name, value in model.parameters().items()}
    history = model.fit(xs, [labels, features, boxes], batch_size=7, sample_weight=weights, verbose=0).history

    made = F.conv2d(channels_first(torch.from_numpy(xs[0])), w["trunk.kernel"].permute(3, 2, 0, 1), w["trunk.bias"])
    made = channels_last(torch.tanh(made))
    joined = torch.cat([made.mean(dim=(1, 2)), torch.from_numpy(xs[1])], dim=1)
    logits, box = joined @ w["kind.kernel"] + w["kind.bias"], joined @ w["box.kernel"] + w["box.bias"]
    of_samples = [
        F.cross_entropy(logits, torch.from_numpy(labels), reduction="none"),
        ((made - torch.from_numpy(features)) ** 2).mean(dim=(1, 2, 3)),
        F.huber_loss(box, torch.from_numpy(boxes), reduction="none").mean(dim=1),
    ]
    means = [(loss * torch.from_numpy(weights)).mean() for loss in of_samples]
    total = means[0] + 0.5 * means[1] + 2 * means[2]
    total.backward()
    for name, mean in zip(("loss", "kind_loss", "trunk_loss", "box_loss"), (total, *means)):
        assert history[name][0] == pytest.approx(mean.item(), rel=1e-5)
    for name, value in model.parameters().items():
        close(value, w[name] - 0.5 * w[name].grad, name)


def test_weights_that_layers_share():
    """A network that compares two images, whose tower has a convolution that it applies to what that makes."""
    image = hubel.Input((8, 7, 3))
    step = hubel.Conv2D(3, 3, padding="same", activation="tanh", name="step")
    tower = hubel.Model(image, hubel.Dense(5, "tanh", name="dense")(hubel.Flatten()(step(step(image)))), name="tower")
    left, right = hubel.Input((8, 7, 3), name="left"), hubel.Input((8, 7, 3), name="right")
    model = hubel.Model([left, right], hubel.Subtract()([tower(left), tower(right)]))
    assert list(model.parameters()) == [f"tower/{of}" for of in tower.parameters()]
    xs, dout = [images(4, 8, 7, 3, seed=seed) for seed in (1, 2)], images(4, 5, seed=3)
    output, dxs, gradients = model.gradients(xs, dout)

    w = {name: torch.from_numpy(value).requires_grad_() for name, value in tower.parameters().items()}
    txs = [torch.from_numpy(x).requires_grad_() for x in xs]

    def torch_tower(x):
        x = channels_first(x)
        for _ in range(2):
            x = torch.tanh(F.conv2d(x, w["step.kernel"].permute(3, 2, 0, 1), w["step.bias"], padding=1))
        return torch.tanh(channels_last(x).flatten(1) @ w["dense.kernel"] + w["dense.bias"])

    wanted = torch_tower(txs[0]) - torch_tower(txs[1])
    wanted.backward(torch.from_numpy(dout))
    close(output, wanted, "output")
    for got, tx in zip(dxs, txs):
        close(got, tx.grad, "dx")
    for name, value in w.items():
        close(gradients[f"tower/{name}"], value.grad, name)


def test_cross_entropy_of_outputs_that_are_probabilities_already():
    """A softmax behind a batch normalisation, one that feeds another output, and the mean of two, beside PyTorch."""
    x, labels = images(6, 5), np.arange(6) % 3
    image = hubel.Input(5)
    first = hubel.Dense(3, "softmax", name="first")(image)
    second = hubel.Softmax()(hubel.BatchNormalization(name="norm")(hubel.Dense(3, name="second")(image)))
    both = hubel.Average(name="both")([first, second])
    model = hubel.Model(image, [first, both, hubel.Dense(3, name="box")(second)])
    model.compile(hubel.SGD(0.5), ["sparse_categorical_crossentropy"] * 2 + ["mse"], loss_weights=[1.0, 2.0, 0.5])
    w = {name: torch.from_numpy(value).requires_grad_() for name, value in model.parameters().items()}
    targets = images(6, 3, seed=4)
    history = model.fit(x, [labels, labels, targets], batch_size=6, verbose=0).history

    tx, ty = torch.from_numpy(x), torch.from_numpy(labels)
    p = torch.softmax(tx @ w["first.kernel"] + w["first.bias"], 1)
    z = tx @ w["second.kernel"] + w["second.bias"]
    normed = (z - z.mean(0)) / torch.sqrt(z.var(0, unbiased=False) + 1e-3) * w["norm.gamma"] + w["norm.beta"]
    q = torch.softmax(normed, 1)
    box = q @ w["box.kernel"] + w["box.bias"]
    losses_ = [
        F.nll_loss(torch.log(p), ty),
        F.nll_loss(torch.log((p + q) / 2), ty),
        ((box - torch.from_numpy(targets)) ** 2).mean(),
    ]
    total = losses_[0] + 2 * losses_[1] + 0.5 * losses_[2]
    total.backward()
    for name, wanted in zip(("loss", "first_loss", "both_loss", "box_loss"), (total, *losses_)):
        assert history[name][0] == pytest.approx(wanted.item(), rel=1e-5)
    for name, value in model.parameters().items():
        if "running" not in name:
            close(value, w[name] - 0.5 * w[name].grad, name)
