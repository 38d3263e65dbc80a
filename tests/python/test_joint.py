"""Training and evaluating models of several inputs and outputs."""

import pickle

import hubel
import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes

LOSSES = ["mse", "sparse_categorical_crossentropy", hubel.losses.CategoricalCrossentropy(label_smoothing=0.1)]
WEIGHTS = [0.5, 1.0, 2.0]


def joint_model(seed=0, **options):
    """An image and a place; a box, the bar's place, and which pixels are bright."""
    image, place = hubel.Input((8, 8, 1), name="image"), hubel.Input(2, name="place")
    trunk = hubel.Conv2D(4, 3, padding="same", activation="relu")(image)
    bright = hubel.Conv2D(2, 1, activation="softmax", name="bright")(trunk)
    both = hubel.Concatenate()([hubel.Flatten()(hubel.MaxPool2D()(trunk)), place])
    bar = hubel.Dense(3, "softmax", name="bar")(both)
    model = hubel.Model([image, place], [hubel.Dense(2, name="box")(both), bar, bright], seed=seed)
    model.compile(hubel.SGD(0.05), LOSSES, loss_weights=WEIGHTS, **options)
    return model


def joint_samples(count=40, seed=0):
    images, labels = bars(count, seed)
    place = np.random.default_rng(seed).normal(size=(count, 2)).astype("f")
    return [images, place], [place[:, ::-1] - 0.5, labels, (images[..., 0] > 0.5).astype(int)]


def by_name(xs, ys):
    return dict(zip(("image", "place"), xs)), dict(zip(("box", "bar", "bright"), ys))


def mean_losses(model, xs, ys, weights=None):
    """Of each output, by the definitions; and the share that is right."""
    box, bar, bright = (output.astype("d") for output in model.predict(xs))
    weights = np.ones(len(xs[0])) if weights is None else weights
    targets = np.eye(2)[ys[2]] * 0.9 + 0.05
    of_samples = [
        ((box - ys[0]) ** 2).mean(axis=1),
        -np.log(bar[np.arange(len(bar)), ys[1]]),
        -(targets * np.log(bright)).sum(axis=-1).mean(axis=(1, 2)),
    ]
    right = [None, (bar.argmax(axis=1) == ys[1]).mean(), (bright.argmax(axis=-1) == ys[2]).mean()]
    return [(loss * weights).mean() for loss in of_samples], right


NAMES = ["loss", "box_loss", "bar_loss", "bright_loss", "bar_accuracy", "bright_accuracy"]


def test_losses_are_those_of_the_definitions():
    model, (xs, ys) = joint_model(), joint_samples()
    results = model.evaluate(xs, ys, return_dict=True)
    assert list(results) == NAMES
    losses, right = mean_losses(model, xs, ys)
    wanted = [np.dot(losses, WEIGHTS), *losses, *right[1:]]
    np.testing.assert_allclose(list(results.values()), wanted, rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(*by_name(xs, ys), batch_size=7), wanted, rtol=1e-5)
    weights = np.random.default_rng(1).uniform(0, 2, len(xs[0]))
    losses, _ = mean_losses(model, xs, ys, weights)
    results = model.evaluate(xs, ys, sample_weight=weights)
    np.testing.assert_allclose(results, [np.dot(losses, WEIGHTS), *losses, *right[1:]], rtol=1e-5)


