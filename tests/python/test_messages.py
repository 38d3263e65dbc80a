"""What is wrong is said in the words of Python's users, where it is given, and what Keras accepts is accepted."""

import hubel
import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes

L = hubel.losses
IMAGE = hubel.Input((4, 4, 1))


def test_losses_are_checked_when_they_are_made():
    for make, said in (
        (lambda: L.Huber(delta=-1), "huber: delta is -1 but must be finite and above 0"),
        (lambda: L.BinaryCrossentropy(pos_weight=-1), "binary_crossentropy: pos_weight is -1"),
        (lambda: L.BinaryCrossentropy(label_smoothing=2), "binary_crossentropy: label_smoothing is 2"),
        (lambda: L.CategoricalCrossentropy(label_smoothing=-1), r"cross_entropy: label_smoothing is -1 .* \[0, 1\]"),
        (lambda: L.SparseCategoricalCrossentropy(label_smoothing=2), "cross_entropy: label_smoothing is 2"),
        (lambda: L.CategoricalFocalCrossentropy(alpha=-1), "categorical_focal_crossentropy: alpha is -1"),
        (lambda: L.CategoricalFocalCrossentropy(gamma=float("inf")), "categorical_focal_crossentropy: gamma is inf"),
        (lambda: L.BinaryFocalCrossentropy(gamma=-1), "binary_focal_crossentropy: gamma is -1"),
        (lambda: L.Tversky(alpha=-1), "tversky: alpha is -1"),
        (lambda: L.Tversky(beta=float("nan")), "tversky: beta is nan"),
    ):
        with pytest.raises(ValueError, match=f"^{said}"):
            make()


def test_losses_by_all_of_keras_s_names():
    for names, loss in (
        ("kld KLD kl_divergence kullback_leibler_divergence KLDivergence", L.KLDivergence()),
        ("mse MSE mean_squared_error MeanSquaredError", L.MeanSquaredError()),
        ("mae MAE mean_absolute_error MeanAbsoluteError", L.MeanAbsoluteError()),
        ("mape mean_absolute_percentage_error MeanAbsolutePercentageError", L.MeanAbsolutePercentageError()),
        ("msle mean_squared_logarithmic_error MeanSquaredLogarithmicError", L.MeanSquaredLogarithmicError()),
        ("bce BCE binary_crossentropy BinaryCrossentropy", L.BinaryCrossentropy()),
        ("binary_focal_crossentropy BinaryFocalCrossentropy", L.BinaryFocalCrossentropy()),
        ("categorical_crossentropy CategoricalCrossentropy", L.CategoricalCrossentropy()),
        ("categorical_focal_crossentropy CategoricalFocalCrossentropy", L.CategoricalFocalCrossentropy()),
        ("sparse_categorical_crossentropy SparseCategoricalCrossentropy", L.SparseCategoricalCrossentropy()),
        ("categorical_hinge CategoricalHinge", L.CategoricalHinge()),
        ("hinge Hinge", L.Hinge()),
        ("squared_hinge SquaredHinge", L.SquaredHinge()),
        ("huber Huber", L.Huber()),
        ("logcosh log_cosh LogCosh", L.LogCosh()),
        ("poisson Poisson", L.Poisson()),
        ("cosine_similarity CosineSimilarity", L.CosineSimilarity()),
        ("dice Dice", L.Dice()),
        ("tversky Tversky", L.Tversky()),
    ):
        for name in names.split():
            model = small_model()
            model.compile("adam", name)
            assert model.loss == loss, name


def test_poolings_say_what_was_given():
    for make, said in (
        (lambda: hubel.MaxPool2D(9)(IMAGE), "MaxPool2D: pool_size is (9, 9), larger than the input, which is 4 high"),
        (lambda: hubel.AvgPool2D(2, padding=2)(IMAGE), "AvgPool2D: padding is ((2, 2), (2, 2)) but each side must"),
        (lambda: hubel.MaxPool2D(0)(IMAGE), "MaxPool2D: pool_size = 0"),
    ):
        with pytest.raises(ValueError) as caught:
            make()
        assert str(caught.value).startswith(said)
        assert "A_prev" not in str(caught.value) and "kernel_shape" not in str(caught.value)


@pytest.mark.parametrize("shape", [np.int64(3), (np.int32(3),), [3], np.array([3])])
def test_inputs_take_integers_of_numpy(shape):
    value = hubel.Input(shape)
    assert value.shape == (3,) and type(value.shape[0]) is int


@pytest.mark.parametrize("shape", [(3, -1, 2), (0,), 0, -1, (), np.array([], int), (3, 0)], ids=str)
def test_inputs_have_extents_of_at_least_1(shape):
    with pytest.raises(ValueError, match=r"^Input: shape is \(.*\), it must have at least one extent"):
        hubel.Input(shape)


