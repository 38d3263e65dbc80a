"""fit, evaluate and predict with batches from iterables and with folders that are decoded batch by batch."""

import struct
import zlib

import hubel
import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes
from test_fit_augmentation import CHANGES, MIXES


def batches(x, y, size=16):
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


def forever(parts):
    while True:
        yield from parts


class Sequence:
    """As Keras's: batches by number, and a word at an epoch's end."""

    def __init__(self, parts):
        self.parts, self.ends = parts, 0

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, i):
        return self.parts[i]  # as some do, without an end: negative numbers

    def on_epoch_end(self):
        self.ends += 1


class Unsized:
    """Can be gone through again and again, of no known length."""

    def __init__(self, parts):
        self.parts = parts

    def __iter__(self):
        return iter(self.parts)


def trained(x, y=None, **options):
    model = small_model()
    history = model.fit(x, y, **{"epochs": 3, "seed": 5, "verbose": 0, **options})
    return weight_bytes(model), history.history


# --- training on batches


def test_batches_train_to_the_bits_of_arrays():
    x, y = bars(40)
    parts = batches(x, y)
    expected = trained(x, y, batch_size=16, shuffle=False)
    assert trained(parts) == trained(Sequence(parts)) == expected
    for steps in ({"x": forever(parts)}, {"x": Unsized(parts)}, {"x": parts}):
        assert trained(**steps, steps_per_epoch=3) == expected
    lists = [(part.tolist(), labels.tolist()) for part, labels in parts]
    assert trained(lists) == expected


def test_the_same_bits_on_any_number_of_threads():
    parts, threads = batches(*bars(40)), hubel.num_threads()
    try:
        results = []
        for n in (1, 2, 4):
            hubel.set_num_threads(n)
            results.append(trained(forever(parts), steps_per_epoch=2, augmentation=CHANGES))
    finally:
        hubel.set_num_threads(threads)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("augmentation", [CHANGES, MIXES], ids=["changes", "mixes"])
def test_batches_are_augmented_as_arrays_are(augmentation):
    x, y = bars(40)
    expected = trained(x, y, batch_size=16, shuffle=False, augmentation=augmentation)
    assert trained(batches(x, y), augmentation=augmentation) == expected


def test_an_epoch_goes_on_where_the_last_one_ended():
    """Batches of 16, 16, 8, two a step: the epochs are (0, 1), (2, 0), (1, 2)."""
    parts = batches(*bars(40))
    taken = [parts[i] for i in (0, 1, 2, 0, 1, 2)]
    expected = trained(iter(taken), steps_per_epoch=2)
    assert trained(forever(parts), steps_per_epoch=2) == trained(parts, steps_per_epoch=2) == expected


def test_a_batch_may_come_in_the_same_memory():
    x, y = bars(40)
    room = np.empty((16, 8, 8, 1), np.float32)

    def reused():
        for part, labels in forever(batches(x, y)):
            room[: len(part)] = part
            yield room[: len(part)], labels

    assert trained(reused(), steps_per_epoch=3) == trained(x, y, batch_size=16, shuffle=False)


def test_sequences_are_told_of_the_end_of_epochs():
    sequence = Sequence(batches(*bars(40)))
    trained(sequence)
    assert sequence.ends == 3


def test_targets_in_batches():
    x, y = bars(48)
    for loss, units, rows in (("mse", 2, np.stack([y, -y], 1)), ("categorical_crossentropy", 3, np.eye(3)[y])):
        by_arrays, by_batches = (small_model(units=units, activation="linear") for _ in range(2))
        for model in (by_arrays, by_batches):
            model.compile("adam", loss)
        by_arrays.fit(x, rows, batch_size=16, shuffle=False, verbose=0)
        by_batches.fit(batches(x, rows), validation_data=batches(x, rows), verbose=0)
        assert weight_bytes(by_arrays) == weight_bytes(by_batches)
        assert by_arrays.evaluate(x, rows, batch_size=16) == by_batches.evaluate(batches(x, rows))