def test_a_step_follows_the_gradient_of_the_weighted_sum():
    """By the gradients that `gradients` makes of the losses' own, which are written down here."""
    model, (xs, ys) = joint_model(), joint_samples(12)
    box, bar, bright = model.predict(xs)
    target = np.eye(2, dtype="f")[ys[2]] * 0.9 + 0.05
    douts = [
        WEIGHTS[0] * 2 * (box - ys[0]) / box.size,
        WEIGHTS[1] * -np.eye(3, dtype="f")[ys[1]] / bar / len(bar),
        WEIGHTS[2] * -target / bright / target[..., 0].size,
    ]
    before = model.parameters()
    _, _, gradients = model.gradients(xs, douts)
    model.fit(xs, ys, batch_size=12, verbose=0)
    for name, weight in model.parameters().items():
        np.testing.assert_allclose(weight, before[name] - 0.05 * gradients[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_history_has_each_output():
    model, (xs, ys) = joint_model(), joint_samples(60)
    steps = []

    class Steps(hubel.callbacks.Callback):
        def on_train_batch_end(self, batch, logs):
            steps.append(dict(logs))

    history = model.fit(xs, ys, epochs=25, verbose=0, validation_split=0.25, callbacks=[Steps()]).history
    assert list(history) == [*NAMES, *(f"val_{name}" for name in NAMES), "learning_rate"]
    assert list(steps[0]) == NAMES and len(steps) == 50
    for name in NAMES:
        assert steps[-1][name] == history[name][-1]
    sums = np.dot(WEIGHTS, [history[f"{name}_loss"] for name in ("box", "bar", "bright")])
    np.testing.assert_allclose(history["loss"], sums, rtol=1e-6)
    assert history["val_bar_accuracy"][-1] > 0.8 and history["val_loss"][-1] < 0.5 * history["val_loss"][0]
    last = model.evaluate([x[45:] for x in xs], [y[45:] for y in ys], return_dict=True)
    for name, value in last.items():
        assert history[f"val_{name}"][-1] == pytest.approx(value, rel=1e-6)


def trained(x, y, **options):
    model = joint_model()
    history = model.fit(x, y, **{"epochs": 3, "seed": 5, "batch_size": 16, "verbose": 0, **options})
    return weight_bytes(model), history.history


def test_dicts_and_batches_train_to_the_bits_of_lists():
    xs, ys = joint_samples()
    weights = np.linspace(0, 2, 40)
    wanted = trained(xs, ys, validation_data=(xs, ys, weights), sample_weight=weights, shuffle=False)
    named = by_name(xs, ys)
    assert trained(*named, validation_data=(*named, weights), sample_weight=weights, shuffle=False) == wanted

    def parts(x_of, y_of):
        for i in range(0, 40, 16):
            some = slice(i, i + 16)
            yield x_of([x[some] for x in xs]), y_of([y[some] for y in ys]), weights[some]

    def as_names(names):
        return lambda arrays: {name: array for name, array in zip(names, arrays)}

    lists = list(parts(list, list))
    dicts = list(parts(as_names(("image", "place")), as_names(("box", "bar", "bright"))))
    for batches in (lists, dicts):
        assert trained(batches, None, validation_data=(xs, ys, weights)) == wanted
    model = joint_model()
    np.testing.assert_allclose(model.evaluate(lists), model.evaluate(xs, ys, sample_weight=weights), rtol=1e-6)


def test_going_on_from_a_checkpoint(tmp_path):
    (xs, ys), path = joint_samples(), tmp_path / "joint.checkpoint"
    options = dict(epochs=6, seed=3, verbose=0, validation_split=0.2, restore_best_weights=True)
    whole = joint_model()
    whole.fit(xs, ys, **options)

    def stop(epoch, logs):
        model.stop_training = epoch == 2

    model = joint_model()
    model.fit(xs, ys, checkpoint=path, callbacks=stop, **options)
    again = joint_model(seed=9)
    again.fit(xs, ys, resume_from=path, **options)
    assert weight_bytes(again) == weight_bytes(whole)
    other = joint_model()
    other.compile(hubel.SGD(0.05), LOSSES)
    with pytest.raises(ValueError, match="another|with loss = "):
        other.fit(xs, ys, resume_from=path, **options)


def test_metrics_of_each_output():
    def worst(y, made):
        return np.abs(y - made).max()

    xs, ys = joint_samples()
    of_box = {"box": ["mae", worst], "bright": "accuracy"}
    for metrics in (of_box, [["mae", worst], None, "accuracy"]):
        model = joint_model(metrics=metrics)
        results = model.evaluate(xs, ys, return_dict=True)
        assert list(results) == [*NAMES[:4], "box_mae", "box_worst", *NAMES[4:]]
        box = model.predict(xs)[0]
        assert results["box_mae"] == pytest.approx(np.abs(box - ys[0]).mean(), rel=1e-5)
        assert results["box_worst"] == pytest.approx(np.abs(box - ys[0]).max(), rel=1e-5)
        history = model.fit(xs, ys, verbose=0, validation_data=(xs, ys)).history
        assert {"box_worst", "val_box_mae"} < set(history)


def test_one_loss_and_one_metric_for_all():
    image = hubel.Input((8, 8, 1))
    flat = hubel.Flatten()(image)
    model = hubel.Model(image, [hubel.Dense(3, name="a")(flat), hubel.Dense(1, name="b")(flat)])
    model.compile("sgd", "mse", metrics=["mae"], loss_weights={"b": 3, "a": 0})
    x, _ = bars(20)
    ys = [np.ones((20, 3)), np.zeros(20)]
    results = model.evaluate(x, ys, return_dict=True)
    assert list(results) == ["loss", "a_loss", "b_loss", "a_mae", "b_mae"]
    assert results["loss"] == pytest.approx(3 * results["b_loss"])
    before = model.parameters()
    model.fit(x, ys, verbose=0)
    np.testing.assert_array_equal(model.parameters()["a.kernel"], before["a.kernel"])
    assert not np.array_equal(model.parameters()["b.kernel"], before["b.kernel"])
    model.loss = "mae"
    assert model.loss == [hubel.losses.MeanAbsoluteError()] * 2
    assert model.evaluate(x, ys, return_dict=True)["loss"] == pytest.approx(3 * results["b_mae"], rel=0.5)


def test_an_accuracy_for_all_is_of_those_whose_loss_has_one():
    model, (xs, ys) = joint_model(), joint_samples(8)
    for chosen in ("accuracy", ["accuracy"], None):
        model.compile("sgd", LOSSES, metrics=chosen)
        assert list(model.evaluate(xs, ys, return_dict=True)) == NAMES
    model.compile("sgd", LOSSES, metrics="acc")
    model.loss = LOSSES  # also when it is set anew
    with pytest.raises(ValueError, match="the loss of bar, mse, has no acc"):
        model.loss = "mse"


def test_loss_weights_may_be_an_array_or_leave_outputs_out():
    model, (xs, ys) = joint_model(), joint_samples(8)
    losses = model.evaluate(xs, ys)[1:4]
    for given, wanted in (({"bar": 3}, [1, 3, 1]), ({}, [1, 1, 1]), (np.array([2, 0.5, 0]), [2, 0.5, 0])):
        model.compile("sgd", LOSSES, loss_weights=given)
        assert model.evaluate(xs, ys)[0] == pytest.approx(np.dot(losses, wanted))


def named(name):
    """A metric of that name."""

    def metric(y_true, y_pred):
        return 7.0

    metric.__name__ = name
    return metric


@pytest.mark.parametrize(
    "names, metrics, said",
    [
        (("a", "a_b"), {"a": named("b_loss")}, "b_loss of a would be logged as 'a_b_loss', which is the loss of a_b"),
        (("learning", "b"), {"learning": named("rate")}, "rate of learning .* 'learning_rate', which is the learning"),
        (("a", "a_b"), {"a": named("b_x"), "a_b": named("x")}, "x of a_b .* as 'a_b_x', which is the metric b_x of a"),
    ],
)
def test_names_that_would_be_logged_twice(names, metrics, said):
    image = hubel.Input((8, 8, 1))
    flat = hubel.Flatten()(image)
    model = hubel.Model(image, [hubel.Dense(1, name=name)(flat) for name in names])
    with pytest.raises(ValueError, match=f"^compile: the metric {said}"):
        model.compile("sgd", "mse", metrics=metrics)


def test_a_weight_of_one_output():
    x, y = bars(30)
    for weights in ([0.5], {"dense_1": 0.5}):
        weighted = small_model()
        weighted.compile(hubel.SGD(0.2), ["sparse_categorical_crossentropy"], loss_weights=weights)
        assert weighted.evaluate(x, y)[0] == pytest.approx(0.5 * small_model().evaluate(x, y)[0])
        weighted.fit(x, y, verbose=0, seed=1)
        again = small_model()
        again.compile(hubel.SGD(0.1))
        again.fit(x, y, verbose=0, seed=1)
        for got, wanted in zip(weighted.get_weights(), again.get_weights()):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_several_inputs_and_one_output():
    image, place = hubel.Input((8, 8, 1)), hubel.Input(2)
    both = hubel.Concatenate()([hubel.Flatten()(image), place])
    model = hubel.Model([image, place], hubel.Dense(3, "softmax")(both))
    model.compile(hubel.Adam(0.02))
    xs, ys = joint_samples(60)
    history = model.fit(xs, ys[1], epochs=20, verbose=0, hard_share=0.5, class_weight={0: 2.0}).history
    assert list(history) == ["loss", "accuracy", "learning_rate"]
    loss, accuracy = model.evaluate(xs, ys[1])
    assert accuracy > 0.8 and loss < 0.7
    with pytest.raises(ValueError, match="augmentation goes with networks that have one input and one output"):
        model.fit(xs, ys[1], augmentation=hubel.Augmentation(flip_horizontal=0.5), verbose=0)


def test_callbacks_watch_an_output(tmp_path):
    xs, ys = joint_samples()
    model = joint_model()
    callbacks = [
        hubel.callbacks.EarlyStopping("val_bar_accuracy", min_delta=2, patience=1),
        hubel.callbacks.CSVLogger(tmp_path / "log.csv"),
    ]
    history = model.fit(xs, ys, epochs=9, verbose=0, validation_data=(xs, ys), callbacks=callbacks)
    assert len(history.epoch) == 2
    assert (tmp_path / "log.csv").read_text().splitlines()[0].startswith("epoch,loss,box_loss,bar_loss,")
    with pytest.raises(ValueError, match="plateau can watch the accuracy of one output only"):
        model.fit(xs, ys, verbose=0, callbacks=hubel.callbacks.ReduceLROnPlateau("accuracy"))


def test_the_best_epoch_is_the_one_of_the_lowest_loss():
    (xs, ys), model = joint_samples(), joint_model()
    model.optimizer = hubel.SGD(0.6)  # too high, so that some epochs are worse than those before
    options = dict(epochs=8, verbose=0, validation_data=(xs, ys), restore_best_weights=True)
    history = model.fit(xs, ys, **options).history
    assert model.evaluate(xs, ys)[0] == pytest.approx(min(history["val_loss"]), rel=1e-6)


def test_what_is_compiled_is_pickled():
    model = joint_model(metrics={"box": ["mae"]})
    copy = pickle.loads(pickle.dumps(model))
    assert copy.loss == model.loss and len(copy.loss) == 3
    xs, ys = joint_samples()
    assert copy.evaluate(xs, ys, return_dict=True) == model.evaluate(xs, ys, return_dict=True)


def test_older_pickles_have_one_loss():
    model = small_model()
    state = model.__getstate__()
    del state["loss_weights"]
    older = {**state, "loss": hubel.losses.CategoricalCrossentropy(), "top_k": 2, "metrics": ("mae",)}
    copy = object.__new__(type(model))
    copy.__setstate__(older)
    assert copy.loss == hubel.losses.CategoricalCrossentropy()
    x, y = bars(10)
    assert list(copy.evaluate(x, y, return_dict=True)) == ["loss", "accuracy", "top_2_accuracy", "mae"]
    del older["metrics"]  # the oldest
    copy.__setstate__(older)
    assert list(copy.evaluate(x, y, return_dict=True)) == ["loss", "accuracy", "top_2_accuracy"]


@pytest.mark.parametrize(
    "options, error, message",
    [
        (dict(loss=["mse"]), ValueError, "loss has 1 elements, one is wanted for each of box, bar, bright"),
        (dict(loss={"box": "mse"}), ValueError, "loss must be for box, bar, bright; got box"),
        (dict(loss=["mse", "mse", 3]), TypeError, "loss must be a name or a loss"),
        (dict(loss_weights=2), TypeError, "loss_weights must be a list of numbers"),
        (dict(loss_weights=[1, 2]), ValueError, "loss_weights has 2 elements"),
        (dict(loss_weights=[1, 2, "3"]), TypeError, "loss_weights must be numbers, got '3'"),
        (dict(loss_weights=[1, 2, -3]), ValueError, "loss_weights must be finite and at least 0, got -3"),
        (dict(loss_weights=[1, 2, np.inf]), ValueError, "loss_weights must be finite and at least 0, got inf"),
        (dict(metrics=["mae", "mse"]), ValueError, "metrics must be one for all outputs, or a list"),
        (dict(metrics={"boxes": "mae"}), ValueError, "metrics has 'boxes', the model's outputs are box, bar, bright"),
        (dict(metrics={"bar": "top_2_accuracy"}), ValueError, "top_2_accuracy goes with losses of classes"),
        (dict(loss_weights={"boxes": 2}), ValueError, "loss_weights has 'boxes', the model's outputs are box, bar"),
        (dict(loss_weights=np.ones((3, 1))), TypeError, "loss_weights must be a list of numbers"),
        (dict(loss_weights=np.ones(2)), ValueError, "loss_weights has 2 elements"),
        (dict(loss_weights=np.ones(3, bool)), TypeError, "loss_weights must be numbers, got"),
        (
            dict(loss=LOSSES, metrics={"box": "accuracy"}),
            ValueError,
            "the loss of box, mse, has no accuracy; the losses that have one are sparse_categorical_cross.*nll",
        ),
        (dict(loss=LOSSES, metrics=[["mae", "acc"], None, None]), ValueError, "the loss of box, mse, has no acc;"),
        (dict(metrics="categorical_accuracy"), ValueError, "the loss of box, mse, has no categorical_accuracy;"),
        (
            dict(loss="sparse_categorical_crossentropy", metrics="top_2_accuracy"),
            ValueError,
            "top_2_accuracy is of one output",
        ),
    ],
)
def test_what_cannot_be_compiled(options, error, message):
    with pytest.raises(error, match=message):
        joint_model().compile("sgd", **{"loss": "mse", **options})


def changed(change):
    xs, ys = joint_samples(8)
    change(xs, ys)
    return xs, ys


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda x, y: y.pop(), ValueError, r"fit: y has 2 elements, one is wanted for each of box, bar, bright"),
        (lambda x, y: x.pop(), ValueError, r"fit: x has 1 elements, one is wanted for each of image, place"),
        (lambda x, y: x.__setitem__(1, x[1][:5]), ValueError, "fit: the inputs have 8, 5 samples"),
        (lambda x, y: y.__setitem__(1, y[1][:5]), ValueError, r"fit \(bar\): x has 8 samples but y has 5 labels"),
        (lambda x, y: y.__setitem__(1, y[1] + 1), ValueError, r"fit \(bar\): labels must be in \[0, 3\), got 3"),
        (lambda x, y: y.__setitem__(0, y[0][:, :1]), ValueError, r"fit \(box\): targets have shape \(8, 1\)"),
        (lambda x, y: y.__setitem__(0, None), TypeError, r"fit \(box\): y is None, but the output box has a loss"),
        (
            lambda x, y: y.__setitem__(1, y[0]),
            ValueError,
            r"fit \(bar\): labels have shape .*; SparseCategoricalCrossentropy learns classes: for other targets "
            "compile the output bar with another loss, such as 'mse'",
        ),
        (
            lambda x, y: y.__setitem__(1, np.full((8, 3), 0.2)),
            ValueError,
            r"fit \(bar\): one-hot labels must be rows of zeros with a single 1; SparseCategoricalCrossentropy learns",
        ),
        (
            lambda x, y: y.__setitem__(2, y[2] + 0.5),
            ValueError,
            r"fit \(bright\): labels must be whole numbers; CategoricalCrossentropy learns classes",
        ),
    ],
)
def test_samples_that_do_not_fit(change, error, message):
    with pytest.raises(error, match=message):
        joint_model().fit(*changed(change), verbose=0)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(class_weight={0: 2.0}), "class_weight goes with one output"),
        (dict(hard_share=0.5), "hard_share goes with one output, but the model has several; it .* by the loss of one"),
        (dict(skip_above=0.9), "skip_above goes with one output, but the model has several; it .* of their label"),
        (dict(augmentation=hubel.Augmentation(flip_horizontal=0.5)), "augmentation goes with networks that have one"),
        (dict(sample_weight=np.ones((40, 8, 8))), r"sample_weight has shape \(40, 8, 8\), it must be \(40,\)"),
    ],
)
def test_what_goes_with_one_output_only(options, message):
    with pytest.raises(ValueError, match=message):
        joint_model().fit(*joint_samples(), verbose=0, **options)


