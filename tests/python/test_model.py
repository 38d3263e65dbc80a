"""Models: training, evaluating, predicting, weights, files, copies, interruption."""

import copy
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import hubel

RNG = np.random.default_rng(11)


def small_model(seed=0, **options):
    layers = [hubel.Conv2D(4, 3, activation="relu"), hubel.MaxPool2D(), hubel.Flatten(), hubel.Dense(3, "softmax")]
    return hubel.Sequential(layers, input_shape=(8, 8, 1), seed=seed, **options)


def bars(count, seed=0):
    """Images (count, 8, 8, 1) with a bright bar at one of three heights, and which."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = rng.random((count, 8, 8, 1), dtype=np.float32) * 0.3
    for i, label in enumerate(y):
        x[i, 1 + 2 * label : 3 + 2 * label] += 0.7
    return x, y


def weight_bytes(model):
    return b"".join(w.tobytes() for w in model.get_weights())


# --- learning


def test_lenet5_learns_digits(mnist):
    model = hubel.lenet5()
    history = model.fit(mnist.X_train[:6000], mnist.Y_train[:6000], epochs=2, verbose=0)
    assert history.history["accuracy"][1] > history.history["accuracy"][0]
    assert model.evaluate(mnist.X_test[:2000], mnist.Y_test[:2000])[1] > 0.9
    probabilities = model.predict(mnist.X_test[:2000])
    assert probabilities.dtype == np.float32 and np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == mnist.Y_test[:2000]).mean() > 0.9


def test_lenet5_is_the_mission_s():
    model = hubel.lenet5()
    assert model.layers == [
        hubel.Conv2D(6, 5, padding="same", activation="relu"),
        hubel.MaxPool2D(2),
        hubel.Conv2D(16, (5, 5), padding="valid", activation="relu"),
        hubel.MaxPool2D((2, 2), strides=2),
        hubel.Flatten(),
        hubel.Dense(120, activation="relu"),
        hubel.Dense(84, activation="relu"),
        hubel.Dense(10, activation="softmax"),
    ]
    assert model.count_params() == 61706
    assert hubel.lenet5(classes=3, input_shape=(32, 32, 3)).output_shape == (3,)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "Adam", hubel.SGD(0.05, momentum=0.9, nesterov=True)])
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_optimizers_and_schedules_learn(optimizer, schedule):
    x, y = bars(600)
    model = small_model()
    if optimizer == "sgd":
        optimizer = hubel.SGD(learning_rate=0.1)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=15, verbose=0, schedule=schedule)
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]
    assert model.evaluate(x, y)[1] > 0.9


def test_hard_samples_again_after_a_warmup_skipping_what_is_learned(capsys):
    x, y = bars(300)
    model = small_model()
    model.compile(hubel.Adam(0.01, beta_2=0.99))
    options = dict(epochs=4, batch_size=10, schedule="linear", warmup=0.2, hard_share=0.2, skip_above=0.95, seed=3)
    model.fit(x, y, verbose=2, **options)
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert model.evaluate(x, y)[1] > 0.9
    again = small_model()
    again.compile(hubel.Adam(0.01, beta_2=0.99))
    assert again.fit(x, y, verbose=0, **options).history == model.history.history
    plain = small_model()
    plain.compile(hubel.Adam(0.01, beta_2=0.99))
    plain.fit(x, y, epochs=4, batch_size=10, verbose=0, seed=3)
    assert plain.history.history["accuracy"] != model.history.history["accuracy"]


def test_a_model_without_softmax_trains_on_its_logits():
    x, y = bars(300)
    with_softmax = small_model()
    without = hubel.Sequential([*with_softmax.layers[:-1], hubel.Dense(3)], (8, 8, 1))
    for model in (with_softmax, without):
        model.fit(x, y, verbose=0)
    assert weight_bytes(with_softmax) == weight_bytes(without)
    assert np.allclose(with_softmax.evaluate(x, y), without.evaluate(x, y))
    assert not np.allclose(without.predict(x[:1]).sum(), 1)


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    x, y = bars(200)
    runs = []
    try:
        for threads in (1, 2):
            hubel.set_num_threads(threads)
            model = small_model(seed=5)
            model.fit(x, y, epochs=2, verbose=0, seed=3)
            runs.append(weight_bytes(model))
    finally:
        hubel.set_num_threads(0)
    assert runs[0] == runs[1]
    model = small_model(seed=5)
    model.fit(x, y, epochs=2, verbose=0, seed=4)
    assert weight_bytes(model) != runs[0]
    assert weight_bytes(small_model(seed=6)) != weight_bytes(small_model(seed=5))


def test_each_fit_draws_another_order():
    x, y = bars(100)
    first, second = small_model(seed=4), small_model(seed=4)
    for seed in (4, 5):
        first.fit(x, y, verbose=0)
        second.fit(x, y, verbose=0, seed=seed)
    assert weight_bytes(first) == weight_bytes(second)
    ordered, again = small_model(), small_model()
    ordered.fit(x, y, verbose=0, shuffle=False, seed=1)
    again.fit(x, y, verbose=0, shuffle=False, seed=2)
    assert weight_bytes(ordered) == weight_bytes(again)


# --- samples and labels


def test_bytes_are_scaled_and_other_numbers_taken_as_they_are():
    model = small_model()
    pixels = RNG.integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    expected = model.predict(pixels.astype(np.float32) / np.float32(255))
    assert np.array_equal(model.predict(pixels), expected)
    assert np.array_equal(model.predict(pixels[..., 0]), expected)
    values = RNG.integers(-2, 3, (5, 8, 8, 1))
    for dtype in ("i1", "i8", ">i4", "f4", "f8", ">f8"):
        assert np.array_equal(model.predict(values.astype(dtype)), model.predict(values.astype(np.float32)))
    assert np.array_equal(model.predict(values > 0), model.predict((values > 0).astype(np.float32)))


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_samples_of_any_layout_train_alike(dtype):
    x, y = bars(64)
    x = (x * 100).astype(dtype)
    weights = []
    for laid_out in (x, np.asfortranarray(x), x[..., 0], np.repeat(x, 2, axis=0)[::2], x[::-1].copy()[::-1]):
        model = small_model()
        model.fit(laid_out, y, verbose=0)
        weights.append(weight_bytes(model))
    assert set(weights) == {weights[0]}


def test_labels_of_any_form_train_alike():
    x, y = bars(64)
    weights = []
    for labels in (y, y.tolist(), y[:, None], np.eye(3)[y], np.eye(3, dtype=bool)[y], y.astype("f4"), y.astype(">u2")):
        model = small_model()
        model.fit(x, labels, verbose=0)
        weights.append(weight_bytes(model))
        assert model.evaluate(x, labels) == model.evaluate(x, y)
    assert set(weights) == {weights[0]}


def test_no_samples_cannot_be_evaluated():
    with pytest.raises(ValueError, match="^evaluate: x has no samples"):
        small_model().evaluate(np.zeros((0, 8, 8, 1)), [])


@pytest.mark.parametrize(
    "x, error, said",
    [
        ([[0.0]], TypeError, "x must be a numpy.ndarray, got a list"),
        (None, TypeError, "x must be a numpy.ndarray, got None"),
        (np.ma.zeros((2, 8, 8, 1), "f2"), TypeError, "x must be a plain numpy.ndarray, got a Masked"),
        (np.zeros((2, 8, 8, 1), "c8"), TypeError, "x has dtype complex64"),
        (np.zeros((8, 8)), ValueError, r"x has shape \(8, 8\), it must be \(m, 8, 8, 1\)"),
        (np.zeros((2, 8, 7, 1)), ValueError, r"x has shape \(2, 8, 7, 1\)"),
        (np.zeros((2, 8, 8, 3)), ValueError, r"x has shape \(2, 8, 8, 3\)"),
        (np.zeros(()), ValueError, r"x has shape \(\)"),
        (np.zeros((8, 8, 1)), ValueError, r"x has shape \(8, 8, 1\), .*; for one sample give x\[None\]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_samples(x, error, said):
    model = small_model()
    for who, call in (
        ("predict", lambda: model.predict(x)),
        ("evaluate", lambda: model.evaluate(x, [0, 0])),
        ("fit", lambda: model.fit(x, [0, 0], verbose=0)),
        ("layer_output", lambda: model.layer_output(x, 0)),
        (r"fit \(validation\)", lambda: model.fit(*bars(4), verbose=0, validation_data=(x, [0, 0]))),
    ):
        with pytest.raises(error, match=f"^{who}: {said}"):
            call()


@pytest.mark.parametrize(
    "y, error, said",
    [
        ([0, 1], ValueError, "x has 4 samples but y has 2 labels"),
        ([0, 1, 2, 3], ValueError, r"labels must be in \[0, 3\), got 3"),
        ([0, 1, 2, -1], ValueError, r"labels must be in \[0, 3\), got -1"),
        ([0.5, 1, 2, 0], ValueError, "labels must be whole numbers"),
        (np.full((4, 3), 0.25), ValueError, "one-hot"),
        (np.zeros((4, 2)), ValueError, r"labels have shape \(4, 2\)"),
        (["a"] * 4, TypeError, "labels must be numbers"),
        (np.ma.array([0, 1, 2, 0], mask=[0, 0, 0, 1]), TypeError, "labels must be a plain numpy.ndarray, got a Masked"),
        ([[0], [1, 2], [0], [1]], ValueError, "labels must be an array, but .* rows of different lengths"),
    ],
)
def test_wrong_labels_change_nothing(y, error, said):
    model, x = small_model(), bars(4)[0]
    before = weight_bytes(model)
    with pytest.raises(error, match=f"^fit: .*{said}"):
        model.fit(x, y, verbose=0)
    with pytest.raises(error, match=f"^evaluate: .*{said}"):
        model.evaluate(x, y)
    assert weight_bytes(model) == before


# --- fit's other arguments


def test_history_and_validation():
    x, y = bars(100)
    model = small_model()
    history = model.fit(x, y, epochs=3, validation_split=0.25, verbose=0)
    assert history is model.history and history.epoch == [0, 1, 2]
    assert set(history.history) == {"loss", "accuracy", "learning_rate", "val_loss", "val_accuracy"}
    assert all(len(values) == 3 and all(isinstance(v, float) for v in values) for values in history.history.values())
    assert np.allclose(model.evaluate(x[75:], y[75:]), [history.history[k][-1] for k in ("val_loss", "val_accuracy")])

    other = small_model()
    other.fit(x[:75], y[:75], epochs=3, validation_data=(x[75:], y[75:]), verbose=0)
    assert other.history.history == history.history
    assert set(small_model().fit(x, y, verbose=0).history) == {"loss", "accuracy", "learning_rate"}
    assert model.evaluate(x, y, return_dict=True) == dict(zip(("loss", "accuracy"), model.evaluate(x, y)))


def test_restore_best_weights():
    x, y = bars(200)
    model, weights = small_model(), []
    history = model.fit(
        x,
        y,
        epochs=6,
        validation_data=(x, (y + 1) % 3),  # what is learnt is wrong there, so that the best epoch is an early one
        verbose=0,
        restore_best_weights=True,
        callbacks=[lambda epoch, logs: weights.append(weight_bytes(model))],
    )
    ranking = list(zip(history.history["val_accuracy"], [-loss for loss in history.history["val_loss"]]))
    best = ranking.index(max(ranking))
    assert best < 5
    assert weight_bytes(model) == weights[best]


def test_callbacks():
    x, y = bars(40)
    model, calls = small_model(), []

    class Callback:
        def set_model(self, given):
            self.model = given

        def on_epoch_end(self, epoch, logs):
            calls.append((epoch, sorted(logs), self.model.predict(x[:1]).shape))
            self.model.stop_training = epoch == 1

    history = model.fit(x, y, epochs=5, verbose=0, callbacks=[Callback(), lambda epoch, logs: calls.append(epoch)])
    keys = ["accuracy", "learning_rate", "loss"]
    assert calls == [(0, keys, (1, 3)), 0, (1, keys, (1, 3)), 1]
    assert history.epoch == [0, 1]
    assert model.fit(x, y, epochs=2, verbose=0).epoch == [0, 1]


def test_exceptions_of_callbacks_come_through():
    model = small_model()
    error = KeyError("mine")

    def fail(epoch, logs):
        raise error

    with pytest.raises(KeyError) as caught:
        model.fit(*bars(40), epochs=3, verbose=0, callbacks=[fail])
    assert caught.value is error
    assert model.history.epoch == [0]
    model.fit(*bars(40), verbose=0)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"epochs": 0}, ValueError, "epochs"),
        ({"epochs": 1.5}, TypeError, "epochs"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"batch_size": "32"}, TypeError, "batch_size"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": 0.5}, TypeError, "seed"),
        ({"schedule": "spiral"}, ValueError, "spiral.*one_cycle"),
        ({"schedule": None}, TypeError, "schedule"),
        ({"warmup": 1}, ValueError, "warmup = 1"),
        ({"warmup": "slow"}, TypeError, "warmup"),
        ({"hard_share": 0}, ValueError, "hard_share = 0"),
        ({"hard_share": None}, TypeError, "hard_share"),
        ({"skip_above": 1.5}, ValueError, "skip_above = 1.5"),
        ({"skip_above": "all"}, TypeError, "skip_above"),
        ({"shuffle": "no"}, TypeError, "shuffle"),
        ({"verbose": 3}, ValueError, "verbose"),
        ({"validation_split": 1.0}, ValueError, "validation_split"),
        ({"validation_split": -0.1}, ValueError, "validation_split"),
        ({"validation_split": 0.01}, ValueError, "validation_split"),
        ({"validation_split": "0.2"}, TypeError, "validation_split must be a number, got '0.2'"),
        ({"validation_split": True}, TypeError, "validation_split must be a number, got True"),
        ({"validation_data": bars(4)[0]}, TypeError, "validation_data"),
        ({"restore_best_weights": True}, ValueError, "restore_best_weights"),
        ({"callbacks": [3]}, TypeError, "callback"),
    ],
    ids=str,
)
def test_wrong_fits_change_nothing(options, error, said):
    model = small_model()
    before = weight_bytes(model)
    with pytest.raises(error, match=said):
        model.fit(*bars(20), **{"verbose": 0, **options})
    assert weight_bytes(model) == before


def test_fit_needs_samples():
    with pytest.raises(ValueError, match="^fit: .*no samples"):
        small_model().fit(np.zeros((0, 8, 8, 1)), [], verbose=0)
    assert small_model().predict(np.zeros((0, 8, 8, 1))).shape == (0, 3)


def test_a_diverging_training_says_so():
    model = small_model()
    model.compile(hubel.SGD(1e38))
    with pytest.raises(RuntimeError, match="diverged.*learning rate"):
        model.fit(*bars(100), epochs=20, verbose=0)
    x, y = bars(20)
    x[3, 2, 2] = np.nan
    with pytest.raises(RuntimeError, match="the loss is nan at epoch 1, step 1; there are samples with nan"):
        small_model().fit(x, y, verbose=0)
    model = small_model()
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="step 1; there are targets with nan"):
        model.fit(bars(20)[0], np.full((20, 3), np.nan), verbose=0)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"optimizer": "magic"}, ValueError, "'magic'.*'sgd', 'adam', 'adamw'"),
        ({"optimizer": 0.1}, TypeError, "optimizer"),
        ({"loss": "mist"}, ValueError, "'mist'.*categorical_crossentropy"),
        ({"loss": 0.1}, TypeError, "loss"),
        ({"metrics": ["auc"]}, ValueError, "'auc'.*accuracy"),
    ],
    ids=str,
)
def test_wrong_compiles(options, error, said):
    with pytest.raises(error, match=f"^compile: .*{said}"):
        small_model().compile(**options)


def test_optimizer_and_loss_may_be_set():
    model = small_model()
    model.optimizer, model.loss = "sgd", "mse"
    assert model.optimizer == hubel.SGD() and model.loss == hubel.losses.MeanSquaredError()
    model.fit(bars(20)[0], np.zeros((20, 3)), verbose=0)
    with pytest.raises(ValueError, match="unknown loss 'mist'"):
        model.loss = "mist"
    with pytest.raises(TypeError, match="optimizer must be a name or an optimizer"):
        model.optimizer = 0.1


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: hubel.SGD(-1), ValueError),
        (lambda: hubel.SGD(float("nan")), ValueError),
        (lambda: hubel.SGD(0.1, nesterov=True), ValueError),
        (lambda: hubel.SGD(momentum=1.0), ValueError),
        (lambda: hubel.Adam(beta_1=1.0), ValueError),
        (lambda: hubel.AdamW(weight_decay=-1), ValueError),
        (lambda: hubel.Adam("fast"), TypeError),
        (lambda: hubel.Adam(None), TypeError),
        (lambda: hubel.SGD(nesterov=1), TypeError),
    ],
)
def test_wrong_optimizers(make, error):
    with pytest.raises(error, match="^(sgd|adam|adamw): "):
        make()


# --- making a model


def test_layers_are_descriptions():
    conv = hubel.Conv2D(6, 5, 1, "same", activation=None)
    assert conv == hubel.Conv2D(filters=6, kernel_size=[5, np.int64(5)], padding="same", activation="linear")
    assert conv != hubel.Conv2D(6, 5)
    assert hash(conv) == hash(hubel.Conv2D(6, (5, 5), padding="same"))
    assert eval(repr(conv), vars(hubel.layers)) == conv
    assert hubel.Conv2D(**conv.get_config()) == conv
    assert hubel.Conv2D(1, 3, padding=((1, 0), (2, 3))).padding == ((1, 0), (2, 3))
    assert hubel.MaxPooling2D is hubel.MaxPool2D and hubel.MaxPool2D(3).strides == (3, 3)
    assert hubel.AveragePooling2D((2, 3), 1) == hubel.AvgPool2D(pool_size=(2, 3), strides=(1, 1))
    assert hubel.ReLU() == hubel.Activation("relu") and hubel.Softmax().activation == "softmax"
    assert pickle.loads(pickle.dumps(conv)) == copy.deepcopy(conv) == conv


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: hubel.Conv2D("6", 5), TypeError, "Conv2D: filters must be an integer, got '6'"),
        (lambda: hubel.Conv2D(6, 5.0), TypeError, "Conv2D: kernel_size must be a pair of integers"),
        (lambda: hubel.Conv2D(6, (1, 2, 3)), ValueError, "Conv2D: kernel_size has 3 elements"),
        (lambda: hubel.Conv2D(6, 5, padding="full"), ValueError, "Conv2D: .*full"),
        (lambda: hubel.Conv2D(6, 5, activation="rleu"), ValueError, "Conv2D: .*rleu.*relu"),
        (lambda: hubel.Conv2D(6, 5, activation=np.tanh), TypeError, "Conv2D: activation must be None or a name"),
        (lambda: hubel.Conv2D(6, 5, use_bias=1), TypeError, "Conv2D: use_bias must be True or False"),
        (lambda: hubel.Conv2D(6, 5, kernel_initializer="he"), ValueError, "Conv2D: .*he_normal"),
        (lambda: hubel.Conv2D(6, 5, colour="red"), TypeError, "colour"),
        (lambda: hubel.Conv2D(), TypeError, "filters"),
        (lambda: hubel.Dense(2.5), TypeError, "Dense: units must be an integer, got 2.5"),
        (lambda: hubel.MaxPool2D("2"), TypeError, "MaxPool2D: "),
        (lambda: hubel.Activation("nonsense"), ValueError, "Activation: .*nonsense"),
        (lambda: hubel.Sequential(None, (3,)), TypeError, "Sequential: layers must be a list"),
        (lambda: hubel.Sequential(hubel.Dense(3), (3,)), TypeError, "Sequential: layers must be a list"),
        (lambda: hubel.Sequential([hubel.Dense], (3,)), TypeError, "Sequential: layers must be hubel's"),
        (lambda: hubel.Sequential([hubel.Dense(0)], (3,)), ValueError, "units = 0"),
        (lambda: hubel.Sequential([hubel.Conv2D(0, 3)], (8, 8, 1)), ValueError, "filters = 0"),
        (lambda: hubel.Sequential([hubel.Conv2D(1, 9)], (8, 8, 1)), ValueError, "conv2d_1: .*larger"),
        (lambda: hubel.Sequential([hubel.Conv1D(3, 3)], (8, 8, 1)), ValueError, r"conv1d_1: .*\(m, w, c\)"),
        (lambda: hubel.Sequential([hubel.Conv2D(4, 3, groups=2)], (8, 8, 3)), ValueError, "conv2d_1: groups"),
        (lambda: hubel.Sequential([hubel.GroupNorm(-1)], (4,)), ValueError, "group_norm_1: .* which makes it 0"),
        (lambda: hubel.Sequential([hubel.GroupNorm(-2)], (4,)), ValueError, "groups = -2, .* at least 1, or -1"),
        (lambda: hubel.Sequential([hubel.Rescaling(1e39)], (4,)), ValueError, "rescaling_1: scale = 1e.39, .*float32"),
        (lambda: hubel.Sequential([hubel.MaxPool1D(9)], (4, 2)), ValueError, "pool_size = 9 is larger .* 4 steps"),
        (lambda: hubel.Sequential([], (3,)), ValueError, "layer"),
        (lambda: hubel.Sequential([hubel.Dense(3)], 3), TypeError, "input_shape must be a tuple"),
        (lambda: hubel.Sequential([hubel.Dense(3)], None), TypeError, "input_shape must be a tuple"),
        (lambda: hubel.Sequential([hubel.Dense(3)], (3.5,)), TypeError, "input_shape must be a tuple"),
        (lambda: hubel.Sequential([hubel.Dense(3)], (-3,)), ValueError, "."),
        (lambda: hubel.Sequential([hubel.Dense(3)], (0,)), ValueError, "."),
        (lambda: hubel.Sequential([hubel.Dense(3)], ()), ValueError, "."),
        (lambda: hubel.Sequential([hubel.Dense(3)], (1,) * 9), ValueError, "."),
        (lambda: hubel.Sequential([hubel.Dense(3)], (3,), seed=-1), ValueError, "seed"),
        (lambda: hubel.Sequential([hubel.Dense(3)], (3,), seed="x"), TypeError, "seed"),
        (lambda: hubel.lenet5(classes=0), ValueError, "."),
        (lambda: hubel.lenet5(classes="ten"), TypeError, "lenet5: classes must be an integer"),
        (lambda: hubel.lenet5(input_shape=(8, 8, 1)), ValueError, "conv2d_2: .*larger"),
    ],
)
def test_wrong_layers_and_models(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_what_a_model_says_of_itself():
    model = small_model(name="bars")
    assert model.input_shape == (8, 8, 1) and model.output_shape == (3,) and model.count_params() == 40 + 36 * 3 + 3
    assert model.layer_names == ["conv2d_1", "max_pool2d_1", "flatten_1", "dense_1"]
    assert repr(model) == "<hubel.Sequential 'bars', (8, 8, 1) -> (3,), 151 parameters>"
    said = []
    assert model.summary(print_fn=said.append) is None
    text = "\n".join(said)
    for piece in ("bars", "conv2d_1", "max_pool2d_1", "dense_1", "151"):
        assert piece in text


def test_summary_is_printed(capsys):
    small_model().summary()
    assert "conv2d_1" in capsys.readouterr().out


# --- weights


def test_weights():
    model = small_model()
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(3, 3, 1, 4), (4,), (36, 3), (3,)]
    assert list(model.parameters()) == ["conv2d_1.kernel", "conv2d_1.bias", "dense_1.kernel", "dense_1.bias"]
    before = weight_bytes(model)
    weights[0][:] = 7  # a copy
    assert weight_bytes(model) == before
    model.set_weights(weights)
    assert np.all(model.parameters()["conv2d_1.kernel"] == 7)
    model.set_weights([np.asfortranarray(w.astype(">f8")) for w in weights])
    model.set_weights(model.parameters())
    assert np.all(model.parameters()["conv2d_1.kernel"] == 7)


def test_weights_start_as_he_et_al_say():
    kernel = hubel.Sequential([hubel.Dense(400)], (300,)).parameters()["dense_1.kernel"]
    assert np.isclose(kernel.std(), np.sqrt(2 / 300), rtol=0.01) and abs(kernel.mean()) < 0.001


def test_wrong_weights_change_nothing():
    model = small_model()
    before, weights = weight_bytes(model), [w + 1 for w in model.get_weights()]
    with pytest.raises(ValueError, match="3 arrays were given, the model has 4"):
        model.set_weights(weights[:3])
    with pytest.raises(ValueError, match=r"^set_weights: dense_1.bias has shape \(4,\), it must be \(3,\)"):
        model.set_weights([*weights[:3], np.zeros(4)])
    with pytest.raises(ValueError, match="^set_weights: dense_1.bias has -1e[+]39, which float32 cannot hold"):
        model.set_weights([*weights[:3], np.full(3, -1e39)])
    for wrong in (None, "abcd", 4):
        with pytest.raises(TypeError, match="^set_weights: weights must be a list or dict of arrays, got"):
            model.set_weights(wrong)
    with pytest.raises(TypeError, match="^set_weights: dense_1.bias must be a numpy.ndarray"):
        model.set_weights([*weights[:3], [0, 0, 0]])
    with pytest.raises(ValueError, match="^set_weights: the names must be conv2d_1.kernel"):
        model.set_weights({"kernel": weights[0]})
    assert weight_bytes(model) == before


def test_a_model_computes_what_the_functions_do():
    model, (x, _) = small_model(), bars(7)
    p = model.parameters()
    A = hubel.conv_forward(x, p["conv2d_1.kernel"], p["conv2d_1.bias"].reshape(1, 1, 1, 4), "relu", "valid")
    A2 = hubel.pool_forward(A, (2, 2), (2, 2))
    assert np.allclose(model.layer_output(x, 0), A, atol=1e-6)
    assert np.allclose(model.layer_output(x, "max_pool2d_1", batch_size=3), A2, atol=1e-6)
    assert model.layer_output(x, -2).shape == (7, 36)
    logits = A2.reshape(7, -1) @ p["dense_1.kernel"] + p["dense_1.bias"]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for batch_size in (1, 2, 7, 256, np.int64(3), 2**40):
        assert np.allclose(model.predict(x, batch_size), expected, atol=1e-6)
    assert np.array_equal(model(x), model.predict(x))
    with pytest.raises(ValueError, match="^layer_output: no layer is named 'conv', there are conv2d_1, "):
        model.layer_output(x, "conv")
    for wrong in (None, 1.5):
        with pytest.raises(TypeError, match=f"^layer_output: layer must be an integer or a name, got {wrong}"):
            model.layer_output(x, wrong)
    for beyond in (4, -5, 99):
        with pytest.raises(IndexError, match=f"^layer_output: layer = {beyond}, the model has 4: conv2d_1, "):
            model.layer_output(x, beyond)


def test_predict_into_an_array():
    model, (x, _) = small_model(), bars(5)
    out = np.full((5, 3), 9, dtype=np.float32)
    assert model.predict(x, out=out) is out
    assert np.array_equal(out, model.predict(x))
    for wrong, error in (
        (np.zeros((5, 3)), TypeError),
        ([0.0], TypeError),
        (np.zeros((4, 3), "f4"), ValueError),
        (np.zeros((3, 5), "f4").T, ValueError),
        (np.broadcast_to(np.float32(0), (5, 3)), ValueError),
    ):
        with pytest.raises(error, match="^predict: out "):
            model.predict(x, out=wrong)
    for batch_size, error in ((0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)):
        with pytest.raises(error, match="^predict: batch_size "):
            model.predict(x, batch_size)


# --- files and copies


def test_save_and_load(tmp_path):
    model, (x, y) = small_model(name="bars"), bars(50)
    model.fit(x, y, verbose=0)
    model.class_names, model.notes = ["low", "middle", "höch"], {"data": "bars", "ü": "1"}
    model.save(tmp_path / "m.safetensors")
    assert sorted(os.listdir(tmp_path)) == ["m.safetensors"]
    for loaded in (hubel.load_model(str(tmp_path / "m.safetensors")), hubel.Sequential.load(tmp_path / "m.safetensors")):
        assert loaded.name == "bars" and loaded.layers == model.layers and loaded.input_shape == (8, 8, 1)
        assert weight_bytes(loaded) == weight_bytes(model)
        assert loaded.class_names == ["low", "middle", "höch"] and loaded.notes == {"data": "bars", "ü": "1"}
        assert np.array_equal(loaded.predict(x), model.predict(x))
        loaded.fit(x, y, verbose=0)


def test_every_option_of_a_layer_survives_a_file(tmp_path):
    layers = [
        hubel.Conv2D(4, (3, 2), (2, 1), ((1, 0), (2, 1)), (1, 2), 2, "gelu", False, "glorot_uniform"),
        hubel.AvgPool2D((2, 3), 1),
        hubel.ReLU(),
        hubel.Flatten(),
        hubel.Dense(5, "tanh", False, "lecun_normal"),
        hubel.Softmax(),
    ]
    hubel.Sequential(layers, (9, 11, 2)).save(tmp_path / "m")
    assert hubel.load_model(tmp_path / "m").layers == layers


def test_safetensors_reads_what_is_saved(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    model = small_model()
    model.save(tmp_path / "m.safetensors")
    tensors = safetensors.load_file(tmp_path / "m.safetensors")
    assert sorted(tensors) == sorted(model.parameters())
    assert all(np.array_equal(tensors[name], value) for name, value in model.parameters().items())


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.safetensors"):
        hubel.load_model(tmp_path / "none.safetensors")
    with pytest.raises(OSError):
        hubel.load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="folder"):
        small_model().save(tmp_path / "folder" / "m.safetensors")
    with pytest.raises(OSError):
        small_model().save(tmp_path)
    with pytest.raises(TypeError):
        hubel.load_model(3)
    small_model().save(tmp_path / "m")
    whole = (tmp_path / "m").read_bytes()
    for broken in (b"", whole[:7], whole[:-1], whole + b"x", whole[:8] + b"[" + whole[9:], b"\xff" * 100):
        (tmp_path / "broken").write_bytes(broken)
        with pytest.raises(ValueError, match="broken"):
            hubel.load_model(tmp_path / "broken")
    assert sorted(os.listdir(tmp_path)) == ["broken", "m"]


def test_class_names_are_as_many_as_outputs():
    model = small_model()
    with pytest.raises(ValueError, match="^class_names: 2 names for 3 outputs"):
        model.class_names = ["a", "b"]
    with pytest.raises(TypeError, match="^notes: it must be a dict, got 'abc'"):
        model.notes = "abc"
    for wrong in ("abc", None, [1, 2, 3]):
        with pytest.raises(TypeError, match="^class_names: it must be a list of str, got"):
            model.class_names = wrong
    model.class_names = ["a", "b", "c"]
    model.class_names = []
    assert model.class_names == []


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(duplicate):
    model, (x, y) = small_model(name="bars"), bars(50)
    model.compile(hubel.SGD(0.3))
    model.fit(x, y, verbose=0)
    model.class_names, model.notes = ["a", "b", "c"], {"k": "v"}
    other = duplicate(model)
    assert (other.name, other.layers, other.class_names) == ("bars", model.layers, ["a", "b", "c"])
    assert other.notes == {"k": "v"} and other.optimizer == hubel.SGD(0.3)
    assert weight_bytes(other) == weight_bytes(model)
    other.fit(x, y, verbose=0)
    assert weight_bytes(other) != weight_bytes(model)
    model.fit(x, y, verbose=0)
    assert weight_bytes(other) == weight_bytes(model)


# --- threads and interruption


def test_threads_take_turns():
    model, (x, y) = small_model(), bars(400)
    expected = [model.predict(x[i : i + 1 + i % 20]) for i in range(50)]
    results = [None] * 50

    def work(start):
        for i in range(start, 50, 5):
            results[i] = model.predict(x[i : i + 1 + i % 20])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(r, e) for r, e in zip(results, expected))

    training = threading.Thread(target=model.fit, args=(x, y), kwargs={"epochs": 20, "verbose": 0})
    training.start()
    predictions = [model.predict(x) for _ in range(5)]
    training.join()
    assert all(np.isfinite(p).all() for p in predictions)


INTERRUPTED = """
    import signal, sys, threading, time, os
    import numpy as np, hubel
    model = hubel.lenet5()
    x = np.random.default_rng(0).random((20000, 28, 28, 1), dtype=np.float32)
    y = np.arange(20000) % 10
    model.predict(x[:1])
    times = {}
    def interrupt():
        time.sleep(1.0)
        times["sent"] = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt).start()
    try:
        CALL
        print("finished")
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - times["sent"] < 30)
    print(np.isfinite(model.predict(x[:3])).all(), model.evaluate(x[:100], y[:100])[0] > 0)