def test_labels_of_pixels_in_batches():
    x = np.random.default_rng(0).normal(size=(40, 5, 6, 1)).astype(np.float32)
    y = (x[..., 0] > 0).astype(int)
    results = []
    for arguments in ((x, y), (batches(x, y), None)):
        model = hubel.Sequential([hubel.Conv2D(2, 1, activation="softmax")], input_shape=(5, 6, 1))
        model.fit(*arguments, batch_size=16, shuffle=False, verbose=0)
        results.append(weight_bytes(model))
    assert results[0] == results[1]


# --- validation, evaluation, prediction


def test_validation_on_batches():
    (x, y), test = bars(40), bars(48, 1)
    expected = trained(x, y, validation_data=test)
    parts = batches(*test, size=48)
    for data in ({"validation_data": parts}, {"validation_data": Unsized(parts)}):
        assert trained(x, y, **data) == expected
    assert trained(x, y, validation_data=forever(parts), validation_steps=1) == expected
    first = trained(x, y, validation_data=(test[0][:16], test[1][:16]))
    assert trained(x, y, validation_data=batches(*test), validation_steps=1) == first
    pieces = trained(x, y, validation_data=batches(*test, size=24))  # two batches, which are pairs themselves
    assert pieces[0] == expected[0] and pieces[1]["val_accuracy"] == expected[1]["val_accuracy"]
    for endless in (forever(parts), iter(parts)):
        with pytest.raises(ValueError, match=r"^fit \(validation\): .* an iterator.* validation_steps must tell"):
            trained(x, y, validation_data=endless)
    with pytest.raises(ValueError, match=r"^fit \(validation\): there are no batches: an iterator can be"):
        trained(x, y, validation_data=iter(parts), validation_steps=1)


def test_the_best_weights_are_kept():
    x, y = bars(60)
    model, seen = small_model(), []
    keep = lambda epoch, logs: seen.append((-logs["val_accuracy"], logs["val_loss"], weight_bytes(model)))
    parts = batches(x, y)
    model.fit(parts, epochs=5, validation_data=parts, restore_best_weights=True, callbacks=[keep], verbose=0)
    assert weight_bytes(model) == min(seen)[2]


def test_evaluating_batches():
    x, y = bars(50)
    model = small_model()
    parts = batches(x, y)
    expected = model.evaluate(x, y, batch_size=16)
    for source in (parts, iter(parts), Unsized(parts), Sequence(parts)):
        assert model.evaluate(source) == expected
    assert model.evaluate(forever(parts), steps=4) == expected
    assert model.evaluate(parts, steps=2) == model.evaluate(x[:32], y[:32], batch_size=16)
    assert model.evaluate([(x, y)], batch_size=16) == expected  # in pieces
    growing = [(x[:2], y[:2]), (x[2:33], y[2:33]), (x[33:], y[33:])]
    assert model.evaluate(growing) == [pytest.approx(expected[0], rel=1e-5), pytest.approx(expected[1])]
    assert model.evaluate(parts, return_dict=True).keys() == {"loss", "accuracy"}


def test_predicting_batches():
    x, y = bars(50)
    model = small_model()
    expected = model.predict(x)
    for source in (batches(x, y), iter(batches(x, y)), (part for part, _ in batches(x, y)), Sequence(batches(x, y))):
        np.testing.assert_allclose(model.predict(source), expected, atol=1e-6)
    assert len(model.predict(forever(batches(x, y)), steps=2)) == 32
    assert model.predict([]).shape == (0, 3)
    with pytest.raises(ValueError, match="predict: out does not go with"):
        model.predict(batches(x, y), out=np.empty((50, 3), np.float32))
    with pytest.raises(ValueError, match="predict: steps goes with"):
        model.predict(x, steps=2)
    with pytest.raises(ValueError, match="predict: the batches ended after 4 of 5"):
        model.predict(batches(x, y), steps=5)
    with pytest.raises(ValueError, match=r"predict \(batch 2\): x has shape \(3, 4\)"):
        model.predict([x, np.zeros((3, 4))])


# --- what is wrong with batches

X, Y = bars(32)
GOOD = (X[:16], Y[:16])


