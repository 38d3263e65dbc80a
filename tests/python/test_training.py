"""What a training can be told: losses, optimisers, targets, clipping, averages, callbacks, checkpoints."""

import csv
import json
import shutil

import hubel
import numpy as np
import pytest
from hubel import callbacks, losses

from small_models import bars, small_model, weight_bytes


def plane(count, seed=0):
    """What two linear functions make of noise."""
    x = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    return x, np.stack([x[:, 0] - 2 * x[:, 1], 0.5 + x[:, 2]], axis=1)


@pytest.mark.parametrize(
    "optimizer",
    [
        "rmsprop",
        "adagrad",
        hubel.RMSprop(0.003, momentum=0.5, centered=True),
        hubel.Adagrad(0.05, initial_accumulator=0.1),
        hubel.LAMB(0.02),
        "nadam",
        hubel.Adamax(0.005),
        hubel.Adadelta(1.0),
        hubel.Lion(2e-3, weight_decay=0.1),
        hubel.Adam(amsgrad=True),
        hubel.RAdam(0.005),
        hubel.SGD(0.1, momentum=0.9, weight_decay=1e-4),
    ],
    ids=str,
)
def test_every_optimizer_learns(optimizer):
    x, y = bars(300)
    model = small_model()
    model.compile(optimizer)
    assert model.fit(x, y, epochs=25, verbose=0).history["accuracy"][-1] > 0.95


@pytest.mark.parametrize("loss", ["mse", "mean_absolute_error", losses.Huber(0.1)], ids=str)
def test_regression(loss):
    (x, y), test = plane(200), plane(50, 1)
    model = hubel.Sequential([hubel.Dense(2)], input_shape=(3,))
    model.compile(hubel.Adam(0.02), loss)
    history = model.fit(x, y, epochs=160, schedule="cosine", validation_data=test, verbose=0)
    assert sorted(history.history) == ["learning_rate", "loss", "val_loss"]
    assert history.history["val_loss"][-1] < 3e-3
    assert model.evaluate(*test) == [pytest.approx(history.history["val_loss"][-1], rel=1e-5)]
    error = np.abs(model.predict(test[0]) - test[1])
    assert error.max() < 0.05


def test_one_target_a_sample_needs_no_axis():
    x, y = plane(50)
    model = hubel.Sequential([hubel.Dense(1)], input_shape=(3,))
    model.compile("adam", "mse")
    assert model.evaluate(x, y[:, 0]) == model.evaluate(x, y[:, :1])


def test_losses_are_those_of_numpy():
    x, y = plane(40)
    model = hubel.Sequential([hubel.Dense(2, "sigmoid")], input_shape=(3,), seed=3)
    t = (y > 0).astype(np.float64)
    p = model.predict(x).astype(np.float64)
    expected = {
        "mse": np.mean((p - t) ** 2),
        "mae": np.mean(np.abs(p - t)),
        "binary_crossentropy": -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)),
        "hinge": np.mean(np.maximum(0, 1 - (2 * t - 1) * p)),
        "squared_hinge": np.mean(np.maximum(0, 1 - (2 * t - 1) * p) ** 2),
        "huber": np.mean((p - t) ** 2 / 2),
        "log_cosh": np.mean(np.log(np.cosh(p - t))),
        "poisson": np.mean(p - t * np.log(p + 1e-7)),
        "mape": 100 * np.mean(np.abs(p - t) / np.maximum(t, 1e-7)),
        "mean_squared_logarithmic_error": np.mean((np.log1p(p) - np.log1p(t + 1e-7 * (t == 0))) ** 2),
        "cosine_similarity": -np.mean([a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) if b.any() else 0
                                       for a, b in zip(p, t)]),
        "dice": np.mean(1 - 2 * (p * t).sum(1) / (p + t).sum(1)),
    }
    for name, value in expected.items():
        model.compile("adam", name)
        result = model.evaluate(x, t, return_dict=True)
        assert result["loss"] == pytest.approx(value, rel=1e-5), name
        if name == "binary_crossentropy":
            assert result["accuracy"] == np.mean((p > 0.5) == t)
        else:
            assert list(result) == ["loss"]


