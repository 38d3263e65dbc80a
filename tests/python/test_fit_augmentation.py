"""fit with an augmentation: the same bits, checkpoints, mixing, targets, and what validation samples are spared."""

import hubel
import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes

CHANGES = hubel.Augmentation(zoom=(0.9, 1.1), rotation=10, shift=0.1, crop_padding=1, flip_horizontal=0.5,
                             brightness=0.1, contrast=0.1, cutout=2, erase=0.2, crop_area=(0.7, 1), shear=5,
                             noise=0.05)  # fmt: skip
MIXES = hubel.Augmentation(crop_padding=1, mixup=0.4, cutmix=1.0)


def trained(x, y, model=None, **options):
    model = small_model() if model is None else model
    model.fit(x, y, **{"epochs": 2, "batch_size": 16, "verbose": 0, "seed": 5, **options})
    return weight_bytes(model)


@pytest.mark.parametrize("augmentation", [CHANGES, MIXES], ids=["changes", "mixes"])
def test_the_same_bits_on_any_number_of_threads(augmentation):
    x, y = bars(50)
    threads = hubel.num_threads()
    try:
        results = []
        for n in (1, 2, 4):
            hubel.set_num_threads(n)
            results.append(trained(x, y, augmentation=augmentation))
    finally:
        hubel.set_num_threads(threads)
    assert results[0] == results[1] == results[2]
    assert results[0] != trained(x, y) and results[0] != trained(x, y, augmentation=augmentation, seed=6)


def test_each_epoch_sees_what_apply_makes():
    x, y = bars(40)
    by_hand = small_model()
    by_hand.compile(hubel.SGD(0.1))  # without moments, so that a fit goes on where the last ended
    for epoch in (1, 2):
        by_hand.fit(CHANGES.apply(x, seed=5, epoch=epoch), y, batch_size=16, shuffle=False, seed=5, verbose=0)
    model = small_model()
    model.compile(hubel.SGD(0.1))
    assert trained(x, y, model, augmentation=CHANGES, shuffle=False) == weight_bytes(by_hand)


def test_an_augmentation_of_nothing_changes_nothing():
    x, y = bars(40)
    assert trained(x, y, augmentation=hubel.Augmentation()) == trained(x, y)


def test_what_is_augmented_is_learned():
    for augmentation in (hubel.Augmentation(shift=0.05, flip_vertical=0.5), hubel.Augmentation(mixup=0.2, cutmix=0.5)):
        model = small_model()
        model.fit(*bars(300), epochs=25, augmentation=augmentation, verbose=0)
        assert model.evaluate(*bars(100, 1))[1] > 0.95


@pytest.mark.parametrize("augmentation", [CHANGES, MIXES], ids=["changes", "mixes"])
def test_going_on_from_a_checkpoint(tmp_path, augmentation):
    x, y = bars(50)
    whole = trained(x, y, epochs=5, augmentation=augmentation)
    stopped = small_model()

    def stop(epoch, logs):
        stopped.stop_training = epoch == 1

    trained(x, y, stopped, epochs=5, augmentation=augmentation, checkpoint=tmp_path / "c", callbacks=[stop])
    resumed = trained(x, y, small_model(9), epochs=5, augmentation=augmentation, resume_from=tmp_path / "c")
    assert resumed == whole
    with pytest.raises(ValueError, match="augmentation"):
        trained(x, y, epochs=5, resume_from=tmp_path / "c")


@pytest.mark.parametrize("augmentation", [CHANGES, MIXES], ids=["changes", "mixes"])
def test_validation_samples_are_not_changed(augmentation):
    model = small_model()
    history = model.fit(*bars(50), validation_data=bars(30, 1), augmentation=augmentation, verbose=0).history
    loss, accuracy = model.evaluate(*bars(30, 1))
    assert history["val_loss"] == [loss] and history["val_accuracy"] == [accuracy]


def test_validation_samples_are_normalised():
    (x, y), (x_val, y_val) = bars(50), bars(30, 1)
    mean, stddev = hubel.channel_statistics(x)
    normalisation = hubel.Augmentation(mean=mean, stddev=stddev)
    augmentation = hubel.Augmentation(flip_vertical=0.5, cutout=3, mixup=0.2, mean=mean, stddev=stddev)
    for validation in ({"validation_data": (x_val, y_val)}, {"validation_split": 0.4}):
        model = small_model()
        history = model.fit(x, y, augmentation=augmentation, verbose=0, **validation).history
        expected = (x_val, y_val) if "validation_data" in validation else (x[30:], y[30:])
        assert history["val_loss"] == [model.evaluate(normalisation.apply(expected[0]), expected[1])[0]]


def test_rows_of_probabilities_are_mixed_as_labels_are():
    x, y = bars(50)
    by_labels, by_rows = small_model(), small_model()
    for model in (by_labels, by_rows):
        model.compile("adam", "categorical_crossentropy")
    assert trained(x, y, by_labels, augmentation=MIXES) == trained(x, np.eye(3)[y], by_rows, augmentation=MIXES)


def test_targets_of_a_regression():
    x, y = bars(60)
    model = small_model(units=1, activation="linear")
    model.compile(hubel.Adam(0.01), "mse")
    normalisation = hubel.Augmentation(mean=0.3, stddev=0.2)
    augmentation = hubel.Augmentation(flip_vertical=0.5, mixup=0.2, mean=0.3, stddev=0.2)
    history = model.fit(x, y, epochs=60, validation_data=(x, y), augmentation=augmentation, verbose=0).history
    assert history["val_loss"][-1] < 0.1
    assert history["val_loss"][-1] == model.evaluate(normalisation.apply(x), y)[0]


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"augmentation": {"rotation": 3}}, TypeError, "fit: augmentation must be a hubel.Augmentation or None"),
        ({"augmentation": hubel.Augmentation(mean=(1, 2, 3))}, ValueError, r"fit \(augmentation\): mean has 3 numbers"),
        ({"augmentation": hubel.Augmentation(hue=0.1)}, ValueError, r"fit \(augmentation\): .*have 1 channel"),
        ({"augmentation": MIXES, "hard_share": 0.5}, ValueError, "hard_share goes with"),
        ({"augmentation": MIXES, "class_weight": [1, 2]}, ValueError, "class_weight has 2"),
    ],
    ids=str,
)
def test_wrong_augmentations(options, error, said):
    with pytest.raises(error, match=said):
        trained(*bars(20), **options)


def test_labels_of_pixels_are_refused():
    x = np.zeros((4, 5, 6, 1), np.float32)
    for loss, y in (("sparse_categorical_crossentropy", np.zeros((4, 5, 6), int)), ("mse", np.zeros((4, 5, 6, 2)))):
        model = hubel.Sequential([hubel.Conv2D(2, 1)], input_shape=(5, 6, 1))
        model.compile("adam", loss)
        with pytest.raises(ValueError, match="fit: augmentation moves the images alone"):
            model.fit(x, y, augmentation=CHANGES, verbose=0)


def test_samples_that_are_no_images_are_refused():
    model = hubel.Sequential([hubel.Dense(2)], input_shape=(3,))
    with pytest.raises(ValueError, match=r"fit \(augmentation\): the samples have shape \(3,\), but images are"):
        model.fit(np.zeros((4, 3), np.float32), [0, 1, 0, 1], augmentation=CHANGES, verbose=0)
