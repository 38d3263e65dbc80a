"""Training a batch at a time: the steps are those of fit."""

import copy
import pickle

import hubel
import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes

OPTIMIZERS = [hubel.SGD(0.05, momentum=0.9), "adam", hubel.Adam(amsgrad=True), hubel.RAdam(beta_2=0.9), "nadam", "lamb"]


def with_dropout(seed=0):
    layers = [hubel.Conv2D(4, 3), hubel.BatchNorm(activation="relu"), hubel.Flatten(), hubel.Dropout(0.3)]
    return hubel.Sequential([*layers, hubel.Dense(3, "softmax")], (8, 8, 1), seed=seed)


def go_through(model, x, y, weights=None, size=16):
    """An epoch by hand: what each batch came to."""
    batches = [slice(begin, begin + size) for begin in range(0, len(x), size)]
    return [model.train_on_batch(x[b], y[b], None if weights is None else weights[b]) for b in batches]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_the_steps_are_those_of_fit(optimizer):
    x, y = bars(72)  # the last batch is smaller
    weights = np.random.default_rng(1).uniform(0, 2, 72)
    for given in (None, weights):
        by_fit, by_hand = with_dropout(3), with_dropout(3)
        by_fit.compile(optimizer)
        by_hand.compile(optimizer)
        history = by_fit.fit(x, y, 16, 2, sample_weight=given, shuffle=False, verbose=0).history
        sizes = [16, 16, 16, 16, 8]
        for epoch in range(2):
            results = np.array(go_through(by_hand, x, y, given))
            losses, accuracies = np.average(results, axis=0, weights=sizes)
            assert losses == pytest.approx(history["loss"][epoch], rel=1e-9)
            assert accuracies == pytest.approx(history["accuracy"][epoch])
        assert weight_bytes(by_hand) == weight_bytes(by_fit)


def test_learning_rates_are_those_of_a_scheduler():
    x, y = bars(32)
    by_fit, by_hand = with_dropout(3), with_dropout(3)
    rates = [0.003, 0.0, 0.0007]
    scheduler = hubel.callbacks.LearningRateScheduler(lambda epoch, rate: rates[epoch])
    by_fit.fit(x, y, 16, 3, shuffle=False, verbose=0, callbacks=scheduler)
    for rate in rates:
        for b in (slice(0, 16), slice(16, 32)):
            by_hand.train_on_batch(x[b], y[b], learning_rate=rate)
    assert weight_bytes(by_hand) == weight_bytes(by_fit)


def test_of_several_outputs():
    def made():
        image, place = hubel.Input((8, 8, 1), name="image"), hubel.Input(2, name="place")
        flat = hubel.Concatenate()([hubel.Flatten()(image), place])
        outputs = [hubel.Dense(3, "softmax", name="bar")(flat), hubel.Dense(2, name="box")(flat)]
        model = hubel.Model([image, place], outputs, seed=1)
        model.compile("adam", ["sparse_categorical_crossentropy", "mse"], loss_weights=[1, 0.5])
        return model

    x, y = bars(32)
    place = np.random.default_rng(0).normal(size=(32, 2))
    by_fit, by_hand = made(), made()
    by_fit.fit([x, place], [y, place], 16, shuffle=False, verbose=0)
    inputs = {"image": x, "place": place}
    for b in (slice(0, 16), slice(16, 32)):
        batch = {name: values[b] for name, values in inputs.items()}
        result = by_hand.train_on_batch(batch, {"bar": y[b], "box": place[b]}, return_dict=True)
    assert weight_bytes(by_hand) == weight_bytes(by_fit)
    assert list(result) == ["loss", "bar_loss", "box_loss", "bar_accuracy"]
    assert result["loss"] == pytest.approx(result["bar_loss"] + 0.5 * result["box_loss"])


def test_what_is_kept_from_call_to_call_and_what_begins_anew():
    x, y = bars(16)

    def after(*between):
        model = small_model(1)
        model.train_on_batch(x, y)
        for call in between:
            call(model)
        model.train_on_batch(x, y)
        return weight_bytes(model)

    def resets(model):
        model.set_weights(model.get_weights())
        model.evaluate(x, y)
        model.predict(x[:2])

    kept = after()
    assert after(resets) == kept
    for begin in (
        lambda model: model.compile(),
        lambda model: setattr(model, "optimizer", "adam"),
        lambda model: setattr(model, "loss", "sparse_categorical_crossentropy"),
        lambda model: model.unfreeze(),
    ):
        assert after(begin) != kept
    model = small_model(1)
    model.train_on_batch(x, y)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.train_on_batch(x, y)
        assert weight_bytes(other) != kept