def test_losses_with_options_are_those_of_numpy():
    x, y = plane(40)
    model = hubel.Sequential([hubel.Dense(2, "softmax")], input_shape=(3,), seed=3)
    t = np.eye(2)[(y[:, 0] > 0).astype(int)]
    p = model.predict(x).astype(np.float64)
    right = t * p + (1 - t) * (1 - p)
    tp, fp, fn = (p * t).sum(1), (p * (1 - t)).sum(1), ((1 - p) * t).sum(1)
    expected = [
        (losses.BinaryFocalCrossentropy(), np.mean((1 - right) ** 2 * -np.log(right))),
        (
            losses.BinaryFocalCrossentropy(True, alpha=0.1, gamma=3),
            np.mean((t * 0.1 + (1 - t) * 0.9) * (1 - right) ** 3 * -np.log(right)),
        ),
        (losses.CategoricalFocalCrossentropy(), 0.25 * np.mean(((1 - p) ** 2 * t * -np.log(p)).sum(1))),
        (losses.CategoricalFocalCrossentropy(2, gamma=0), 2 * np.mean((t * -np.log(p)).sum(1))),
        (losses.Tversky(0.3, 0.7), np.mean(1 - tp / (tp + 0.3 * fp + 0.7 * fn))),
        (
            losses.BinaryCrossentropy(label_smoothing=0.2),
            -np.mean((0.8 * t + 0.1) * np.log(p) + (0.9 - 0.8 * t) * np.log(1 - p)),
        ),
    ]
    for loss, value in expected:
        model.compile("adam", loss)
        result = model.evaluate(x, t, return_dict=True)
        assert result["loss"] == pytest.approx(value, rel=1e-5), loss
        assert ("accuracy" in result) == loss.has_accuracy
        if loss.has_accuracy:
            assert result["accuracy"] == pytest.approx(np.mean((p.argmax(1) == t.argmax(1)))), loss
    model.compile("adam", losses.CategoricalFocalCrossentropy())
    assert model.evaluate(x, t) == pytest.approx(model.evaluate(x, t.argmax(1)))
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got -1"):
        losses.BinaryFocalCrossentropy(True, alpha=-1)
    with pytest.raises(TypeError, match="apply_class_balancing"):
        losses.BinaryFocalCrossentropy(1)
    with pytest.raises(ValueError, match="gamma is -1"):
        model.compile("adam", losses.CategoricalFocalCrossentropy(gamma=-1))
        model.evaluate(x, t)


def test_focal_losses_learn():
    x, y = bars(200)
    for loss in (losses.CategoricalFocalCrossentropy(), losses.CategoricalFocalCrossentropy(from_logits=True)):
        model = hubel.Sequential([hubel.Flatten(), hubel.Dense(3, None if loss.from_logits else "softmax")], x.shape[1:])
        model.compile(hubel.Adam(0.02), loss)
        history = model.fit(x, y, epochs=30, verbose=0).history
        assert history["loss"][-1] < history["loss"][0] / 3
        assert history["accuracy"][-1] > 0.9


def test_from_logits_of_a_cross_entropy_changes_nothing():
    x, y = bars(60)
    for kind in (losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy):
        weights = []
        for activation, from_logits in [("softmax", False), ("softmax", True), (None, True), (None, False)]:
            model = small_model(activation=activation)
            model.compile("adam", kind(from_logits=from_logits))
            model.fit(x, y, epochs=2, verbose=0)
            weights.append(model.get_weights())
        for others in weights[1:]:
            assert all(np.array_equal(a, b) for a, b in zip(weights[0], others))
        with pytest.raises(TypeError, match="cross_entropy: from_logits must be True or False, got 1"):
            kind(from_logits=1)


def test_rows_of_probabilities():
    x, y = bars(60)
    one_hot = np.eye(3)[y]
    by_labels, by_rows = small_model(), small_model()
    for model in (by_labels, by_rows):
        model.compile("adam", losses.CategoricalCrossentropy(label_smoothing=0.1))
    a = by_labels.fit(x, y, epochs=3, verbose=0).history
    b = by_rows.fit(x, one_hot, epochs=3, verbose=0).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-4)
    spread = 0.9 * one_hot + 0.1 / 3
    plain = small_model()
    plain.compile("adam", "categorical_crossentropy")
    np.testing.assert_allclose(plain.fit(x, spread, epochs=3, verbose=0).history["loss"], a["loss"], rtol=1e-4)