@pytest.mark.parametrize(
    "parts, options, error, said",
    [
        ([GOOD, (X[:4, :7], Y[:4])], {}, ValueError, r"batch 2\): x has shape \(4, 7, 8, 1\), it must be \(m, 8, 8, 1\)"),
        ([(X[:4, :7], Y[:4])], {}, ValueError, r"batch 1\): x has shape"),
        ([GOOD, (X[:4], Y[:5])], {}, ValueError, r"batch 2\): x has 4 samples but y has 5 labels"),
        ([GOOD, (X[:4], [0, 1, 2, 3])], {}, ValueError, r"batch 2\): labels must be in \[0, 3\), got 3"),
        ([GOOD, (X[:4], [[0, 1]] * 4)], {}, ValueError, r"batch 2\): labels have shape \(4, 2\)"),
        ([GOOD, (X, Y)], {}, ValueError, r"batch 2\): the batch has 32 samples, there may be 16"),
        ([GOOD, (X[:0], Y[:0])], {}, ValueError, r"batch 2\): the batch has no samples"),
        ([GOOD, X], {}, TypeError, r"batch 2\): a batch must be \(x, y\) or \(x, y, sample_weight\), got ndarray"),
        ([GOOD, (X, Y, Y, Y)], {}, TypeError, r"batch 2\): a batch must be \(x, y\) or .*, got 4 of them"),
        ([GOOD, (np.array(["a"]), [0])], {}, TypeError, r"batch 2\): x"),
        (iter([GOOD, GOOD]), {"steps_per_epoch": 3}, ValueError, "fit: the batches ended after 2 of 3"),
        (iter([GOOD, GOOD]), {"steps_per_epoch": 1, "epochs": 3}, ValueError, "fit: there are no batches: an iterator"),
        (iter([GOOD]), {}, ValueError, "fit: x has no length, so steps_per_epoch"),
        (Unsized([GOOD]), {}, ValueError, "fit: x has no length, so steps_per_epoch"),
        (Unsized([]), {"steps_per_epoch": 2}, ValueError, "fit: there are no batches"),
        ([], {}, ValueError, "fit: there are no batches"),
        ([GOOD], {"steps_per_epoch": 0}, ValueError, "fit: steps_per_epoch must be at least 1"),
        ([GOOD], {"steps_per_epoch": 1.5}, TypeError, "fit: steps_per_epoch must be an integer"),
        ([GOOD], {"batch_size": 8}, ValueError, r"batch 1\): the batch has 16 samples, there may be 8"),
        ([GOOD], {"checkpoint": "c"}, ValueError, "fit: checkpoint needs arrays or a folder's images"),
        ([GOOD], {"resume_from": "c"}, ValueError, "fit: resume_from needs"),
        ([GOOD], {"hard_share": 0.5}, ValueError, "fit: hard_share needs"),
        ([GOOD], {"validation_split": 0.5}, ValueError, "fit: validation_split goes with arrays only"),
        ([GOOD], {"validation_data": 7}, TypeError, "fit: validation_data must be"),
        ([GOOD], {"validation_data": iter([]), "validation_steps": 1}, ValueError, "there are no batches"),
    ],
)  # fmt: skip
def test_wrong_batches(parts, options, error, said):
    with pytest.raises(error, match=said):
        trained(parts, **options)


def test_a_sequence_that_is_shorter_than_it_says():
    class Short(Unsized):
        def __len__(self):
            return 3

    with pytest.raises(ValueError, match="fit: the batches ended after 2 of 3"):
        trained(Short([GOOD, GOOD]))


def test_labels_and_rows_do_not_mix():
    model = small_model()
    model.compile("adam", "categorical_crossentropy")
    with pytest.raises(ValueError, match=r"fit \(batch 2\): one batch has labels, another rows of targets"):
        model.fit([GOOD, (X[:16], np.eye(3)[Y[:16]])], verbose=0)


@pytest.mark.parametrize(
    "arguments, error, said",
    [
        ((X,), TypeError, "fit: y is missing"),
        ((7,), TypeError, "fit: y is missing"),
        (("batches",), TypeError, "fit: y is missing"),
        (([GOOD], Y), TypeError, "x"),
    ],
)
def test_neither_arrays_nor_batches(arguments, error, said):
    with pytest.raises(error, match=said):
        trained(*arguments)


