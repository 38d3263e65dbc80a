"""Metrics of compile, and what fit calls besides on_epoch_end."""

import pickle

import hubel
import numpy as np
import pytest
from hubel import callbacks, metrics

from small_models import bars, small_model, weight_bytes

X, Y = bars(40)
VALIDATION = bars(21, 1)


def worst(y_true, y_pred):
    """The least of a batch's probabilities of the labels."""
    return np.take_along_axis(y_pred, y_true[:, None], 1).min()


def compiled(*chosen, loss="sparse_categorical_crossentropy", **options):
    model = small_model(**options)
    model.compile("adam", loss, metrics=chosen)
    return model


def fitted(model, **options):
    return model.fit(X, Y, **{"epochs": 3, "seed": 5, "verbose": 0, **options}).history


# --- metrics


def test_by_name_and_by_function():
    model = compiled("accuracy", "mse", "mean_absolute_error", worst, "top_2_accuracy")
    logs = fitted(model, validation_data=VALIDATION, batch_size=64)
    names = ["loss", "accuracy", "top_2_accuracy", "mse", "mean_absolute_error", "worst"]
    assert list(logs) == [*names, *("val_" + name for name in names), "learning_rate"]
    x, y = VALIDATION
    p, rows = model.predict(x), np.eye(3)[y]
    results = model.evaluate(x, y, return_dict=True)
    assert results == {name: logs["val_" + name][-1] for name in names}
    assert model.evaluate(x, y) == list(results.values())
    assert results["mse"] == pytest.approx(np.mean((p - rows) ** 2), rel=1e-5)
    assert results["mean_absolute_error"] == pytest.approx(np.mean(np.abs(p - rows)), rel=1e-5)
    assert results["worst"] == worst(y, p)


def test_measuring_changes_nothing():
    measuring, plain = compiled("mse", worst), compiled()
    fitted(measuring, validation_data=VALIDATION)
    fitted(plain, validation_data=VALIDATION)
    assert weight_bytes(measuring) == weight_bytes(plain)


def test_the_mean_is_over_batches_by_their_samples():
    sizes = []

    def size(y_true, y_pred):
        sizes.append(len(y_pred))
        return len(y_true)

    model = compiled(size)
    logs = fitted(model, batch_size=16, epochs=2)
    assert sizes == [16, 16, 8] * 2
    assert logs["size"] == [pytest.approx((16 * 16 + 16 * 16 + 8 * 8) / 40)] * 2


def test_of_training_they_are_of_what_was_learned_from():
    model = compiled(metrics.accuracy_score)
    logs = fitted(model, batch_size=7)
    assert logs["accuracy_score"] == [pytest.approx(value) for value in logs["accuracy"]]


def test_binary_accuracy_and_targets():
    y = (Y == 1).astype(float)[:, None]
    model = compiled("binary_accuracy", metrics.r2_score, units=1, activation="sigmoid", loss="binary_crossentropy")
    logs = model.fit(X, y, epochs=2, verbose=0, validation_data=(X, y)).history
    assert logs["binary_accuracy"] == pytest.approx(logs["accuracy"])
    assert logs["val_r2_score"][-1] == pytest.approx(metrics.r2_score(y, model.predict(X)), rel=1e-5)


def test_labels_of_pixels():
    x = np.random.default_rng(0).normal(size=(6, 4, 5, 1)).astype(np.float32)
    y = (x[..., 0] > 0).astype(int)
    y[0, 0, 0] = 255
    seen = []

    def shapes(y_true, y_pred):
        seen.append((y_true.shape, y_true.dtype, y_pred.shape, y_pred.dtype))
        return 0

    model = hubel.Sequential([hubel.Conv2D(2, 1, activation="softmax")], input_shape=(4, 5, 1))
    model.compile(loss=hubel.losses.SparseCategoricalCrossentropy(ignore_class=255), metrics=[shapes, "mse"])
    model.fit(x, y, verbose=0)
    assert seen == [((119,), np.int32, (119, 2), np.float32)]  # those that count
    rows = (y[..., None] == [0, 1]).astype(float)
    expected = np.mean((model.predict(x) - rows)[y != 255] ** 2)
    assert model.evaluate(x, y, batch_size=4, return_dict=True)["mse"] == pytest.approx(expected, rel=1e-5)
    model.compile(metrics=[shapes])
    model.evaluate(x, np.minimum(y, 1))
    assert seen[-1] == ((6, 4, 5), np.int32, (6, 4, 5, 2), np.float32)