def test_labels_of_pixels():
    x = np.random.default_rng(0).normal(size=(40, 5, 6, 1)).astype(np.float32)
    y = (x[..., 0] > 0).astype(int)
    model = hubel.Sequential([hubel.Conv2D(2, 1, activation="softmax")], input_shape=(5, 6, 1))
    model.compile(hubel.Adam(0.05))
    assert model.fit(x, y, epochs=40, verbose=0).history["accuracy"][-1] > 0.97
    y[:, 0] = 255
    model.compile("adam", losses.SparseCategoricalCrossentropy(ignore_class=255))
    assert model.evaluate(x, y)[1] > 0.97
    model.compile("adam")
    with pytest.raises(ValueError, match=r"labels must be in \[0, 2\), got 255"):
        model.evaluate(x, y)
    with pytest.raises(ValueError, match=r"labels have shape \(40, 5\), they must be \(m, 5, 6\)"):
        model.evaluate(x, y[..., 0])


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge"])
def test_one_hot_rows_of_pixels(loss):
    """They train as the labels do."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 4, 5, 1)).astype(np.float32), rng.integers(0, 3, (10, 4, 5))
    results = []
    for answers in (y, np.eye(3)[y], np.eye(3, dtype=int)[y], np.eye(3)[y].tolist()):
        model = hubel.Sequential([hubel.Conv2D(3, 1, activation="softmax")], input_shape=(4, 5, 1))
        model.compile("adam", loss, metrics=["accuracy", "top_2_accuracy"])
        results.append((model.fit(x, answers, verbose=0).history, model.evaluate(x, answers)))
    for history, values in results[1:]:
        assert history["loss"] == pytest.approx(results[0][0]["loss"])
        assert values == pytest.approx(results[0][1])
    with pytest.raises(ValueError, match="fit: .*sample 0 has"):
        model.compile("adam", "categorical_crossentropy")
        model.fit(x, 2 * np.eye(3)[y], verbose=0)
    with pytest.raises(ValueError, match=r"labels have shape \(10, 4, 5, 2\), they must be \(m, 4, 5\)"):
        model.fit(x, np.eye(3)[y][..., :2], verbose=0)


def test_class_weight():
    x, y = bars(90)
    weighted, listed = small_model(), small_model()
    weighted.fit(x, y, epochs=10, class_weight={2: 0.0}, verbose=0)
    listed.fit(x, y, epochs=10, class_weight=[1, 1, 0], verbose=0)
    assert weight_bytes(weighted) == weight_bytes(listed)
    assert not np.any(weighted.predict(x).argmax(axis=1) == 2)


def test_class_weight_of_a_focal_loss():
    """Also of one-hot rows; without a focus and with alpha 1 it is the cross-entropy's."""
    x, y = bars(90)
    focal, entropy, rows = small_model(), small_model(), small_model()
    for model in (focal, rows):
        model.compile("adam", losses.CategoricalFocalCrossentropy(alpha=1, gamma=0))
    options = {"epochs": 15, "class_weight": {2: 0.0, 1: 3.0}, "verbose": 0}
    expected = entropy.fit(x, y, **options).history["loss"]
    assert focal.fit(x, y, **options).history["loss"] == pytest.approx(expected, rel=1e-3)
    rows.fit(x, np.eye(3)[y], **options)
    for model in (focal, rows):
        assert not np.any(model.predict(x).argmax(axis=1) == 2)
    with pytest.raises(ValueError, match="class_weight goes with losses of classes.*not with binary_crossentropy"):
        rows.compile("adam", "binary_crossentropy")
        rows.fit(x, np.eye(3)[y], **options)


def test_top_k():
    x, y = bars(90)
    model = small_model()
    model.compile("adam", metrics=["accuracy", "top_2_accuracy"])
    history = model.fit(x, y, epochs=2, validation_split=0.2, verbose=0).history
    measures = {"accuracy", "loss", "top_2_accuracy"}
    assert set(history) == measures | {f"val_{measure}" for measure in measures} | {"learning_rate"}
    ranks = np.argsort(-model.predict(x), axis=1, kind="stable")
    assert model.evaluate(x, y)[2] == pytest.approx(np.mean(np.any(ranks[:, :2] == y[:, None], axis=1)))


def test_clipping_and_averages_change_what_is_learned():
    x, y = bars(60)
    results = []
    for options in ({}, {"clipnorm": 0.1}, {"clipvalue": 0.01}, {"parameter_clipnorm": 0.05}, {"ema_decay": 0.9}, {"swa_start": 2}):
        model = small_model()
        model.compile(hubel.SGD(0.1))
        model.fit(x, y, epochs=3, verbose=0, **options)
        results.append(weight_bytes(model))
    assert all(a != b for i, a in enumerate(results) for b in results[:i])


# --- callbacks


def test_early_stopping():
    x, y = bars(60)
    model = small_model()
    model.compile(hubel.SGD(0.0))  # nothing gets any better
    stopping = callbacks.EarlyStopping(monitor="loss", patience=2)
    model.fit(x, y, epochs=50, shuffle=False, callbacks=[stopping], verbose=0)
    assert stopping.stopped_epoch == 2
    with pytest.raises(ValueError, match="EarlyStopping: monitor is 'val_loss', an epoch has loss, accuracy"):
        model.fit(x, y, callbacks=[callbacks.EarlyStopping()], verbose=0)


def test_early_stopping_restores():
    x, y = bars(90)
    model, seen = small_model(), []
    stopping = callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    wrong = (x, (y + 1) % 3)  # what is learned is wrong there
    keep = lambda epoch, logs: seen.append((logs["val_loss"], weight_bytes(model)))
    model.fit(x, y, epochs=50, validation_data=wrong, callbacks=[keep, stopping], verbose=0)
    assert weight_bytes(model) == min(seen)[1]
    assert len(seen) < 50


def test_plateau():
    x, y = bars(60)
    plain, lowered = small_model(), small_model()
    for model, called in ((plain, []), (lowered, [callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=0.9)])):
        model.fit(x, y, epochs=2, callbacks=called, seed=1, verbose=0)
    assert weight_bytes(plain) == weight_bytes(lowered)  # the second epoch is the first without improvement
    for model, called in ((plain, []), (lowered, [callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=0.9)])):
        model.fit(x, y, epochs=3, callbacks=called, seed=1, verbose=0)
    assert weight_bytes(plain) != weight_bytes(lowered)
    with pytest.raises(ValueError, match="needs validation samples"):
        plain.fit(x, y, callbacks=[callbacks.ReduceLROnPlateau()], verbose=0)
    with pytest.raises(ValueError, match="ReduceOnPlateau: factor = 2"):
        plain.fit(x, y, callbacks=[callbacks.ReduceLROnPlateau("loss", factor=2)], verbose=0)


