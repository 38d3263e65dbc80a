"""Layers as descriptions, and networks made by calling them. What they compute is in test_torch_layers.py and in C++."""

import pickle

import numpy as np
import pytest

import hubel


def every_layer():
    return [
        hubel.Rescaling(0.5, offset=-1),
        hubel.Conv2D(4, 3, padding="same", bias_initializer="normal", name="first"),
        hubel.LocalResponseNorm(3, alpha=0.1),
        hubel.BatchNormalization(activation="relu"),
        hubel.DepthwiseConv2D(3, padding=1),
        hubel.GroupNormalization(2),
        hubel.GroupNormalization(-1),
        hubel.StochasticDepth(0.1),
        hubel.GaussianNoise(0.1),
        hubel.GaussianDropout(0.1),
        hubel.AlphaDropout(0.1),
        hubel.DepthToSpace(),
        hubel.SpaceToDepth(2),
        hubel.Padding2D(((1, 0), (0, 2)), "replicate"),
        hubel.Cropping2D(((1, 0), (0, 2))),
        hubel.Permute((2, 1, 3)),
        hubel.Dense(6),
        hubel.RMSNormalization(1e-5, gamma_initializer="random_uniform"),
        hubel.Permute((2, 1, 3)),
        hubel.ChannelSlice(1, 5),
        hubel.UnitNormalization(),
        hubel.LayerScale(0.5),
        hubel.Activation("mish"),
        hubel.LeakyReLU(),
        hubel.Conv2DTranspose(4, 2, strides=2),
        hubel.PReLU(),
        hubel.MaxPool2D(3, 2, padding=1, ceil_mode=True),
        hubel.SpatialDropout2D(0.1),
        hubel.ZeroPadding2D(((1, 0), (0, 2))),
        hubel.Cropping2D(1),
        hubel.UpSampling2D(2, "bilinear"),
        hubel.AvgPool2D(2, padding="same", count_include_pad=True),
        hubel.Resizing((6, 5), "bicubic"),
        hubel.AdaptiveMaxPool2D(4),
        hubel.SeparableConv2D(6, 3, name="apart"),
        hubel.LayerNormalization(gamma_initializer="truncated_normal"),
        hubel.ELU(),
        hubel.Reshape((2, 12)),
        hubel.MaxPool1D(2, 1, padding="same"),
        hubel.AveragePooling1D(1),
        hubel.Conv1D(3, 2),
        hubel.GlobalAvgPool1D(keepdims=True),
        hubel.GlobalMaxPool1D(keepdims=True),
        hubel.Reshape((1, 1, -1)),
        hubel.AdaptiveAvgPool2D(1),
        hubel.GlobalMaxPool2D(keepdims=True),
        hubel.GlobalAvgPool2D(),
        hubel.Dropout(0.2),
        hubel.Dense(3),
        hubel.Softmax(),
    ]


def test_every_layer_is_saved_pickled_and_printed(tmp_path):
    model = hubel.Sequential(every_layer(), (9, 8, 2), seed=4)
    x = np.random.default_rng(1).normal(size=(5, 9, 8, 2)).astype("f")
    path = tmp_path / "all.safetensors"
    model.save(path)
    loaded = hubel.load_model(path)
    assert loaded.layers == model.layers
    assert loaded.layer_names == model.layer_names
    assert "apart_pointwise" in model.layer_names
    assert isinstance(loaded, hubel.Sequential)
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.predict(x), model.predict(x))
    for layer in model.layers:
        assert eval(repr(layer), vars(hubel.layers)) == layer


def test_starting_values_by_name():
    vector = hubel.Input((6,))
    x = hubel.Dense(4, kernel_initializer="uniform", bias_initializer="ones")(vector)
    x = hubel.BatchNormalization(gamma_initializer="zeros")(x)
    weights = hubel.Model(vector, hubel.Dense(2, activation="celu", kernel_initializer="lecun_uniform")(x)).parameters()
    assert np.all(weights["dense_1.bias"] == 1) and np.all(weights["batch_norm_1.gamma"] == 0)
    assert 0 < np.abs(weights["dense_1.kernel"]).max() <= 0.05
    assert 0.05 < np.abs(weights["dense_2.kernel"]).max() <= (3 / 4) ** 0.5
    assert hubel.Dense(1, "celu") == hubel.Dense(1, "elu")
    assert hubel.Dense(1, kernel_initializer="normal").kernel_initializer == "random_normal"
    with pytest.raises(ValueError, match='Dense: initializer is "one" but must be one of .*truncated_normal'):
        hubel.Dense(1, bias_initializer="one")
    with pytest.raises(TypeError, match="BatchNormalization: gamma_initializer must be a name"):
        hubel.BatchNormalization(gamma_initializer=1.0)


def test_every_layer_trains():
    model = hubel.Sequential(every_layer(), (9, 8, 2), seed=4)
    random = np.random.default_rng(1)
    history = model.fit(random.normal(size=(40, 9, 8, 2)), random.integers(0, 3, 40), epochs=2, verbose=0)
    assert np.all(np.isfinite(history.history["loss"]))
    running = model.parameters()["batch_norm_1.running_mean"]
    assert np.any(running != 0)


