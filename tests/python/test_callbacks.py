"""What callbacks make of names: which way is better, the fields of a path, the columns of a file."""

import hubel
import pytest
from hubel import callbacks, metrics

from small_models import bars, small_model

X, Y = bars(12)


def fitted(model, called, y=Y, **options):
    return model.fit(X, y, **{"epochs": 3, "verbose": 0, "callbacks": called, **options})


def two_outputs(first, second="other"):
    """A model with outputs of these names, trained by 'mse' on targets (12, 1)."""
    image = hubel.Input((8, 8, 1))
    flat = hubel.Flatten()(image)
    model = hubel.Model(image, [hubel.Dense(1, name=first)(flat), hubel.Dense(1, name=second)(flat)])
    model.compile(hubel.SGD(0.001), "mse")
    return model, [Y, Y]


# --- mode "auto"


def improves(monitor, values):
    """Whether what is logged by that name gets better all the time."""
    stopping = callbacks.EarlyStopping(monitor)
    stopping.on_train_begin()
    stopping.model = small_model()
    for epoch, value in enumerate(values):
        stopping.on_epoch_end(epoch, {monitor: value})
    return stopping.stopped_epoch is None


SCORES = set(metrics.__all__) - {"confusion_matrix", "precision_recall_fscore_support"}  # these are no numbers
ERRORS = {"mean_absolute_error", "mean_squared_error"}
LARGER = SCORES - ERRORS | {"accuracy", "acc", "sparse_categorical_accuracy", "top_5_accuracy", "auc", "recall"}
SMALLER = ERRORS | {"loss", "mse", "mae", "accident_loss", "vaccine_loss", "accuracy_loss", "f1_score_mse"}


@pytest.mark.parametrize("before", ["", "val_", "kind_", "val_my_loss_"])
def test_which_way_is_better(before):
    for name in LARGER:
        assert improves(before + name, [1, 2, 3]) and not improves(before + name, [3, 2, 1]), name
    for name in SMALLER:
        assert improves(before + name, [3, 2, 1]) and not improves(before + name, [1, 2, 3]), name


def test_a_loss_of_an_output_with_acc_in_its_name_is_to_be_small(tmp_path):
    model, y = two_outputs("accident")
    saves = callbacks.ModelCheckpoint(tmp_path / "{epoch}", "accident_loss", save_best_only=True)
    losses = fitted(model, [saves, callbacks.EarlyStopping("accident_loss")], y).history["accident_loss"]
    assert losses == sorted(losses, reverse=True) and len(losses) == 3
    assert len(list(tmp_path.iterdir())) == 3


def test_a_mode_that_is_given_holds():
    for mode, values in (("max", [1, 2, 3]), ("min", [3, 2, 1])):
        stopping = callbacks.EarlyStopping("mine", mode=mode)
        for epoch, value in enumerate(values):
            stopping.on_epoch_end(epoch, {"mine": value})
        assert stopping.stopped_epoch is None


# --- ReduceLROnPlateau


def test_a_plateau_s_monitor_is_the_validation_s_where_there_is_one():
    said = "ReduceLROnPlateau watches the validation where there is one: give monitor='val_loss' in place of 'loss'"
    with pytest.raises(ValueError, match=said):
        fitted(small_model(), callbacks.ReduceLROnPlateau("loss"), validation_data=(X, Y))


# --- ModelCheckpoint


def test_fields_of_a_path_are_names_as_they_are(tmp_path):
    model, y = two_outputs("a.b", "c[0]")
    path = tmp_path / "{{{epoch:03}}}-{a.b_loss:.3f}-{c[0]_loss:.2e}"
    logs = fitted(model, callbacks.ModelCheckpoint(path), y, epochs=1).history
    (file,) = tmp_path.iterdir()
    assert file.name == f"{{001}}-{logs['a.b_loss'][0]:.3f}-{logs['c[0]_loss'][0]:.2e}"
    for field in ("loss.real", "loss.__class__", "loss[0]"):
        with pytest.raises(ValueError, match="filepath has the field 'loss.*', an epoch has epoch, loss"):
            fitted(small_model(), callbacks.ModelCheckpoint(tmp_path / f"{{{field}}}"))
    assert len(list(tmp_path.iterdir())) == 1


# --- CSVLogger


def test_lines_go_on_under_the_same_names_only(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        fitted(small_model(), callbacks.CSVLogger(path, append=True))
    lines = path.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "0", "1", "2", "0", "1", "2"]
    before = path.read_bytes()
    model, y = two_outputs("box")
    with pytest.raises(ValueError, match="log.csv has the columns epoch, loss, accuracy.*; an epoch has .*, box_loss"):
        fitted(model, callbacks.CSVLogger(path, append=True), y)
    with pytest.raises(ValueError, match="an epoch has .*val_loss"):
        fitted(small_model(), callbacks.CSVLogger(path, append=True), validation_data=(X, Y))
    assert path.read_bytes() == before
    path.write_bytes(b"")
    fitted(small_model(), callbacks.CSVLogger(path, append=True), epochs=1)
    assert path.read_text().splitlines()[0] == lines[0]


def test_what_an_epoch_lacks_is_empty(tmp_path):
    def sometimes(epoch, logs):
        if epoch != 1:
            logs["more"] = epoch

    path = tmp_path / "log.csv"
    fitted(small_model(), [sometimes, callbacks.CSVLogger(path)])
    assert [line.split(",")[-1] for line in path.read_text().splitlines()] == ["more", "0", "", "2"]
    with pytest.raises(ValueError, match="has the columns epoch, .*learning_rate; an epoch has .*, late"):
        late = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({"late": 1} if epoch else {}))
        fitted(small_model(), [late, callbacks.CSVLogger(path)])


def test_what_is_no_csv_file_is_not_gone_on_with(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"x" * 200_000)
    with pytest.raises(ValueError, match="log.csv is no CSV file to go on with: field larger"):
        fitted(small_model(), callbacks.CSVLogger(path, append=True))