def test_fields_of_a_path_that_no_epoch_has(tmp_path):
    saves = callbacks.ModelCheckpoint(tmp_path / "{val_loss}")
    with pytest.raises(ValueError, match="filepath has the field 'val_loss', an epoch has epoch, loss, accuracy"):
        small_model().fit(*bars(20), callbacks=saves, verbose=0)


def test_files_of_callbacks(tmp_path):
    x, y = bars(60)
    model = small_model()
    called = [
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.JSONLogger(tmp_path / "log.jsonl"),
        callbacks.TensorBoard(tmp_path / "events"),
        callbacks.ModelCheckpoint(tmp_path / "epoch{epoch}.safetensors"),
        callbacks.ModelCheckpoint(tmp_path / "best.safetensors", monitor="loss", save_best_only=True),
    ]
    history = model.fit(x, y, epochs=3, callbacks=called, verbose=0).history
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for logged in (rows, lines):
        assert [float(row["loss"]) for row in logged] == history["loss"]
        assert [int(row["epoch"]) for row in logged] == [0, 1, 2]
    (events,) = (tmp_path / "events").iterdir()
    assert events.read_bytes().count(b"loss/train") == 3
    assert sorted(path.name for path in tmp_path.glob("epoch*")) == [f"epoch{i}.safetensors" for i in (1, 2, 3)]
    assert weight_bytes(hubel.load_model(tmp_path / "epoch3.safetensors")) == weight_bytes(model)
    assert (tmp_path / "best.safetensors").exists()


def test_predictions_by_a_callback_are_not_held_on_to():
    """A few samples' predictions keep the weights packed, and a training changes them."""
    x, y = bars(60)
    layers = [hubel.Conv2D(16, 3), hubel.BatchNorm(), hubel.Flatten(), hubel.Dense(3, "softmax")]
    model, seen = hubel.Sequential(layers, (8, 8, 1)), []
    look = lambda epoch, logs: seen.append((model.predict(x[:4]), model.predict(x)[:4]))
    model.fit(x, y, epochs=3, callbacks=[look], verbose=0)
    seen.append((model.predict(x[:4]), model.predict(x)[:4]))
    for few, among_many in seen:
        assert np.array_equal(few, among_many)


# --- checkpoints


@pytest.mark.parametrize("average", [{"ema_decay": 0.9}, {"swa_start": 2}], ids=str)
def test_going_on_from_a_checkpoint(tmp_path, average):
    x, y = bars(90)
    options = {"epochs": 6, "schedule": "one_cycle", **average, "seed": 3, "verbose": 0}
    whole, stopped, resumed = small_model(), small_model(), small_model(seed=9)

    def stop(epoch, logs):
        stopped.stop_training = epoch == 2

    whole.fit(x, y, **options)
    stopped.fit(x, y, checkpoint=tmp_path / "c", callbacks=[stop], **options)
    history = resumed.fit(x, y, resume_from=tmp_path / "c", **options)
    assert history.epoch == [3, 4, 5]
    assert weight_bytes(resumed) == weight_bytes(whole)
    with pytest.raises(ValueError, match="batch_size = 32, but this one has 16"):
        small_model().fit(x, y, batch_size=16, resume_from=tmp_path / "c", **options)
    with pytest.raises(FileNotFoundError):
        small_model().fit(x, y, resume_from=tmp_path / "none", **options)
    with pytest.raises(ValueError, match="another network"):
        small_model(units=4).fit(x, y, resume_from=tmp_path / "c", **options)


@pytest.mark.parametrize(
    "other, said",
    [
        ({"clipnorm": 1}, "with clipnorm = 0, but this one has 1"),
        ({"clipvalue": 1}, "with clipvalue = 0, but this one has 1"),
        ({"parameter_clipnorm": 1}, "with parameter_clipnorm = none, but this one has 1"),
        ({"restore_best_weights": True}, "with restore_best_weights = false, but this one has true"),
        ({"gradient_accumulation_steps": 2}, "with gradient_accumulation_steps = none, but this one has 2"),
        ({"ema_decay": 0.5}, "with ema_decay = none, but this one has on decay=0.5"),
        ({"callbacks": hubel.callbacks.ReduceLROnPlateau()}, "with ReduceLROnPlateau = none, but this one has on"),
        ({"callbacks": hubel.callbacks.LearningRateScheduler(lambda e, r: r)}, "with LearningRateScheduler = none"),
    ],
    ids=str,
)
def test_what_a_checkpoint_was_of_is_told_in_fit_s_words(other, said, tmp_path):
    x, y = bars(20)
    options = {"epochs": 2, "verbose": 0, "validation_data": (x, y)}
    small_model().fit(x, y, checkpoint=tmp_path / "c", **options)
    with pytest.raises(ValueError, match=f"^fit: the state to go on from is of a training {said}"):
        small_model().fit(x, y, resume_from=tmp_path / "c", **options, **other)