@pytest.mark.parametrize("kind", [list, tuple])
def test_y_that_was_forgotten(kind):
    xs, _ = joint_samples(8)
    for call in (joint_model().fit, joint_model().evaluate):
        with pytest.raises(TypeError, match=f"^{call.__name__}: y is missing; x is a {kind.__name__} of arrays, "):
            call(kind(xs))


@pytest.mark.parametrize(
    "data, said",
    [
        (lambda xs, ys: (xs, ys, np.ones(8), 1), "got 4 of them"),
        (lambda xs, ys: (xs,), "y is missing, or x is no list of an array for each input"),
        (lambda xs, ys: [xs], "y is missing, or x"),
        (lambda xs, ys: xs, "y is missing, or x"),
        (lambda xs, ys: (xs[0], ys[0], np.ones(8)), "y is missing, or x"),
        (lambda xs, ys: dict(zip(("image", "place"), xs)), "a folder's images or batches"),
    ],
)
def test_validation_data_that_is_none(data, said):
    xs, ys = joint_samples(8)
    with pytest.raises(TypeError, match=rf"^fit: validation_data must be \(x, y\) or \(x, y, sample_weight\).* {said}"):
        joint_model().fit(xs, ys, validation_data=data(xs, ys), verbose=0)


def test_validation_data_in_batches():
    xs, ys = joint_samples(8)
    halves = [([x[some] for x in xs], [y[some] for y in ys]) for some in (slice(5), slice(5, None))]
    wanted = trained(xs, ys, validation_data=(xs, ys), epochs=1)[1]
    for batches in (halves, halves * 2, tuple(halves)):
        got = trained(xs, ys, validation_data=batches, epochs=1)[1]
        assert got["val_loss"] == pytest.approx(wanted["val_loss"], rel=1e-5)