@pytest.mark.parametrize("shape", ["ab", None, 2.5, True, (2.5, 1), (True, 2), np.array([[2]]), {3}], ids=str)
def test_inputs_have_shapes_of_integers(shape):
    with pytest.raises(TypeError, match=r"^Input: shape must be a tuple of integers, such as \(28, 28, 1\), got "):
        hubel.Input(shape)


def test_names_are_texts():
    x = hubel.Input(4)
    y = hubel.Dense(2)(x)
    for who, make in (
        ("Model", lambda: hubel.Model(x, y, name=5)),
        ("Sequential", lambda: hubel.Sequential([hubel.Dense(2)], (4,), name=5)),
        ("Sequential", lambda: hubel.model_from_json(hubel.lenet5().to_json(), name=5)),
        ("up_to", lambda: hubel.lenet5().up_to(0, name=5)),
    ):
        with pytest.raises(TypeError, match=f"^{who}: name must be None or a str, got 5"):
            make()
    model = hubel.Model(x, y)
    with pytest.raises(TypeError, match="^name: it must be a str, got 5"):
        model.name = 5
    model.name = "five"
    assert "'five'" in repr(model)


def test_inputs_get_names_that_are_free():
    a, b, c = hubel.Input(4), hubel.Input(4, name="input"), hubel.Input(4)
    y = hubel.Dense(2, name="input_2")(hubel.Add()([a, b, c]))
    model = hubel.Model([a, b, c], y)
    assert model.input_names == ["input_3", "input", "input_4"]
    x = hubel.Input(4)
    assert hubel.Model(x, hubel.Dense(2, name="input")(x)).input_names == ["input_2"]


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict", "gradients", "layer_output", "train_on_batch"])
def test_one_input_in_a_list_or_dict(call):
    x, y = bars(20)
    calls = {
        "fit": lambda m, x: m.fit(x, y, verbose=0).history,
        "evaluate": lambda m, x: m.evaluate(x, y),
        "predict": lambda m, x: m.predict(x).tolist(),
        "gradients": lambda m, x: m.gradients(x, np.ones((20, 3)))[1].tolist(),
        "layer_output": lambda m, x: m.layer_output(x, 0).tolist(),
        "train_on_batch": lambda m, x: m.train_on_batch(x, y),
    }
    results = []
    for given in (x, [x], (x,), {"input": x}):
        model = small_model()
        results.append((calls[call](model, given), weight_bytes(model)))
    assert all(result == results[0] for result in results)
    if call != "predict":  # which takes batches
        with pytest.raises(TypeError, match=f"^{call}: x must be a numpy.ndarray, got a list"):
            calls[call](small_model(), list(x))
    with pytest.raises(ValueError, match=f"^{call}: x must be for input; got image"):
        calls[call](small_model(), {"image": x})


def test_one_output_in_a_list():
    x, y = bars(20)
    model = small_model()
    assert model.evaluate([x], [y]) == model.evaluate(x, y) == model.evaluate({"input": x}, {"dense_1": y})
    rows = np.eye(3)[y]
    assert model.evaluate(x[:1], [rows[0]]) == model.evaluate(x[:1], rows[:1])  # a list of rows, one here
    assert model.evaluate([([x], [y])]) == model.evaluate(x, y)
    for dout in ([np.ones((20, 3))], {"dense_1": np.ones((20, 3))}):
        assert np.array_equal(model.gradients(x, dout)[1], model.gradients(x, np.ones((20, 3)))[1])


def test_a_batch_may_be_a_list_of_samples():
    x, y = bars(20)
    model = small_model()
    wanted = model.evaluate([(x[:1], y[:1])])
    assert model.evaluate([([x[0]], y[:1])]) == wanted
    assert model.evaluate([(list(x), y)]) == model.evaluate(x, y)
    assert np.array_equal(model.predict([x[:5]], steps=1), model.predict(x[:5]))


def test_half_precision_is_taken_as_it_is():
    x, y = bars(20)
    halves = x.astype(np.float16)
    rounded = halves.astype(np.float32)
    model, other = small_model(), small_model()
    assert np.array_equal(model.predict(halves), model.predict(rounded))
    assert np.array_equal(model.layer_output(halves[::2], 0), model.layer_output(rounded[::2], 0))
    assert model.evaluate([(halves, y)]) == model.evaluate(rounded, y)
    model.fit(halves, y, verbose=0)
    other.fit(rounded, y, verbose=0)
    assert weight_bytes(model) == weight_bytes(other)