@pytest.mark.parametrize("best", [False, True])
def test_a_checkpoint_that_cannot_be_written(tmp_path, best):
    """The model has what it had learnt by then: the last weights, or the best."""
    x, y = bars(60)
    model, seen = small_model(), []
    folder = tmp_path / "folder"
    folder.mkdir()

    def keep(epoch, logs):
        seen.append((-logs["val_accuracy"], logs["val_loss"], weight_bytes(model)))
        if epoch == 3:
            shutil.rmtree(folder)

    model.compile(hubel.optimizers.Adam(0.1))
    options = {"validation_data": bars(30, seed=1), "restore_best_weights": best, "verbose": 0}
    with pytest.raises(OSError, match="folder"):
        model.fit(x, y, epochs=9, checkpoint=folder / "c", callbacks=keep, **options)
    assert len(seen) == 4
    assert weight_bytes(model) == (min(seen) if best else seen[-1])[2]
    assert model.history.epoch == [0, 1, 2, 3]


def test_what_no_checkpoint_holds(tmp_path):
    x, y = bars(30)
    best = callbacks.ModelCheckpoint(tmp_path / "best", "loss", save_best_only=True)
    for callback in (callbacks.EarlyStopping("loss"), best):
        small_model().fit(x, y, epochs=1, verbose=0, checkpoint=tmp_path / "c", callbacks=callback)
        with pytest.raises(ValueError, match=f"resume_from does not go with {type(callback).__name__}"):
            small_model().fit(x, y, epochs=2, verbose=0, resume_from=tmp_path / "c", callbacks=[callback])


def test_nan_is_never_the_best(tmp_path):
    stopping = callbacks.EarlyStopping(patience=2)
    best = callbacks.ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True)
    model = small_model()
    for callback in (stopping, best):
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, loss in enumerate([float("nan"), 0.5, 0.6, 0.4]):
            callback.on_epoch_end(epoch, {"val_loss": loss})
    assert stopping.stopped_epoch is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4"]


def test_what_a_callback_adds_goes_to_those_behind_it_and_the_history():
    def add(epoch, logs):
        logs["f1"] = 1.0 - epoch

    history = small_model().fit(*bars(30), epochs=5, verbose=0, callbacks=[add, callbacks.EarlyStopping("f1", mode="max")])
    assert history.history["f1"] == [1.0, 0.0] and history.epoch == [0, 1]


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"validation_data": (np.zeros((0, 6, 6, 1), "f"), [])}, ValueError, "validation_data has no samples"),
        ({"validation_steps": 1}, ValueError, "validation_steps goes with batches"),
        ({"callbacks": [callbacks.EarlyStopping]}, TypeError, "the class EarlyStopping"),
        ({"class_weight": "balanced"}, TypeError, "class_weight must be a dict"),
    ],
)
def test_what_would_mean_nothing_is_refused(options, error, said):
    x, y = bars(30)
    if "validation_data" in options:
        options = {"validation_data": (x[:0], y[:0])}
    with pytest.raises(error, match=said):
        small_model().fit(x, y, verbose=0, **options)
    with pytest.raises(ValueError, match="patience"):
        callbacks.EarlyStopping(patience=-1)


def test_learning_rates_of_schedules_with_options():
    x, y = bars(32)
    model = small_model()
    model.compile(hubel.SGD(0.5), metrics="sparse_categorical_accuracy")
    for schedule, wanted in {
        "constant": [0.5] * 4,
        "step:every=2,gamma=0.5": [0.5, 0.5, 0.25, 0.25],
        "milestones:at=1/3,gamma=0.5": [0.5, 0.25, 0.25, 0.125],
        f"milestones:at={'/'.join(map(str, range(1, 41)))},gamma=0.5": [0.5, 0.25, 0.125, 0.0625],
    }.items():
        history = model.fit(x, y, epochs=4, verbose=0, schedule=schedule)
        assert history.history["learning_rate"] == wanted
    for schedule, said in {"milestones": "at=30/60", "step:every=0": "every", "linear:every=1": "no option"}.items():
        with pytest.raises(ValueError, match=f"fit: schedule: .*{said}"):
            model.fit(x, y, verbose=0, schedule=schedule)
    two = [callbacks.ReduceLROnPlateau("loss"), callbacks.ReduceLROnPlateau("accuracy")]
    with pytest.raises(ValueError, match="one ReduceLROnPlateau, callbacks have 2"):
        model.fit(x, y, verbose=0, callbacks=two)


def test_a_sequential_that_begins_with_its_input():
    layers = [hubel.Flatten(), hubel.Dense(3, "softmax")]
    model = hubel.Sequential([hubel.Input((4, 4, 1)), *layers], seed=1)
    assert model.input_shape == (4, 4, 1)
    assert weight_bytes(model) == weight_bytes(hubel.Sequential(layers, (4, 4, 1), seed=1))
    with pytest.raises(TypeError, match="input_shape must be a tuple .* hubel.Input"):
        hubel.Sequential(layers)


