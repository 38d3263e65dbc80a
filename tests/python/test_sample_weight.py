"""Weights of samples in fit and evaluate: of arrays, targets, pixels, folders and batches."""

import hubel
import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes
from test_fit_sources import batches, folder  # noqa: F401, a fixture

X, Y = bars(40)
WEIGHTS = np.random.default_rng(3).uniform(0, 2, 40)


def trained(x, y=None, model=None, **options):
    model = model or small_model()
    history = model.fit(x, y, **{"epochs": 3, "seed": 5, "verbose": 0, **options})
    return weight_bytes(model), history.history


def mean_loss(model, x, y, weights, of=None):
    """The sum of the weighted losses of single samples over their number."""
    losses = [model.evaluate(x[i : i + 1], y[i : i + 1])[0] for i in range(len(x))]
    return np.sum(np.array(losses) * weights) / (len(x) if of is None else of)


def test_the_mean_is_over_the_number_of_samples():
    model = small_model()
    loss, accuracy = model.evaluate(X, Y, sample_weight=WEIGHTS)
    assert loss == pytest.approx(mean_loss(model, X, Y, WEIGHTS), rel=1e-5)
    assert accuracy == model.evaluate(X, Y)[1]
    assert model.evaluate(X, Y, sample_weight=2 * WEIGHTS, batch_size=7)[0] == pytest.approx(2 * loss, rel=1e-6)
    assert model.evaluate(X, Y, sample_weight=np.zeros(40)) == [0, accuracy]


def test_weights_of_classes_are_multiplied_with_them():
    """Their sum divides, as it does without weights of samples."""
    model, class_weight = small_model(), [1.0, 0.5, 4.0]
    of_class = np.take(class_weight, Y)
    model.compile(hubel.SGD(0))
    history = model.fit(X, Y, batch_size=40, class_weight=class_weight, sample_weight=WEIGHTS, verbose=0)
    expected = mean_loss(model, X, Y, WEIGHTS * of_class, of=of_class.sum())
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_ones_and_whole_numbers():
    expected = trained(X, Y)
    for ones in (np.ones(40), [1] * 40, np.ones((40, 1), np.int8), np.ones(40, bool)):
        assert trained(X, Y, sample_weight=ones) == expected
    assert trained(X, Y, sample_weight=WEIGHTS) != expected


def test_a_batch_with_weights_is_that_of_repeated_samples():
    """A sample of weight 2 is two of weight 1, but for the number that divides."""
    counts = np.arange(40) % 3
    repeated = np.repeat(np.arange(40), counts)
    gradients = []
    for x, y, weights, rate in (
        (X, Y, counts, 0.1 * 40 / len(repeated)),
        (X[repeated], Y[repeated], None, 0.1),
    ):
        model = small_model()
        model.compile(hubel.SGD(rate))
        model.fit(x, y, sample_weight=weights, batch_size=len(x), shuffle=False, verbose=0)
        gradients.append(model.get_weights())
    for a, b in zip(*gradients):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_targets_and_validation():
    rows = np.stack([Y, -Y], 1).astype(float)
    model = small_model(units=2, activation="linear")
    model.compile("adam", "mse")
    history = model.fit(X, rows, sample_weight=WEIGHTS, validation_data=(X, rows, WEIGHTS), verbose=0).history
    assert history["val_loss"][0] == pytest.approx(mean_loss(model, X, rows, WEIGHTS), rel=1e-5)
    plain = small_model(units=2, activation="linear")
    plain.compile("adam", "mse")
    assert plain.fit(X, rows, validation_data=(X, rows), verbose=0).history["val_loss"] != history["val_loss"]


def test_the_split_takes_its_weights_along():
    history = trained(X, Y, sample_weight=WEIGHTS, validation_split=0.25)
    assert trained(X[:30], Y[:30], sample_weight=WEIGHTS[:30], validation_data=(X[30:], Y[30:], WEIGHTS[30:])) == history


def test_weights_of_pixels():
    x = np.random.default_rng(0).normal(size=(6, 4, 5, 1)).astype(np.float32)
    y = (x[..., 0] > 0).astype(int)
    weights = np.random.default_rng(1).uniform(0, 2, y.shape)
    model = hubel.Sequential([hubel.Conv2D(2, 1, activation="softmax")], input_shape=(4, 5, 1))
    model.compile(hubel.SGD(0))
    p = np.take_along_axis(model.predict(x), y[..., None], -1)[..., 0]
    loss = model.evaluate(x, y, sample_weight=weights)[0]
    assert loss == pytest.approx(np.mean(-np.log(p) * weights), rel=1e-5)
    each = weights[:, 0, 0]
    expected = pytest.approx(np.mean(-np.log(p) * each[:, None, None]), rel=1e-5)
    assert model.evaluate(x, y, sample_weight=each)[0] == expected
    assert model.fit(x, y, sample_weight=each, verbose=0).history["loss"][0] == expected
    with pytest.raises(ValueError, match=r"has shape \(6, 4\), it must be \(6,\) or \(6, 4, 5\) for 6 samples"):
        model.fit(x, y, sample_weight=weights[..., 0])