def test_a_model_called_on_a_list_of_one_value():
    base = hubel.Sequential([hubel.Dense(2)], (4,), name="base")
    x = hubel.Input(4)
    for given in ([x], (x,), {"input": x}):
        assert hubel.Model(x, base(given)).layer_names == ["base/dense_1"]


def test_results_and_gradients_of_several_outputs_tell_which():
    x = hubel.Input(4)
    model = hubel.Model(x, [hubel.Dense(2, name="kind")(x), hubel.Dense(3, name="box")(x)])
    samples = np.zeros((5, 4))
    kind = np.zeros((5, 2), np.float32)
    for error, said, box in (
        (ValueError, r"out has shape \(5, 2\), it must be \(5, 3\)", kind),
        (TypeError, "out must be a float32 array, got float64", np.zeros((5, 3))),
        (ValueError, "out must be writeable and C-contiguous", np.zeros((3, 5), np.float32).T),
    ):
        with pytest.raises(error, match=rf"^predict \(box\): {said}"):
            model.predict(samples, out=[kind.copy(), box])
    with pytest.raises(ValueError, match=r"^gradients \(box\): dout has shape \(5, 2\), it must be \(5, 3\)"):
        model.gradients(samples, [kind, kind])
    with pytest.raises(TypeError, match=r"^gradients \(kind\): dout must be numbers"):
        model.gradients(samples, [["a"] * 5, kind])


def test_an_input_is_no_layer():
    x = bars(2)[0]
    model = small_model()
    for call in (lambda: model.layer_output(x, "input"), lambda: model.up_to("input")):
        with pytest.raises(ValueError, match=r"^(layer_output|up_to): 'input' is an input of the model"):
            call()


def test_drawings_are_svg(tmp_path):
    model = small_model()
    for name in ("a.svg", "a.SVG", "a"):
        assert model.plot(tmp_path / name) == (tmp_path / name).read_text()
    with pytest.raises(ValueError, match=r"^plot: a drawing is SVG, and path must end in .svg, not in .png$"):
        model.plot(tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_up_to_a_layer():
    x, y = bars(20)
    model = small_model()
    model.fit(x, y, verbose=0)
    model.freeze("conv2d_1.bias")
    part = model.up_to("max_pool2d_1", name="base")
    assert repr(part) == "<hubel.Sequential 'base', (8, 8, 1) -> (3, 3, 4), 40 parameters>"
    assert np.array_equal(part.predict(x), model.layer_output(x, "max_pool2d_1"))
    assert part.frozen == ["conv2d_1.bias"]
    assert model.up_to(-2).output_shape == (36,) and model.up_to(np.int64(1)).layer_names == part.layer_names
    image = hubel.Input((8, 8, 1))
    longer = hubel.Model(image, hubel.Dense(2, "softmax")(hubel.Flatten()(part(image))))
    before = model.get_weights()
    longer.fit(x, y % 2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    several = model.up_to(["conv2d_1", -1])
    first, last = several.predict(x)
    # What an output is of is not folded with its pooling, which may round otherwise.
    assert np.allclose(first, model.layer_output(x, 0), atol=1e-6) and np.allclose(last, model.predict(x), atol=1e-6)
    for error, said, call in (
        (ValueError, "up_to: no layer is named 'dense_9', there are conv2d_1", lambda: model.up_to("dense_9")),
        (IndexError, "up_to: layer = 9, the model has 4", lambda: model.up_to(9)),
        (TypeError, "up_to: layer must be an integer or a name, got 1.5", lambda: model.up_to(1.5)),
        (ValueError, "up_to: there are no layers", lambda: model.up_to([])),
        (ValueError, "Network: the output of conv2d_1 is there twice", lambda: model.up_to([0, 0])),
    ):
        with pytest.raises(error, match=f"^{said}"):
            call()


def test_a_network_of_the_zoo_without_its_last_layers(tmp_path):
    whole = hubel.zoo.mobilenet_v2(classes=10, input_shape=(32, 32, 3), seed=1)
    name = [layer for layer in whole.layer_names if "global_avg_pool2d" in layer][-1]
    base = whole.up_to(name)
    assert base.output_shape == (1280,) and base.name == whole.name
    x = np.random.default_rng(0).random((3, 32, 32, 3), dtype=np.float32)
    made = whole.layer_output(x, name)
    assert np.array_equal(base.layer_output(x, name), made)
    assert np.allclose(base.predict(x), made, atol=1e-4)  # where norms are folded into convolutions, layer after layer
    weights = whole.parameters()
    assert all(np.array_equal(value, weights[key]) for key, value in base.parameters().items())
    base.save(tmp_path / "base.safetensors")
    assert np.array_equal(hubel.load_model(tmp_path / "base.safetensors").predict(x), base.predict(x))