# --- what is wrong


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: losses.CategoricalCrossentropy(label_smoothing="a"), TypeError, "label_smoothing"),
        (lambda: losses.Huber("x"), TypeError, "delta"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5), TypeError, "ignore_class"),
        (lambda: hubel.LAMB(-1), ValueError, "lamb: learning_rate"),
        (lambda: hubel.Nadam(momentum_decay="x"), TypeError, "momentum_decay"),
        (lambda: hubel.Adadelta(epsilon=0), ValueError, "adadelta: epsilon = 0, it must be above 0"),
        (lambda: callbacks.EarlyStopping(mode="up"), ValueError, "EarlyStopping: mode"),
        (lambda: callbacks.EarlyStopping(min_delta=-1), ValueError, "EarlyStopping: min_delta"),
        (lambda: callbacks.EarlyStopping(patience=2.5), TypeError, "EarlyStopping: patience must be an integer"),
        (
            lambda: callbacks.ReduceLROnPlateau("val_box_loss"),
            ValueError,
            "monitor must be the whole model's loss, or with one output its accuracy: .*; got 'val_box_loss'",
        ),
        (lambda: losses.BinaryFocalCrossentropy(gamma=None), TypeError, "gamma must be a number, got None"),
        (lambda: losses.CategoricalFocalCrossentropy(gamma=None), TypeError, "gamma must be a number, got None"),
        (lambda: losses.CategoricalFocalCrossentropy(alpha=None), TypeError, "alpha must be a number, got None"),
        (lambda: losses.BinaryFocalCrossentropy(True, alpha=None), TypeError, "alpha must be a number, got None"),
        (lambda: losses.BinaryFocalCrossentropy(alpha=None), TypeError, "alpha must be a number, got None"),
        (lambda: losses.SparseCategoricalCrossentropy(2**40), ValueError, "ignore_class is 1099511627776, .* 32 bits"),
        (lambda: losses.Huber(None), TypeError, "delta must be a number, got None"),
        (lambda: callbacks.EarlyStopping(3), TypeError, "EarlyStopping: monitor must be a str, .*, got 3"),
        (
            lambda: callbacks.EarlyStopping("val_mine"),
            ValueError,
            "EarlyStopping: mode 'auto' cannot tell whether 'val_mine' is better when it is larger or smaller; give",
        ),
        (
            lambda: callbacks.ModelCheckpoint("a", "box_loss_scaled", save_best_only=True),
            ValueError,
            "ModelCheckpoint: mode 'auto' cannot tell whether 'box_loss_scaled'",
        ),
        (lambda: callbacks.ModelCheckpoint("a{"), ValueError, "ModelCheckpoint: filepath may have fields .*'a{'"),
        (lambda: callbacks.ModelCheckpoint("{0}"), ValueError, "'{0}': a field must have the name of what an epoch"),
        (lambda: callbacks.ModelCheckpoint("a{}"), ValueError, "a field must have the name of what an epoch has"),
        (lambda: callbacks.ModelCheckpoint("{loss!r}"), ValueError, "the field 'loss' must not be converted"),
        (lambda: callbacks.ModelCheckpoint("{loss:03d}"), ValueError, "ModelCheckpoint: filepath .* code 'd'"),
        (lambda: callbacks.ModelCheckpoint("{epoch:{loss}}"), ValueError, "ModelCheckpoint: filepath"),
        (lambda: callbacks.ModelCheckpoint(3), TypeError, "ModelCheckpoint: filepath must be a path, .* got 3"),
        (lambda: callbacks.CSVLogger(None), TypeError, "CSVLogger: filename must be a path, .* got None"),
        (lambda: callbacks.TensorBoard(3), TypeError, "TensorBoard: log_dir must be a path, .* got 3"),
    ],
)
def test_wrong_descriptions(make, error, said):
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"class_weight": {7: 1.0}}, ValueError, "class_weight has the class 7, there are 3"),
        ({"class_weight": {1: None}}, TypeError, "fit: class_weight must have numbers, got None"),
        ({"class_weight": ["1", "2", "3"]}, TypeError, "fit: class_weight must have numbers, got '1'"),
        ({"class_weight": 3}, TypeError, "fit: class_weight must be a dict or a sequence of numbers, got 3"),
        ({"restore_best_weights": "no"}, TypeError, "fit: restore_best_weights must be True or False, got 'no'"),
        ({"clipnorm": -1}, ValueError, "^fit: clipnorm must be finite and at least 0, got -1"),
        ({"clipnorm": "a"}, TypeError, "^fit: clipnorm must be a number, got 'a'"),
        ({"clipvalue": float("nan")}, ValueError, "^fit: clipvalue must be finite and at least 0, got nan"),
        ({"parameter_clipnorm": float("inf")}, ValueError, "^fit: parameter_clipnorm must be finite"),
        ({"ema_decay": 1}, ValueError, r"^fit: ema_decay must be in \[0, 1\), got 1"),
        ({"ema_decay": None}, TypeError, "^fit: ema_decay must be a number, got None"),
        ({"ema_decay": 0.5, "swa_start": 1}, ValueError, "^fit: ema_decay and swa_start are two averages"),
        ({"checkpoint_epochs": 0}, ValueError, "^fit: checkpoint_epochs must be at least 1, got 0"),
        ({"class_weight": [1, 2]}, ValueError, "^fit: class_weight has 2 numbers, .* one for each class, 3"),
        ({"class_weight": {1: -1}}, ValueError, "^fit: class_weight must be finite and at least 0, got -1"),
        ({"class_weight": {1: float("nan")}}, ValueError, "^fit: class_weight must be finite and at least 0, got nan"),
        ({"schedule": "triangular:cycles=1.5"}, ValueError, "schedule: triangular: cycles must be a whole number"),
        ({"schedule": "triangular:low=nan"}, ValueError, "triangular: low must be a finite number, got 'nan'"),
        ({"schedule": "cosine:restarts=1,restarts=1"}, ValueError, "cosine: restarts is given twice"),
        ({"schedule": "triangular:cycles=0"}, ValueError, "cycles = 0, it must be at least 1"),
        ({"swa_start": 2}, ValueError, "swa_start = 2, it must be from 1 to epochs, 1, or 0"),
        ({"swa_start": 1.5}, TypeError, "swa_start must be an integer"),
        ({"checkpoint": "/none/there", "epochs": 1}, OSError, "/none/there"),
        ({"checkpoint": 3}, TypeError, "fit: checkpoint must be a path, .* got 3"),
        ({"resume_from": 3}, TypeError, "fit: resume_from must be a path, .* got 3"),
    ],
    ids=str,
)
def test_wrong_fits(options, error, said):
    with pytest.raises(error, match=said):
        small_model().fit(*bars(20), **{"verbose": 0, **options})