def test_fit_begins_anew():
    x, y = bars(16)
    one, other = small_model(1), small_model(1)
    one.train_on_batch(x, y)
    other.set_weights(one.get_weights())
    for model in (one, other):
        model.fit(x, y, seed=5, verbose=0)
        model.train_on_batch(x, y)
    assert weight_bytes(one) == weight_bytes(other)


def test_frozen_layers_stay():
    x, y = bars(16)
    model = small_model()
    model.train_on_batch(x, y)
    model.freeze("conv2d_1")
    before = model.parameters()
    model.train_on_batch(x, y)
    after = model.parameters()
    same = [name for name in before if np.array_equal(before[name], after[name])]
    assert same == ["conv2d_1.kernel", "conv2d_1.bias"]


def test_results_are_of_the_batch_alone_and_before_its_step():
    x, y = bars(30)
    model = small_model()
    model.compile("adam", metrics=["accuracy", "top_2_accuracy", hubel.metrics.accuracy_score])
    for begin in (0, 15):
        batch = x[begin : begin + 15], y[begin : begin + 15]
        wanted = model.test_on_batch(*batch, return_dict=True)
        assert wanted == model.evaluate(*batch, return_dict=True)
        result = model.train_on_batch(*batch, return_dict=True)
        assert list(result) == ["loss", "accuracy", "top_2_accuracy", "accuracy_score"]
        assert list(result.values()) == pytest.approx(list(wanted.values()), rel=1e-5)
    weights = np.arange(30)
    assert model.test_on_batch(x, y, weights) == model.evaluate(x, y, sample_weight=weights)
    assert np.array_equal(model.predict_on_batch(x), model.predict(x))
    assert model.predict_on_batch(x[:0]).shape == (0, 3)


def test_predictions_follow_the_steps():
    x, y = bars(16)
    model = small_model()
    before = model.predict(x[:2])
    model.train_on_batch(x, y)
    after = model.predict(x[:2])
    assert not np.array_equal(before, after)
    assert np.array_equal(after, pickle.loads(pickle.dumps(model)).predict(x[:2]))


def test_what_does_not_fit_changes_nothing():
    x, y = bars(4)
    model = small_model()
    before = weight_bytes(model)
    wrong = np.full_like(x, np.nan)
    for error, said, call in (
        (ValueError, "train_on_batch: x has no samples", lambda: model.train_on_batch(x[:0], [])),
        (ValueError, "test_on_batch: x has no samples", lambda: model.test_on_batch(x[:0], [])),
        (ValueError, "train_on_batch: x has 4 samples but y has 3", lambda: model.train_on_batch(x, y[:3])),
        (ValueError, "train_on_batch: sample_weight", lambda: model.train_on_batch(x, y, -np.ones(4))),
        (TypeError, "train_on_batch: return_dict", lambda: model.train_on_batch(x, y, return_dict=1)),
        (ValueError, "train_on_batch: learning_rate must be fin", lambda: model.train_on_batch(x, y, learning_rate=-1)),
        (ValueError, "train_on_batch: learning_rate must be fin", lambda: model.train_on_batch(x, y, learning_rate=1e40)),
        (TypeError, "train_on_batch: learning_rate must be a n", lambda: model.train_on_batch(x, y, learning_rate="a")),
        (TypeError, "predict_on_batch: x", lambda: model.predict_on_batch(None)),
        (RuntimeError, "the loss is nan at step 1; there are samples", lambda: model.train_on_batch(wrong, y)),
    ):
        with pytest.raises(error, match=said):
            call()
    assert weight_bytes(model) == before
    model.compile(hubel.SGD(0.0))
    with pytest.raises(ValueError, match="^train_on_batch: with learning_rate the optimizer's own must be above 0"):
        model.train_on_batch(x, y, learning_rate=0.1)
    metric = lambda answers, outputs: model.train_on_batch(x, np.eye(3)[y])  # noqa: E731
    model.compile("sgd", "binary_crossentropy", metrics=[metric])
    with pytest.raises(RuntimeError, match="by a metric of a step that is not over"):
        model.train_on_batch(x, np.eye(3)[y])