"""


@pytest.mark.parametrize(
    "call", ["model.fit(x, y, epochs=10**6, verbose=1)", "while True: model.evaluate(x, y)", "while True: model.predict(x)"]
)
def test_ctrl_c_stops_at_once_and_the_model_stays_usable(call):
    code = textwrap.dedent(INTERRUPTED).replace("CALL", call)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == ["interrupted True", "True True"]


def test_ctrl_c_without_a_handler_ends_the_program():
    code = textwrap.dedent(INTERRUPTED).replace("CALL", "model.fit(x, y, epochs=10**6, verbose=0)")
    code = code.replace("except KeyboardInterrupt", "except ZeroDivisionError")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == -signal.SIGINT and "KeyboardInterrupt" in result.stderr


# --- what a training prints


LINE = r"Epoch [12]/2  loss \d\.\d{4}  accuracy \d\.\d{4}  val_loss \d\.\d{4}  val_accuracy \d\.\d{4}  \d+\.\d s  [\d,]+ samples/s"


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_lines_when_piped(verbose, capsys):
    small_model().fit(*bars(100), epochs=2, validation_split=0.2, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(re.fullmatch(LINE, line) for line in lines)


@pytest.mark.parametrize("verbose", ["auto", 0, 1, 2])
def test_lines_of_predict_and_evaluate_when_piped(verbose, capsys):
    model, (x, y) = small_model(), bars(100)
    results = model.evaluate(x, y, 32, verbose=verbose)
    assert np.array_equal(model.predict(x, 32, verbose=verbose), model.predict(x))
    model.predict([x[:50], x[50:]], verbose=verbose)
    model.evaluate([(x, y)], verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    if verbose in ("auto", 0):
        assert lines == []
        return
    assert [line.split()[0] for line in lines] == ["evaluate", "predict", "predict", "evaluate"]
    numbers = f"loss {results[0]:.4f}  accuracy {results[1]:.4f}"
    assert re.fullmatch(rf"evaluate  {numbers}  .* s  100 samples  .*/s", lines[0])
    assert "  100 samples  " in lines[1] and "  100 samples  " in lines[2] and "samples" not in lines[3]
    for call in (lambda: model.predict(x, verbose=3), lambda: model.evaluate(x, y, verbose="loud")):
        with pytest.raises(ValueError, match="^(predict|evaluate): verbose must be 'auto', 0, 1 or 2, got"):
            call()


def test_nothing_when_silent(capsys):
    small_model().fit(*bars(100), verbose=0)
    assert capsys.readouterr() == ("", "")


# What a program prints on a terminal.
def printed_on_a_terminal(program):
    import pty

    try:
        master, slave = pty.openpty()
    except OSError as error:  # a container without /dev/pts
        pytest.skip(f"no terminal is to be had: {error}")
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=slave, stderr=subprocess.PIPE)
    os.close(slave)
    output = b""
    while True:
        try:
            output += os.read(master, 65536)
        except OSError:  # the child has closed its side
            break
    os.close(master)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 0, said
    return output.decode()


TERMINAL = """
    import numpy as np, hubel
    from hubel import _progress
    x = np.random.default_rng(0).random((1000, 28, 28, 1), dtype=np.float32)
    model, y = hubel.lenet5(), np.arange(1000) % 10
    _progress._QUIET_SECONDS = 1000
    model.fit(x, y, verbose="auto")
    _progress._QUIET_SECONDS = _progress._REDRAW_SECONDS = 0.02
    model.fit(x, y, batch_size=1, epochs=3, verbose="auto")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a pseudo-terminal")