@pytest.mark.parametrize(
    "loss, units, wrong, said",
    [
        (losses.BinaryCrossentropy(), 3, -1.0, r"must be in \[0, 1\], but sample 7 has -1"),
        (losses.BinaryCrossentropy(from_logits=True), 3, 2.0, "sample 7 has 2"),
        (losses.BinaryCrossentropy(), 3, np.nan, "sample 7 has nan"),
        (losses.CategoricalCrossentropy(), 3, 0.5, "rows of probabilities, but sample 7 has a row of sum 0.5"),
        (losses.CategoricalCrossentropy(), 3, -1.0, "sample 7 has -1"),
        (losses.CategoricalCrossentropy(label_smoothing=0.1), 3, np.inf, "sample 7 has inf"),
        (losses.KLDivergence(), 3, 2.0, "KL divergence's targets .* sample 7 has a row of sum 2"),
        (losses.BinaryFocalCrossentropy(), 3, 2.0, "binary focal loss's targets .* sample 7 has 2"),
        (losses.CategoricalFocalCrossentropy(), 3, 0.5, "focal loss's targets .* sample 7 has a row of sum 0.5"),
        (losses.Dice(), 3, -1.0, "Dice loss's targets .* sample 7 has -1"),
        (losses.Tversky(), 3, 1.5, "Tversky loss's targets .* sample 7 has 1.5"),
        (losses.Poisson(), 3, -1.0, "Poisson loss's targets must be finite and at least 0, but sample 7 has -1"),
    ],
    ids=str,
)
def test_targets_that_no_loss_is_of(loss, units, wrong, said):
    x, labels = bars(20)
    rows = np.eye(units)[labels]
    model = small_model()
    model.compile("adam", loss)
    before = weight_bytes(model)
    model.evaluate(x, rows)
    rows[7] = [wrong, 0, 0]
    for who, call in (
        ("fit", lambda: model.fit(x, rows, verbose=0)),
        (r"fit \(validation\)", lambda: model.fit(x[:5], rows[:5], validation_data=(x, rows), verbose=0)),
        (r"fit \(batch 1\)", lambda: model.fit([(x, rows)], verbose=0)),
        ("evaluate", lambda: model.evaluate(x, rows)),
    ):
        with pytest.raises(ValueError, match=f"^{who}: the .*{said}"):
            call()
    assert weight_bytes(model) == before


@pytest.mark.parametrize(
    "loss, way_out",
    [
        (losses.BinaryCrossentropy, "sigmoid, or take the loss with from_logits"),
        (losses.BinaryFocalCrossentropy, "sigmoid, or take the loss with from_logits"),
        (losses.CategoricalFocalCrossentropy, "softmax, or take the loss with from_logits"),
        (losses.KLDivergence, "softmax"),
        (losses.Dice, "sigmoid or softmax"),
        (losses.Tversky, "sigmoid or softmax"),
        (losses.Poisson, "softplus, exponential or relu"),
        (losses.NegativeLogLikelihood, "log_softmax"),
    ],
)
def test_outputs_that_no_loss_is_of(loss, way_out):
    x, labels = bars(20)
    model = small_model(activation=None)
    model.compile("adam", loss())
    rows = labels if loss.takes == "labels" else np.eye(3)[labels]
    before = weight_bytes(model)
    for who, call in (("fit", model.fit), ("evaluate", model.evaluate)):
        with pytest.raises(ValueError, match=f"^{who}: the .* is of outputs .*: end the network in {way_out}"):
            call(x, rows, **({"verbose": 0} if who == "fit" else {}))
    assert weight_bytes(model) == before
    if "from_logits" in way_out:
        model.compile("adam", loss(from_logits=True))
        model.fit(x, rows, verbose=0)
    for activation in ["log_softmax"] if way_out == "log_softmax" else ["sigmoid", "softmax"]:
        model = small_model(activation=activation)
        model.compile("adam", loss())
        model.fit(x, rows, verbose=0)