def test_batches_have_theirs():
    parts = [(X[i : i + 16], Y[i : i + 16], WEIGHTS[i : i + 16]) for i in (0, 16, 32)]
    expected = trained(X, Y, sample_weight=WEIGHTS, batch_size=16, shuffle=False)
    assert trained(parts) == expected
    lists = [[np.asarray(part) for part in batch] for batch in parts]
    assert trained(lists) == expected
    model = small_model()
    whole = model.evaluate(X, Y, batch_size=16, sample_weight=WEIGHTS)
    assert model.evaluate(parts) == model.evaluate(iter(parts)) == whole
    assert trained(X, Y, validation_data=parts)[1]["val_loss"] == pytest.approx(
        trained(X, Y, validation_data=(X, Y, WEIGHTS))[1]["val_loss"], rel=1e-5
    )
    assert model.predict(parts).shape == (40, 3)


def test_a_folder_s_images(folder):  # noqa: F811
    data, part = hubel.image_folder(folder), hubel.open_image_folder(folder).train
    expected = trained(data.X_train, data.Y_train, sample_weight=WEIGHTS)
    assert trained(part, sample_weight=WEIGHTS) == expected
    augmentation = hubel.Augmentation(flip_horizontal=0.5)
    changed = trained(data.X_train, data.Y_train, sample_weight=WEIGHTS, augmentation=augmentation)
    assert trained(part, sample_weight=WEIGHTS, augmentation=augmentation) == changed != expected


def test_going_on_from_a_checkpoint(tmp_path):
    model = small_model()

    def stop(epoch, logs):
        model.stop_training = True

    options = {"epochs": 3, "sample_weight": WEIGHTS}
    trained(X, Y, model=model, checkpoint=tmp_path / "c", callbacks=stop, **options)
    assert trained(X, Y, resume_from=tmp_path / "c", **options)[0] == trained(X, Y, **options)[0]
    with pytest.raises(ValueError, match="fingerprint"):
        trained(X, Y, resume_from=tmp_path / "c", epochs=3)


PAIR, TRIPLE = (X[:16], Y[:16]), (X[:16], Y[:16], WEIGHTS[:16])


@pytest.mark.parametrize(
    "x, y, options, error, said",
    [
        (X, Y, {"sample_weight": WEIGHTS[:39]}, ValueError, r"fit: sample_weight has shape \(39,\), it must be \(40,\)"),
        (X, Y, {"sample_weight": 2.0}, ValueError, r"fit: sample_weight has shape \(\), it must be \(40,\)"),
        (X, Y, {"sample_weight": -WEIGHTS}, ValueError, "fit: sample_weight must be finite and at least 0, got -"),
        (X, Y, {"sample_weight": [np.nan] * 40}, ValueError, "fit: sample_weight must be finite and at least 0, got nan"),
        (X, Y, {"sample_weight": [np.inf] * 40}, ValueError, "fit: sample_weight must be finite and at least 0, got inf"),
        (X, Y, {"sample_weight": ["a"] * 40}, TypeError, "fit: sample_weight must be numbers"),
        (X, Y, {"validation_data": (X, Y, WEIGHTS[:3])}, ValueError, r"fit \(validation\): sample_weight has shape"),
        (X, Y, {"sample_weight": [[1, 2], [3]] * 20}, ValueError, "fit: sample_weight must be an array"),
        (X, Y, {"sample_weight": [1e39] * 40}, ValueError, "fit: sample_weight must fit float32, got 1e[+]39"),
        (X, Y, {"validation_data": (X, Y, WEIGHTS, 1)}, TypeError, r"validation_data must be .*, got 4 of them"),
        (X, Y, {"validation_data": (X,)}, TypeError, r"validation_data must be \(x, y\) .*, got 1 of them"),
        (X, Y, {"validation_data": [X]}, TypeError, r"validation_data must be \(x, y\) .*, got 1 of them"),
        (X, Y, {"sample_weight": WEIGHTS, "augmentation": hubel.Augmentation(mixup=0.2)}, ValueError, "weights.*mixup"),
        ([PAIR, TRIPLE], None, {}, ValueError, r"fit \(batch 2\): one batch has other weights than another"),
        ([TRIPLE, PAIR], None, {}, ValueError, r"fit \(batch 2\): one batch has other weights than another"),
        ([TRIPLE, (*PAIR, [1] * 15)], None, {}, ValueError, r"fit \(batch 2\): sample_weight has shape \(15,\)"),
        ([PAIR], None, {"sample_weight": WEIGHTS}, ValueError, "fit: sample_weight goes with arrays"),
    ],
)  # fmt: skip
def test_wrong_weights(x, y, options, error, said):
    with pytest.raises(error, match=said):
        trained(x, y, **options)


def test_wrong_weights_to_evaluate():
    with pytest.raises(ValueError, match=r"evaluate: sample_weight has shape \(3,\)"):
        small_model().evaluate(X, Y, sample_weight=[1, 2, 3])