@pytest.mark.parametrize(
    "weights, got",
    [
        ({"bar": np.ones(8)}, "a dict of 1"),
        ([np.ones(8)] * 3, "a list of 3"),
        ((None, np.ones(8), None), "a tuple of 3"),
        ([[1.0] * 8] * 3, "a list of 3"),
    ],
)
def test_weights_of_samples_are_for_all_outputs(weights, got):
    said = f"sample_weight must be one array \\(m,\\) for all outputs, got {got}; what each .* is loss_weights"
    for call in (joint_model().fit, joint_model().evaluate):
        with pytest.raises(TypeError, match=f"^{call.__name__}: {said}"):
            call(*joint_samples(8), sample_weight=weights)


def test_weights_of_samples_in_lists():
    (xs, ys), weights = joint_samples(8), np.linspace(0, 1, 8)
    wanted = joint_model().evaluate(xs, ys, sample_weight=weights)
    for given in (weights.tolist(), list(weights), weights[:, None], weights[:, None].tolist()):
        assert joint_model().evaluate(xs, ys, sample_weight=given) == wanted


def test_batches_that_do_not_fit():
    (xs, ys), model = joint_samples(8), joint_model()
    with pytest.raises(ValueError, match=r"fit \(batch 2\): x has 1 elements"):
        model.fit([(xs, ys), (xs[:1], ys)], verbose=0)
    with pytest.raises(ValueError, match=r"fit \(batch 2\): the batch has 8 samples, there may be 4"):
        model.fit([([x[:4] for x in xs], [y[:4] for y in ys]), (xs, ys)], verbose=0)
    targets = [*ys[:2], np.eye(2)[ys[2]]]
    with pytest.raises(ValueError, match=r"fit \(batch 2\): one batch has labels, another rows of targets"):
        model.fit([(xs, ys), (xs, targets)], verbose=0)


def test_an_output_must_not_be_called_as_the_validation_is():
    image = hubel.Input((8, 8, 1))
    flat = hubel.Flatten()(image)
    for name in ("val", "val_a"):
        model = hubel.Model(image, [hubel.Dense(3, name=name)(flat), hubel.Dense(3)(flat)])
        with pytest.raises(ValueError, match=f"fit: an output is called '{name}'"):
            model.fit(bars(4)[0], [[0] * 4, [1] * 4], verbose=0)
        with pytest.raises(ValueError, match=f"compile: an output is called '{name}'"):
            model.compile()
        assert len(model.evaluate(bars(4)[0], [[0] * 4, [1] * 4])) == 5


def test_progress_shows_each_output(capsys):
    joint_model().fit(*joint_samples(), verbose=2)
    printed = capsys.readouterr().out
    for name in NAMES:
        assert f" {name} " in printed