def test_targets_that_losses_are_of():
    """Mixed and smoothed rows, thirds written with three digits, and what hinges take."""
    x, labels = bars(20)
    rows = np.eye(3)[labels]
    model = small_model()
    model.compile("adam", losses.CategoricalCrossentropy(label_smoothing=0.1))
    model.fit(x, rows, augmentation=hubel.Augmentation(mixup=0.4, cutmix=0.4), verbose=0)
    model.fit(x, np.full((20, 3), 0.333), verbose=0)
    model.fit(x, labels, augmentation=hubel.Augmentation(mixup=0.4), verbose=0)
    for loss in (losses.Hinge(), losses.SquaredHinge(), losses.MeanSquaredError()):
        model.compile("adam", loss)
        model.fit(x, 2 * rows - 1, verbose=0)


def test_one_output_has_no_classes():
    x, _ = bars(20)
    model = small_model(units=1, activation="sigmoid")
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"two classes.* one output.*loss=hubel.losses.BinaryCrossentropy\(\)"):
            call(x, np.arange(20) % 2)
    model.compile("adam", losses.BinaryCrossentropy())
    model.fit(x, np.arange(20) % 2, verbose=0)
    model = small_model(units=1)
    for loss in ("binary_crossentropy", "mse"):
        model.compile("adam", loss)
        for call in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match="the softmax of a single output is always 1; .* sigmoid"):
                call(x, np.arange(20) % 2)


def test_two_trainings_into_one_checkpoint(tmp_path):
    x, y = bars(20)

    def second(epoch, logs):
        with pytest.raises(OSError, match="c: another training is writing to it"):
            small_model().fit(x, y, checkpoint=tmp_path / "c", verbose=0)

    for _ in range(2):
        small_model().fit(x, y, epochs=2, checkpoint=tmp_path / "c", callbacks=second, verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_checkpoint_is_not_written_over_another_file(tmp_path):
    x, y = bars(20)
    model, path = small_model(), tmp_path / "c"
    for kind, write in (("text", lambda: path.write_text("what I wrote")), ("model", lambda: model.save(path))):
        write()
        content, before = path.read_bytes(), weight_bytes(model)
        with pytest.raises(ValueError, match="c: there is a file already, which is no checkpoint"):
            model.fit(x, y, checkpoint=path, verbose=0)
        assert path.read_bytes() == content and weight_bytes(model) == before, kind
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="fit: checkpoint and ModelCheckpoint write the same file, .*c"):
        model.fit(x, y, checkpoint=path, callbacks=callbacks.ModelCheckpoint(str(path)), verbose=0)
    for _ in range(2):
        model.fit(x, y, checkpoint=path, verbose=0)
        assert path.stat().st_size > 0


def test_what_another_training_s_checkpoint_says(tmp_path):
    x, y = bars(20)
    small_model().fit(x, y, checkpoint=tmp_path / "c", seed=0, verbose=0)
    with pytest.raises(ValueError, match="of a training on other samples: the samples' fingerprint"):
        small_model().fit(2 * x, y, resume_from=tmp_path / "c", seed=0, verbose=0)
    for load in (small_model().load_weights, hubel.load_model):
        with pytest.raises(ValueError, match="c: not a .*: it is a checkpoint, which a training .* goes on from"):
            load(tmp_path / "c")


def test_wrong_targets():
    x, y = plane(20)
    model = hubel.Sequential([hubel.Dense(2)], input_shape=(3,))
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"targets have shape \(20,\), they must be \(m, 2\)"):
        model.fit(x, y[:, 0], verbose=0)
    with pytest.raises(ValueError, match="x has 20 samples but y has 10 targets"):
        model.fit(x, y[:10], verbose=0)
    with pytest.raises(ValueError, match="class_weight goes with"):
        model.fit(x, y, class_weight=[1, 2], verbose=0)
    with pytest.raises(ValueError, match="fit: targets must be an array, but .* rows of different lengths"):
        model.fit(x, [[1, 2], [3]] * 10, verbose=0)
    with pytest.raises(ValueError, match="fit: targets must fit float32, got -1e[+]39"):
        model.fit(x, np.full((20, 2), -1e39), verbose=0)
    with pytest.raises(TypeError, match="numbers"):
        model.fit(x, np.full((20, 2), "a"), verbose=0)