def test_a_bar_on_a_terminal():
    first, rest = printed_on_a_terminal(TERMINAL).split("\n", 1)
    assert "\r\033[K" not in first  # a training that was over before a bar was due
    assert re.search(r"\r\033\[KEpoch 2/3 \[[#.]+\] loss \d\.\d{4}  accuracy .* samples/s  \d+ s left\r", rest)
    assert [line.count("Epoch") > 1 for line in rest.split("\n")] == [True] * 3 + [False]
    assert all(len(drawn) < 80 for drawn in rest.split("\r\033[K") if " left" in drawn)


PASSAGES = """
    import numpy as np, hubel
    from hubel import _progress
    x = np.random.default_rng(0).random((1000, 28, 28, 1), dtype=np.float32)
    model, y = hubel.lenet5(), np.arange(1000) % 10
    model.predict(x, batch_size=1)
    print("so far nothing")
    _progress._QUIET_SECONDS = _progress._REDRAW_SECONDS = 0.02
    x, y = np.concatenate([x] * 5), np.concatenate([y] * 5)
    model.predict(x, batch_size=1)
    print("|")
    model.evaluate(x, y, batch_size=1, verbose=1)
    model.predict((batch for batch in x[:, None]))
    model.predict(x, batch_size=1, verbose=2)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a pseudo-terminal")
def test_bars_of_predict_and_evaluate_on_a_terminal():
    first, predicted, rest = re.split("so far nothing|\\|", printed_on_a_terminal(PASSAGES))
    assert first == ""
    assert re.search(r"\r\033\[Kpredict \[[#.]+\] [\d,]+ samples  [\d,]+ samples/s  \d+ s left\r", predicted)
    assert predicted.endswith("\r\033[K")  # the bar is gone
    evaluated, streamed = re.split(r"\r\033\[Kevaluate  loss .* accuracy .* 5,000 samples  .*\n", rest)
    assert re.search(r"\r\033\[Kevaluate \[[#.]+\] ", evaluated)
    assert re.search(r"\r\033\[Kpredict [\d,]+ samples  [\d,]+ samples/s\r", streamed)
    assert re.search(r"\r\033\[Kpredict  [\d.]+ s  5,000 samples  [\d,]+ samples/s\s*$", streamed)


def test_strings_that_utf8_cannot_say():
    model = small_model()
    with pytest.raises(UnicodeEncodeError):
        model.notes = {"source": os.fsdecode(b"caf\xe9.png")}
    with pytest.raises(UnicodeEncodeError):
        model.class_names = ["a", "b", "\ud800"]
    model.notes = {"x": "a\0b"}
    assert model.notes == {"x": "a\0b"}


def test_predict_into_memory_that_x_is_read_from():
    model = hubel.Sequential([hubel.Dense(4)], (4,), seed=1)
    memory = np.random.default_rng(0).normal(size=(41, 4)).astype("f")
    wanted = model.predict(memory[:40])
    assert np.array_equal(model.predict(memory[:40], out=memory[1:], batch_size=8), wanted)
