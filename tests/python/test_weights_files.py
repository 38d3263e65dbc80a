"""Weights alone in a file, and architectures as JSON."""

import json

import hubel
import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes

X, Y = bars(20)


# --- weights


def test_weights_there_and_back(tmp_path):
    model, other = small_model(seed=1), small_model(seed=2)
    expected = model.predict(X)
    assert not np.array_equal(other.predict(X[:4]), expected[:4])  # which keeps its packed weights
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(str(tmp_path / "w.safetensors"))
    assert weight_bytes(other) == weight_bytes(model)
    assert np.array_equal(other.predict(X), expected) and np.array_equal(other.predict(X[:4]), model.predict(X[:4]))
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    with pytest.raises(ValueError, match="not a model of Hubel"):
        hubel.load_model(tmp_path / "w.safetensors")


def test_weights_of_a_model_file(tmp_path):
    model, other = small_model(seed=1), small_model(seed=2)
    model.class_names = ["a", "b", "c"]
    model.save(tmp_path / "m.safetensors")
    other.load_weights(tmp_path / "m.safetensors")
    assert weight_bytes(other) == weight_bytes(model) and other.class_names == []


def test_weights_that_do_not_fit(tmp_path):
    small_model().save_weights(tmp_path / "w")
    other = small_model(units=4)
    before = weight_bytes(other)
    with pytest.raises(ValueError, match=r"dense_1.kernel has shape \(36, 3\), the network asks for \(36, 4\)"):
        other.load_weights(tmp_path / "w")
    dense = hubel.Sequential([hubel.Flatten(), hubel.Dense(3, name="head")], input_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="head.kernel is missing"):
        dense.load_weights(tmp_path / "w")
    (tmp_path / "broken").write_bytes((tmp_path / "w").read_bytes()[:-1])
    with pytest.raises(ValueError, match="broken"):
        other.load_weights(tmp_path / "broken")
    with pytest.raises(FileNotFoundError, match="none"):
        other.load_weights(tmp_path / "none")
    assert weight_bytes(other) == before


def test_a_failure_leaves_the_file(tmp_path):
    small_model().save_weights(tmp_path / "w")
    before = (tmp_path / "w").read_bytes()
    with pytest.raises(OSError):
        small_model(seed=1).save_weights(tmp_path / "none" / "w")
    with pytest.raises(OSError):
        small_model(seed=1).save_weights(tmp_path)
    assert (tmp_path / "w").read_bytes() == before


# --- architectures


def test_paths_of_a_wrong_type():
    model = small_model()
    for name in ("save", "save_weights", "load_weights", "load", "plot"):
        with pytest.raises(TypeError, match=f"^{name}: path must be a path, a str or pathlib.Path, got 3"):
            getattr(model, name)(3)
    with pytest.raises(TypeError, match="^load_model: path must be a path, .* got None"):
        hubel.load_model(None)
    with pytest.raises(TypeError, match="^copy_weights: other must be a path, .* got 3"):
        model.copy_weights(3)


def test_weights_are_taken_as_they_are(tmp_path):
    """Also those of a training that diverged."""
    model, other = small_model(), small_model(1)
    weights = model.get_weights()
    weights[0][...] = np.nan
    weights[1][...] = np.inf
    model.set_weights(weights)
    model.save(tmp_path / "m")
    other.load_weights(tmp_path / "m")
    for taken in (other, hubel.load_model(tmp_path / "m")):
        np.testing.assert_array_equal(taken.get_weights()[0], weights[0])
        np.testing.assert_array_equal(taken.get_weights()[1], weights[1])


def test_architectures_there_and_back():
    model = small_model()
    again = hubel.model_from_json(model.to_json())
    assert type(again) is hubel.Sequential and again.name == "sequential"
    assert again.layers == model.layers and again.input_shape == model.input_shape
    assert weight_bytes(again) == weight_bytes(small_model(seed=0))
    assert weight_bytes(hubel.model_from_json(model.to_json(), seed=3)) == weight_bytes(small_model(seed=3))
    again.fit(X, Y, verbose=0)


def test_branches():
    x = hubel.Input((4, 4, 2))
    y = hubel.Conv2D(2, 3, padding="same", name="stem")(x)
    model = hubel.Model(x, hubel.Add()([x, y]))
    again = hubel.model_from_json(model.to_json(), name="mine")
    assert type(again) is hubel.Model and again.name == "mine"
    assert again.layer_names == model.layer_names == ["stem", "add_1"]
    again.set_weights(model.get_weights())
    samples = np.ones((1, 4, 4, 2), np.float32)
    assert np.array_equal(again.predict(samples), model.predict(samples))


def test_what_is_left_out_has_its_default():
    text = json.dumps({"input_shape": [6, 6, 1], "layers": [{"kind": "conv2d", "filters": 2, "kernel_size": 3}]})
    assert hubel.model_from_json(text).layers == [hubel.Conv2D(2, 3)]


@pytest.mark.parametrize(
    "text, options, error, said",
    [
        ("{", {}, ValueError, "architecture"),
        ("[]", {}, ValueError, "architecture: it must be a JSON object with 'input_shape' and 'layers'"),
        ("{}", {}, ValueError, "architecture: 'input_shape' is missing"),
        ('{"input_shape": [2]}', {}, ValueError, "layers"),
        ('{"input_shape": [2], "layers": [{"kind": "dens"}]}', {}, ValueError, "dens"),
        ('{"input_shape": [2], "layers": [{"kind": "dense", "unit": 3}]}', {}, ValueError, "unit"),
        (b"{}", {}, TypeError, "model_from_json: text must be a str, got bytes"),
        ("{}", {"seed": -1}, ValueError, "model_from_json: seed must be at least 0"),
        ("\ud800", {}, ValueError, "surrogates"),
    ],
)
def test_what_is_no_architecture(text, options, error, said):
    with pytest.raises(error, match=said):
        hubel.model_from_json(text, **options)