def test_merges_are_saved_and_say_what_does_not_fit(tmp_path):
    image = hubel.Input((4, 3, 2))
    x = hubel.Conv2D(2, 1)(image)
    for merge in (hubel.Subtract, hubel.Average, hubel.Maximum, hubel.Minimum):
        x = merge()([x, image])
        with pytest.raises(ValueError, match=r"\(4, 3, 2\) and \(2, 1, 2\)"):
            merge()([x, hubel.MaxPool2D(2)(image)])
    model = hubel.Model(image, x)
    assert [name for name in model.layer_names[1:]] == ["subtract_1", "average_1", "maximum_1", "minimum_1"]
    model.save(tmp_path / "m.safetensors")
    loaded = hubel.load_model(tmp_path / "m.safetensors")
    data = np.random.default_rng(1).normal(size=(3, 4, 3, 2)).astype("f")
    assert loaded.layers == model.layers
    assert np.array_equal(loaded.predict(data), model.predict(data))
    with pytest.raises(ValueError, match="3 inputs, it takes two"):
        hubel.Subtract()([image, image, image])


def residual():
    image = hubel.Input((8, 8, 3))
    x = hubel.Conv2D(4, 3, padding="same", name="stem")(image)
    y = hubel.Conv2D(4, 3, padding="same")(x, "branch")
    x = hubel.Add(activation="relu")([x, y])
    return image, hubel.Dense(2)(hubel.GlobalAvgPool2D()(x))


def test_a_branching_model_is_saved_and_pickled(tmp_path):
    model = hubel.Model(*residual(), seed=1, name="small")
    x = np.random.default_rng(1).normal(size=(3, 8, 8, 3))
    model.save(tmp_path / "m.safetensors")
    loaded = hubel.load_model(tmp_path / "m.safetensors")
    assert type(loaded) is hubel.Model
    assert loaded.name == "small"
    assert model.layer_names == ["stem", "branch", "add_1", "global_avg_pool2d_1", "dense_1"]
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.predict(x), model.predict(x))


