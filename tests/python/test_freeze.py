"""Frozen layers, and weights from another model."""

import copy
import pickle

import numpy as np
import pytest

import hubel


def small_model(classes=3, seed=1):
    layers = [
        hubel.Conv2D(4, 3),
        hubel.BatchNormalization(),
        hubel.ReLU(),
        hubel.Flatten(),
        hubel.Dense(6, "relu"),
        hubel.Dense(classes, "softmax"),
    ]
    return hubel.Sequential(layers, input_shape=(6, 6, 1), seed=seed)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.random((40, 6, 6, 1), dtype=np.float32), rng.integers(0, 3, 40)


def test_trainable(data):
    """As by Keras's habit."""
    model = small_model()
    before = model.get_weights()
    model.trainable = False
    assert not model.trainable and model.frozen == list(model.parameters())
    model.fit(*data, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    model.trainable = True
    assert model.trainable and model.frozen == []
    model.freeze("dense_*")
    assert model.trainable
    with pytest.raises(TypeError, match="^Model: trainable must be True or False, got 'no'"):
        model.trainable = "no"


def test_frozen_weights_keep_their_bits(data):
    model = small_model()
    before = model.parameters()
    model.freeze("conv2d_1", "batch_norm_*", "dense_1.bias")
    model.compile(optimizer=hubel.AdamW(0.01, weight_decay=0.1))
    model.fit(*data, epochs=2, ema_decay=0.9, verbose=0)
    after = model.parameters()
    held = [name for name in before if np.array_equal(before[name], after[name])]
    assert held == model.frozen
    assert set(held) == {name for name in before if not name.startswith("dense") or name == "dense_1.bias"}
    model.unfreeze()
    assert model.frozen == []
    model.fit(*data, epochs=1, verbose=0)
    assert not any(np.array_equal(after[name], value) for name, value in model.parameters().items())


def test_gradients_of_what_learns(data):
    model = small_model()
    x, dout = data[0][:5], np.ones((5, 3), dtype=np.float32)
    _, dx, gradients = model.gradients(x, dout)
    model.freeze("conv2d_1", "dense_*.kernel")
    _, other_dx, some = model.gradients(x, dout)
    assert sorted(some) == sorted(set(gradients) - set(model.frozen))
    assert np.array_equal(dx, other_dx)
    for name, gradient in some.items():
        assert np.array_equal(gradient, gradients[name])


def test_names(capsys):
    model = small_model()
    model.freeze("dense_2")
    assert model.frozen == ["dense_2.kernel", "dense_2.bias"]
    with pytest.raises(ValueError, match="no layer or parameter is named 'conv'"):
        model.freeze("dense_1", "conv")
    with pytest.raises(TypeError, match="freeze: names must be a str"):
        model.freeze("conv2d_1", 3)
    with pytest.raises(TypeError, match="freeze: names must be a str, got None"):
        model.freeze(None)
    assert model.frozen == ["dense_2.kernel", "dense_2.bias"]
    model.freeze()
    assert model.frozen == list(model.parameters())
    model.summary()
    assert "of which 0 trainable" in capsys.readouterr().out


def test_copies_keep_it():
    model = small_model()
    model.freeze("conv2d_1")
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.frozen == model.frozen


def test_weights_of_another_model(tmp_path, data):
    trained = small_model()
    trained.fit(*data, epochs=1, verbose=0)
    trained.save(tmp_path / "trained.safetensors")
    for source in (trained, tmp_path / "trained.safetensors", str(tmp_path / "trained.safetensors")):
        model = small_model(classes=5, seed=2)
        fresh = model.parameters()
        before = model.predict(data[0])
        assert model.copy_weights(source) == ["dense_2.kernel", "dense_2.bias"]
        assert not np.array_equal(model.predict(data[0]), before)
        for name, value in model.parameters().items():
            assert np.array_equal(value, fresh[name] if name.startswith("dense_2") else trained.parameters()[name])
    with pytest.raises(FileNotFoundError):
        model.copy_weights(tmp_path / "none")
    with pytest.raises(ValueError):
        (tmp_path / "none").write_bytes(b"12345678{}")
        model.copy_weights(tmp_path / "none")