@pytest.mark.parametrize("loss", [hubel.losses.SparseCategoricalCrossentropy, hubel.losses.NegativeLogLikelihood])
def test_what_is_ignored_is_left_out(loss):
    """Also a whole batch of it: the means are those of the other samples alone."""
    y = np.where(np.arange(40) < 16, -1, Y)
    activation = "log_softmax" if loss is hubel.losses.NegativeLogLikelihood else "softmax"
    chosen = ("accuracy", "mse", "binary_accuracy", metrics.accuracy_score, worst)
    model = compiled(*chosen, loss=loss(ignore_class=-1), activation=activation)
    whole = model.evaluate(X, y, return_dict=True)
    assert whole == model.evaluate(X[16:], y[16:], return_dict=True)
    assert whole["accuracy_score"] == whole["accuracy"]
    parts = model.evaluate(X, y, batch_size=8, return_dict=True)
    assert parts.pop("worst") >= whole.pop("worst")
    assert parts == pytest.approx(whole)
    logs = model.fit(X, y, verbose=0, batch_size=40, validation_data=(X, y)).history
    assert logs["accuracy_score"] == logs["accuracy"]
    assert logs["val_accuracy_score"] == logs["val_accuracy"]
    assert set(model.evaluate(X[:8], y[:8], return_dict=True).values()) == {0}  # of nothing


def test_accuracies_go_by_the_names_they_are_asked_for(capsys):
    for asked, names in (
        (["sparse_categorical_accuracy"], ["sparse_categorical_accuracy"]),
        (["acc"], ["acc"]),
        ([], ["accuracy"]),
        (["categorical_accuracy", "accuracy"], ["categorical_accuracy", "accuracy"]),
    ):
        plateau = callbacks.ReduceLROnPlateau(f"val_{names[0]}")
        logs = fitted(compiled(*asked), verbose=2, validation_data=VALIDATION, callbacks=plateau)
        every = ["loss", *names]
        assert list(logs) == [*every, *("val_" + name for name in every), "learning_rate"]
        assert all(logs[name] == logs[names[0]] for name in names)
        assert f"  val_{names[-1]} " in capsys.readouterr().out
        assert list(compiled(*asked).evaluate(X, Y, return_dict=True)) == every


def test_top_k_of_rows_of_targets():
    rows = np.eye(3, dtype=np.float32)[Y]
    for loss in ("categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence", "categorical_hinge"):
        model = compiled("top_2_accuracy", loss=loss)
        expected = metrics.top_k_accuracy_score(Y, model.predict(X), 2)
        assert model.evaluate(X, rows, return_dict=True)["top_2_accuracy"] == pytest.approx(expected)
        model.fit(X, rows, verbose=0)
    model.fit(X, Y, verbose=0, augmentation=hubel.Augmentation(mixup=0.2))
    for loss in ("mse", "binary_crossentropy", "dice"):
        with pytest.raises(ValueError, match=f"compile: top_2_accuracy goes with losses of classes, not with {loss}"):
            compiled("top_2_accuracy", loss=loss)
    with pytest.raises(ValueError, match="one top-k accuracy, metrics have top_2_accuracy and top_3_accuracy"):
        compiled("top_2_accuracy", "top_3_accuracy")


def test_early_stopping_and_files_know_them(tmp_path):
    model = compiled(worst)
    stop = callbacks.EarlyStopping("val_worst", mode="max", patience=1, min_delta=10)
    log = callbacks.CSVLogger(tmp_path / "log.csv")
    assert len(fitted(model, epochs=9, validation_data=VALIDATION, callbacks=[stop, log])["loss"]) == 2
    assert "worst,val_loss" in (tmp_path / "log.csv").read_text()


def test_they_are_printed(capsys):
    fitted(compiled("mse"), verbose=2, epochs=1, validation_data=VALIDATION)
    line = capsys.readouterr().out
    for name in ("loss", "accuracy", "mse", "val_loss", "val_accuracy", "val_mse"):
        assert f"  {name} 0." in line or f"  {name} 1." in line


def test_pickles_keep_them():
    model = compiled(worst, "mse")
    copy = pickle.loads(pickle.dumps(model))
    assert copy.evaluate(X, Y) == model.evaluate(X, Y)
    state = model.__getstate__()
    del state["metrics"]  # as of an older Hubel
    copy.__setstate__(state)
    assert copy.evaluate(X, Y) == model.evaluate(X, Y)[:2]