def test_steps_of_arrays():
    with pytest.raises(ValueError, match="fit: a number of steps goes with batches only"):
        trained(X, Y, steps_per_epoch=2)
    with pytest.raises(ValueError, match="evaluate: a number of steps goes with batches only"):
        small_model().evaluate(X, Y, steps=2)


class Own(Exception):
    pass


def test_exceptions_of_the_iterable_s_own_pass_through():
    model, error = small_model(), Own("word for word")

    def failing(after):
        for _ in range(after):
            yield GOOD
        raise error

    for after in (0, 1, 5):
        with pytest.raises(Own) as caught:
            model.fit(failing(after), epochs=3, steps_per_epoch=3, verbose=0)
        assert caught.value is error
        with pytest.raises(Own):
            model.fit(X, Y, epochs=3, validation_data=failing(after), validation_steps=3, verbose=0)
        with pytest.raises(Own):
            model.evaluate(failing(after))
        with pytest.raises(Own):
            model.predict(failing(after))
    model.evaluate(X, Y)  # it is as good as ever


def test_a_failure_leaves_the_best_weights():
    model, seen = small_model(), []

    def failing():
        yield from [GOOD] * 5
        raise KeyboardInterrupt

    keep = lambda epoch, logs: seen.append((-logs["val_accuracy"], logs["val_loss"], weight_bytes(model)))
    with pytest.raises(KeyboardInterrupt):
        options = {"validation_data": (X, Y), "restore_best_weights": True, "callbacks": [keep], "verbose": 0}
        model.fit(failing(), epochs=9, steps_per_epoch=2, **options)
    assert len(seen) == 2 and weight_bytes(model) == min(seen)[2]


# --- folders


def png_bytes(image):
    height, width, channels = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def folder(tmp_path):
    """Bars in three classes: 40 to train on, 20 to validate."""
    for part, count, seed in (("train", 40, 0), ("val", 20, 1)):
        for i, (image, label) in enumerate(zip(*bars(count, seed))):
            file = tmp_path / part / "abc"[label] / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png_bytes((image * 255).astype(np.uint8)))
    return tmp_path


def test_a_folder_s_parts(folder):
    data, opened = hubel.image_folder(folder), hubel.open_image_folder(folder)
    part = opened.train
    assert (len(part), len(opened.valid), len(opened.test)) == (40, 20, 0)
    assert part.image_shape == (8, 8, 1) and opened.class_names == part.class_names == ["a", "b", "c"]
    assert np.array_equal(part.labels, data.Y_train) and part.labels.dtype == np.int32
    assert all(path.endswith(".png") for path in part.paths) and len(set(part.paths)) == 40
    some = [3, 39, 3, 0]
    images = part.load(some)
    assert images.dtype == np.float32 and np.array_equal(images, data.X_train[some] / np.float32(255))
    assert part.load([]).shape == (0, 8, 8, 1)
    assert hubel.channel_statistics(part) == hubel.channel_statistics(data.X_train)
    assert repr(part) == "<hubel.data.FolderImages: 40 images of (8, 8, 1), 3 classes>"
    assert "40 train, 20 valid, 0 test images of (8, 8, 1)" in repr(opened)
    sized = hubel.open_image_folder(folder, size=(4, 6), channels=3)
    assert sized.train.image_shape == (4, 6, 3)
    assert np.array_equal(sized.train.load([5])[0] * 255, hubel.image_folder(folder, (4, 6), 3).X_train[5])


@pytest.mark.parametrize("cache_bytes", [0, 2**30])
def test_folders_train_to_the_bits_of_arrays(folder, cache_bytes):
    data, opened = hubel.image_folder(folder), hubel.open_image_folder(folder, cache_bytes=cache_bytes)
    validation = (data.X_valid, data.Y_valid)
    for options in ({}, {"augmentation": CHANGES}, {"augmentation": MIXES, "batch_size": 7}):
        expected = trained(data.X_train, data.Y_train, validation_data=validation, **options)
        assert trained(opened.train, validation_data=opened.valid, **options) == expected
    model = small_model()
    assert model.evaluate(opened.valid, batch_size=7) == model.evaluate(*validation, batch_size=7)
    assert np.array_equal(model.predict(opened.valid, batch_size=7), model.predict(data.X_valid, batch_size=7))
    out = np.empty((20, 3), np.float32)
    assert model.predict(opened.valid, out=out) is out and np.array_equal(out, model.predict(data.X_valid))
    assert model.predict(opened.test).shape == (0, 3)