def test_values_know_their_shapes():
    image, output = residual()
    assert image.shape == (8, 8, 3)
    assert output.shape == (2,)
    assert "Dense" in repr(output)
    assert hubel.Input(5).shape == (5,)


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: hubel.Input("abc"), TypeError, "Input: shape"),
        (lambda: hubel.Input((0, 3)), ValueError, "Input"),
        (lambda: hubel.Dense(3)(np.zeros((2, 3))), TypeError, "Dense: a layer is called on"),
        (lambda: hubel.Permute((1, 1, 2))(hubel.Input((4, 4, 1))), ValueError, r"Permute: dims is \(1, 1, 2\)"),
        (lambda: hubel.Permute("hwc"), TypeError, "Permute: dims must be a tuple"),
        (lambda: hubel.ChannelSlice(0, 3)(hubel.Input((4, 4, 2))), ValueError, "ChannelSlice: begin = 0 and end = 3"),
        (lambda: hubel.Padding2D(4)(hubel.Input((4, 4, 2))), ValueError, "Padding2D: .*at most 3"),
        (lambda: hubel.Padding2D(1, "edge"), ValueError, 'Padding2D: mode is "edge" but must be one of reflect'),
        (lambda: hubel.Padding2D("same"), ValueError, "Padding2D: padding must be numbers"),
        (lambda: hubel.GaussianNoise(-1)(hubel.Input(3)), ValueError, "GaussianNoise: stddev = -1"),
        (lambda: hubel.AlphaDropout(1)(hubel.Input(3)), ValueError, "AlphaDropout: rate = 1"),
        (lambda: hubel.DepthToSpace()(hubel.Input((4, 4, 2))), ValueError, "DepthToSpace: the 2 channels"),
        (lambda: hubel.Add()(hubel.Input(3)), ValueError, "Add: .*two or more"),
        (lambda: hubel.Add()([hubel.Input(3), hubel.Input(4)]), ValueError, "one shape"),
        (lambda: hubel.Conv2D(2, 3, name=7), TypeError, "name must be"),
        (lambda: hubel.Model(hubel.Input(3), hubel.Input(3)), ValueError, "another hubel.Input|does not come"),
        (lambda: hubel.Model(3, hubel.Input(3)), TypeError, "inputs must be a value"),
        (lambda: hubel.Model(hubel.Input(3), hubel.Dense(2)(hubel.Input(3))), ValueError, "another hubel.Input"),
    ],
)
def test_what_does_not_fit_is_told(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_dense_along_the_last_axis():
    image = hubel.Input((4, 3, 5))
    model = hubel.Model(image, hubel.Dense(2, "softmax")(image))
    assert model.output_shape == (4, 3, 2)
    x = np.random.default_rng(1).normal(size=(6, 4, 3, 5)).astype("f")
    weights = model.parameters()
    z = np.exp(x @ weights["dense_1.kernel"] + weights["dense_1.bias"])
    assert np.allclose(model.predict(x), z / z.sum(axis=-1, keepdims=True), atol=1e-6)
    labels = np.random.default_rng(2).integers(0, 2, size=(6, 4, 3))
    assert np.isfinite(model.fit(x, labels, verbose=0).history["loss"]).all()  # a label for each pixel
    with pytest.raises(ValueError, match=r"labels have shape \(6,\), they must be \(m, 4, 3\); for one .* put Flatten"):
        model.fit(x, np.zeros(6, dtype=int), verbose=0)
    assert hubel.Dense(7)(hubel.Input((9, 5))).shape == (9, 7)


def test_noise_is_of_the_seed_and_only_in_training():
    x, y = np.random.default_rng(1).normal(size=(20, 6, 5, 4)).astype("f"), np.arange(20) % 3
    noise = [hubel.GaussianNoise(0.3), hubel.GaussianDropout(0.2), hubel.AlphaDropout(0.1)]
    losses = []
    for seed in (1, 1, 2):
        model = hubel.Sequential([*noise, hubel.Flatten(), hubel.Dense(3)], (6, 5, 4), seed=4)
        losses.append(model.fit(x, y, epochs=2, seed=seed, shuffle=False, verbose=0).history["loss"])
    assert losses[0] == losses[1] != losses[2]
    assert np.array_equal(hubel.Sequential(noise, (6, 5, 4)).predict(x), x)


def test_shuffled_channels():
    """ShuffleNet's: the channels of the groups one after another."""
    h, w, c, groups = 3, 2, 12, 4
    layers = [hubel.Reshape((h, w, groups, -1)), hubel.Permute((1, 2, 4, 3)), hubel.Reshape((h, w, -1))]
    x = np.random.default_rng(1).normal(size=(2, h, w, c)).astype("f")
    wanted = x.reshape(2, h, w, groups, c // groups).transpose(0, 1, 2, 4, 3).reshape(x.shape)
    assert np.array_equal(hubel.Sequential(layers, (h, w, c)).predict(x), wanted)


def test_a_layer_called_twice_has_the_same_weights(tmp_path):
    image = hubel.Input(3)
    shared, activation = hubel.Dense(3, name="shared"), hubel.Activation("relu", name="act")
    model = hubel.Model(image, activation(shared(activation(shared(image), name="own"))), seed=2)
    assert model.layer_names == ["shared", "own", "shared_2", "act"]
    assert list(model.parameters()) == ["shared.kernel", "shared.bias"] and model.count_params() == 12
    w, b = model.get_weights()
    x = np.random.default_rng(1).normal(size=(5, 3)).astype("f")
    wanted = np.maximum(np.maximum(x @ w + b, 0) @ w + b, 0)
    np.testing.assert_allclose(model.predict(x), wanted, rtol=1e-5, atol=1e-6)
    layers = model.layers
    assert layers[0] is layers[2] and layers[0] is not layers[1]
    for again in (
        hubel.Sequential([hubel.Input(3), *layers]),
        hubel.Sequential([shared, activation, shared, activation], (3,)),
        hubel.model_from_json(model.to_json()),
        pickle.loads(pickle.dumps(model)),
    ):
        assert again.count_params() == 12
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(x), model.predict(x))
    model.save(tmp_path / "shared.safetensors")
    loaded = hubel.load_model(tmp_path / "shared.safetensors")
    assert loaded.to_json() == model.to_json() and loaded.layer_names == model.layer_names
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_a_layer_called_twice_must_fit_both():
    a, b, shared = hubel.Input(3, name="a"), hubel.Input(2, name="b"), hubel.Dense(3, name="shared")
    with pytest.raises(ValueError, match=r"shared_2: it takes \(2,\).* weights of shared, which takes \(3,\)"):
        hubel.Model([a, b], hubel.Add()([shared(a), shared(b)]))
    with pytest.raises(ValueError, match="'twice' already"):
        hubel.Model(a, shared(shared(a, name="twice"), name="twice"))


def test_gradients_check_their_arguments():
    model = hubel.Model(*residual())
    x = np.zeros((2, 8, 8, 3))
    with pytest.raises(ValueError, match="gradients: dout has shape"):
        model.gradients(x, np.zeros((2, 3)))
    output, dx, gradients = model.gradients(x, np.ones((2, 2)))
    assert output.shape == (2, 2)
    assert dx.shape == x.shape
    assert set(gradients) == set(model.parameters())


def test_the_same_bits_on_any_number_of_threads():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(60, 9, 8, 2)), random.integers(0, 3, 60)
    weights = []
    for threads in (1, 2, 4):
        hubel.set_num_threads(threads)
        try:
            model = hubel.Sequential(every_layer(), (9, 8, 2), seed=4)
            model.fit(x, y, epochs=2, verbose=0)
            weights.append(model.get_weights())
        finally:
            hubel.set_num_threads(0)
    for other in weights[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(weights[0], other))