@pytest.mark.parametrize(
    "metric, error, said",
    [
        ("mses", ValueError, "compile: unknown metric 'mses', known are 'accuracy'.*'mse'.*functions"),
        ("top_0_accuracy", ValueError, "unknown metric 'top_0_accuracy'"),
        (7, TypeError, "compile: a metric must be a name or a function"),
        (dict, TypeError, "compile: a metric must be a name or a function"),
    ],
)
def test_wrong_metrics(metric, error, said):
    with pytest.raises(error, match=said):
        small_model().compile(metrics=[metric])


def test_metrics_of_a_wrong_type():
    model = compiled("mse", loss="mse")
    for wrong in (3, {"accuracy"}):
        with pytest.raises(TypeError, match="compile: metrics must be a name, a function or a list of them, got"):
            model.compile("sgd", metrics=wrong)
    assert model.loss == hubel.losses.MeanSquaredError() and isinstance(model.optimizer, hubel.Adam)


def test_an_accuracy_that_the_loss_does_not_have():
    for chosen in ("accuracy", "acc", "sparse_categorical_accuracy"):
        with pytest.raises(ValueError, match=f"compile: the loss of dense_1, mse, has no {chosen}; the losses"):
            compiled(chosen, loss="mse")
    compiled("accuracy", loss="kl_divergence")


def test_names_that_are_taken():
    def loss(y_true, y_pred):
        return 0.0

    def top_2_accuracy(y_true, y_pred):
        return 0.0

    with pytest.raises(ValueError, match="would be logged as 'top_2_accuracy', which is the metric top_2_accuracy"):
        compiled("top_2_accuracy", top_2_accuracy)

    for chosen in ([loss], [worst, worst], ["mse", "mse"]):
        with pytest.raises(ValueError, match="compile: the metric's name '.*' is taken"):
            small_model().compile(metrics=chosen)


def test_what_a_metric_raises_passes_through():
    class Own(Exception):
        pass

    def failing(y_true, y_pred):
        raise Own

    model = compiled(failing)
    for options in ({}, {"validation_data": VALIDATION}):
        with pytest.raises(Own):
            fitted(model, **options)
    with pytest.raises(Own):
        model.evaluate(X, Y)
    for wrong in (np.zeros(1), np.complex64(1j), np.str_("1"), None):
        with pytest.raises(TypeError, match="the metric '<lambda>' must return a number, got"):
            fitted(compiled(lambda y_true, y_pred: wrong))
    model.compile()
    model.evaluate(X, Y)  # as good as ever


# --- calls


class Everything(callbacks.Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self):
        self.calls.append("train begins")

    def on_epoch_begin(self, epoch, logs):
        self.calls.append(("epoch begins", epoch, logs))

    def on_train_batch_end(self, batch, logs):
        self.calls.append((batch, sorted(logs)))

    def on_epoch_end(self, epoch, logs):
        self.calls.append(("epoch ends", epoch))

    def on_train_end(self):
        self.calls.append("train ends")


def test_the_order_of_calls():
    every = Everything()
    fitted(compiled("mse"), batch_size=20, epochs=2, callbacks=every)
    steps = [(0, ["accuracy", "loss", "mse"]), (1, ["accuracy", "loss", "mse"])]
    epochs = [[("epoch begins", i, {}), *steps, ("epoch ends", i)] for i in range(2)]
    assert every.calls == ["train begins", *epochs[0], *epochs[1], "train ends"]


def test_the_last_step_s_means_are_the_epoch_s():
    seen = []
    logs = fitted(
        compiled("mse"),
        batch_size=16,
        callbacks=callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs)),
    )
    assert len(seen) == 9
    for i in range(3):
        assert seen[3 * i + 2] == {name: logs[name][i] for name in ("loss", "accuracy", "mse")}


def test_stopping_after_a_step(tmp_path):
    """Without the epoch's end; a checkpoint goes on to the same bits."""
    model, options = compiled(), {"batch_size": 16, "epochs": 3}

    def stop(batch, logs):
        model.stop_training = batch == 1 and len(model.history.epoch) == 1

    stopping = callbacks.LambdaCallback(on_train_batch_end=stop)
    assert len(fitted(model, callbacks=stopping, checkpoint=tmp_path / "c", **options)["loss"]) == 1
    resumed, whole = compiled(), compiled()
    fitted(resumed, resume_from=tmp_path / "c", **options)
    fitted(whole, **options)
    assert weight_bytes(resumed) == weight_bytes(whole) != weight_bytes(model)