def test_a_folder_s_training_goes_on_from_a_checkpoint(folder, tmp_path):
    part = hubel.open_image_folder(folder).train
    whole = trained(part, epochs=4, augmentation=CHANGES)[0]
    stopped = small_model()

    def stop(epoch, logs):
        stopped.stop_training = epoch == 1

    options = {"epochs": 4, "seed": 5, "verbose": 0, "augmentation": CHANGES}
    stopped.fit(part, checkpoint=tmp_path / "c", callbacks=[stop], **options)
    assert trained(part, resume_from=tmp_path / "c", **options)[0] == whole


def test_wrong_uses_of_a_folder(folder):
    part = hubel.open_image_folder(folder).train
    with pytest.raises(TypeError, match="fit: y must be left out"):
        trained(part, part.labels)
    with pytest.raises(ValueError, match="fit: the folder has 3 classes, the model has 2 outputs"):
        small_model(units=2).fit(part, verbose=0)
    with pytest.raises(ValueError, match=r"fit: the samples have shape \(4, 4, 1\), the network takes \(8, 8, 1\)"):
        trained(hubel.open_image_folder(folder, size=4).train)
    with pytest.raises(ValueError, match=r"predict: the images have shape \(4, 4, 1\)"):
        small_model().predict(hubel.open_image_folder(folder, size=4).train)
    with pytest.raises(ValueError, match="evaluate: x has no samples"):
        small_model().evaluate(hubel.open_image_folder(folder).test)
    with pytest.raises(ValueError, match="validation_split goes with arrays only"):
        trained(part, validation_split=0.5)
    with pytest.raises(ValueError, match="fit: a number of steps"):
        trained(part, steps_per_epoch=5)
    for indices, error in (([40], IndexError), ([-1], IndexError), ([0.5], TypeError), (3, TypeError)):
        with pytest.raises(error, match="FolderImages.load"):
            part.load(indices)
    model = small_model()
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="targets"):
        model.fit(part, verbose=0)


def test_broken_images_of_a_folder(folder):
    broken = folder / "train" / "a" / "0000.png"
    broken.write_bytes(b"none")
    part = hubel.open_image_folder(folder, size=8, channels=1).train
    with pytest.raises(ValueError, match="a/0000.png"):
        trained(part)
    with pytest.raises(ValueError, match="a/0000.png"):
        part.load([0])
    with pytest.warns(UserWarning, match="^open_image_folder: left out 1 broken images.*a/0000.png"):
        opened = hubel.open_image_folder(folder, on_broken="skip")
    assert len(opened.train) == 40 and len(opened.skipped) == 1
    gone = hubel.open_image_folder(folder, size=8, channels=1, on_broken="refuse")
    broken.unlink()
    with pytest.raises(OSError, match="a/0000.png"):
        gone.train.load([0])


@pytest.mark.parametrize(
    "arguments, error, said",
    [
        ({"size": 0}, ValueError, r"open_image_folder: size = \(0, 0\)"),
        ({"channels": 2}, ValueError, "channels = 2"),
        ({"channels": 0}, ValueError, "open_image_folder: channels = 0"),
        ({"on_broken": "ignore"}, ValueError, "open_image_folder: on_broken = 'ignore'"),
        ({"cache_bytes": -1}, ValueError, "open_image_folder: cache_bytes = -1"),
        ({"cache_bytes": "1"}, TypeError, "open_image_folder: cache_bytes"),
        ({"path": 7}, TypeError, "open_image_folder: expected a path"),
        ({"path": "/none/there"}, FileNotFoundError, "/none/there"),
    ],
)
def test_wrong_arguments_of_open_image_folder(folder, arguments, error, said):
    with pytest.raises(error, match=said):
        hubel.open_image_folder(**{"path": folder, **arguments})