@pytest.mark.parametrize("method, epochs", [("on_train_begin", 0), ("on_epoch_begin", 1)])
def test_stopping_before_an_epoch(method, epochs):
    model, expected = compiled(), compiled()

    def stop(*arguments):
        model.stop_training = len(model.history.epoch) == epochs

    class Stops(callbacks.Callback):
        pass

    setattr(Stops, method, lambda self, *arguments: stop())
    assert model.fit(X, Y, epochs=3, seed=5, verbose=0, callbacks=Stops()).epoch == list(range(epochs))
    if epochs:
        fitted(expected, callbacks=lambda epoch, logs: setattr(expected, "stop_training", True))
    assert weight_bytes(model) == weight_bytes(expected)


def test_lambda_callback():
    calls = []
    fitted(
        compiled(),
        epochs=1,
        batch_size=40,
        callbacks=[
            callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: calls.append(("begin", epoch, logs)),
                on_epoch_end=lambda epoch, logs: calls.append(("end", epoch, "loss" in logs)),
                on_train_begin=lambda logs: calls.append(("train", logs)),
                on_train_end=lambda logs: calls.append(("done", logs)),
                on_train_batch_end=lambda batch, logs: calls.append(batch),
            ),
            callbacks.LambdaCallback(),
        ],
    )
    assert calls == [("train", {}), ("begin", 0, {}), 0, ("end", 0, True), ("done", {})]
    with pytest.raises(TypeError, match="LambdaCallback: on_epoch_end must be a function or None, got 3"):
        callbacks.LambdaCallback(on_epoch_end=3)


def test_what_calls_raise_passes_through():
    class Own(Exception):
        pass

    def fail(*arguments):
        raise Own

    for name in ("on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_batch_end"):
        with pytest.raises(Own):
            fitted(compiled(), callbacks=callbacks.LambdaCallback(**{name: fail}))
    with pytest.raises(Own):
        fitted(compiled(), callbacks=callbacks.LearningRateScheduler(fail))


def test_wrong_callbacks():
    for wrong in (7, [7], [object()]):
        with pytest.raises(TypeError, match="fit: a callback must be a function or have methods such as on_epoch_end"):
            fitted(compiled(), callbacks=wrong)


# --- learning rates


def test_learning_rates_by_function(tmp_path):
    rates = [0.01, 0.001, 0.002]
    by_epoch = callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
    model = compiled()
    assert fitted(model, callbacks=by_epoch)["learning_rate"] == rates
    halving = callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else rate / 2)
    halved = compiled()
    assert fitted(halved, callbacks=[halving])["learning_rate"] == [0.001, 0.0005, 0.00025]
    stepped = compiled()
    fitted(stepped, schedule="step:every=1,gamma=0.5")
    assert weight_bytes(stepped) == weight_bytes(halved)
    stopped = compiled()

    def stop(batch, logs):
        stopped.stop_training = batch == 0 and len(stopped.history.epoch) == 1

    fitted(stopped, callbacks=[halving, callbacks.LambdaCallback(on_train_batch_end=stop)], checkpoint=tmp_path / "c")
    resumed = compiled()
    fitted(resumed, callbacks=[halving], resume_from=tmp_path / "c")
    assert weight_bytes(resumed) == weight_bytes(halved)


@pytest.mark.parametrize(
    "function, options, error, said",
    [
        (lambda epoch: -1.0, {}, ValueError, "fit: the learning rate of epoch 1 is -1, it must be finite"),
        (lambda epoch: float("nan"), {}, ValueError, "fit: the learning rate of epoch 1 is nan"),
        (lambda epoch: "0.1", {}, TypeError, "LearningRateScheduler: schedule must return a number, got '0.1'"),
        (lambda epoch: 0.1, {"schedule": "cosine"}, ValueError, "LearningRateScheduler takes the place of schedule"),
        (lambda epoch: 0.1, {"warmup": 0.1}, ValueError, "LearningRateScheduler takes the place of schedule"),
    ],
)
def test_wrong_learning_rates(function, options, error, said):
    with pytest.raises(error, match=said):
        fitted(compiled(), callbacks=callbacks.LearningRateScheduler(function), **options)


def test_one_learning_rate_at_a_time():
    one = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(ValueError, match="there may be one LearningRateScheduler, callbacks have 2"):
        fitted(compiled(), callbacks=[one, one])
    with pytest.raises(ValueError, match="takes the place of"):
        fitted(compiled(), callbacks=[one, callbacks.ReduceLROnPlateau("loss")])
    with pytest.raises(TypeError, match="LearningRateScheduler: schedule must be a function, got 0.1"):
        callbacks.LearningRateScheduler(0.1)
