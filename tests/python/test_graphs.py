"""Networks that are parts of others."""

import pickle

import hubel
import numpy as np
import pytest

from small_models import bars, small_model


def test_a_model_called_on_a_value_becomes_part_of_another():
    base = small_model(seed=3, name="base")
    x = hubel.Input((8, 8, 1))
    model = hubel.Model(x, base(hubel.Conv2D(1, 1, kernel_initializer="ones")(x)), seed=1)
    assert model.layer_names == ["conv2d_1", *(f"base/{name}" for name in base.layer_names)]
    for name, value in base.parameters().items():
        np.testing.assert_array_equal(model.parameters()[f"base/{name}"], value)
    images, _ = bars(5)
    np.testing.assert_array_equal(model.predict(images), base.predict(images))
    np.testing.assert_array_equal(base(images), base.predict(images))  # called on arrays it predicts, as ever


def test_its_weights_are_copies():
    base, (x, y) = small_model(seed=3), bars(40)
    image = hubel.Input((8, 8, 1))
    before = base.parameters()
    value = base(image)
    base.set_weights([weight + 1 for weight in base.get_weights()])
    model = hubel.Model(image, value)  # takes them as they are now
    np.testing.assert_array_equal(model.get_weights()[0], before["conv2d_1.kernel"] + 1)
    changed = base.get_weights()
    model.fit(x, y, verbose=0)
    for got, wanted in zip(base.get_weights(), changed):
        np.testing.assert_array_equal(got, wanted)


def test_a_model_called_twice_has_two_names():
    base = small_model(seed=3, name="base")
    image = hubel.Input((8, 8, 1))
    twice = hubel.Concatenate()([base(image), base(image), base(image, name="third"), small_model(name="base_2")(image)])
    names = hubel.Model(image, twice).layer_names
    assert [name.split("/")[0] for name in names[::4]] == ["base", "base_2", "third", "base_2_2", "concatenate_1"]
    with pytest.raises(ValueError, match="'same/conv2d_1' already"):
        hubel.Model(image, hubel.Add()([base(image, name="same"), base(image, name="same")]))


def test_what_is_frozen_stays_so():
    base = small_model()
    base.freeze("conv2d_1", "dense_1.bias")
    image = hubel.Input((8, 8, 1))
    model = hubel.Model(image, base(image, name="base"))
    assert model.frozen == ["base/conv2d_1.kernel", "base/conv2d_1.bias", "base/dense_1.bias"]
    model.unfreeze("base/*")
    assert model.frozen == [] and len(base.frozen) == 3


def test_parts_of_parts_and_of_branches(tmp_path):
    image = hubel.Input((8, 8, 1))
    a = hubel.Conv2D(2, 3, padding="same")(image)
    block = hubel.Model(image, hubel.Add()([hubel.Conv2D(2, 3, padding="same")(a), a]), name="block")
    whole = hubel.Model(image, hubel.Flatten()(block(image)), name="whole")
    model = hubel.Model(image, hubel.Dense(2)(whole(image)))
    assert model.layer_names[0] == "whole/block/conv2d_1"
    x = bars(3)[0]
    flat = model.layer_output(x, "whole/flatten_1")
    np.testing.assert_array_equal(flat, block.predict(x).reshape(3, -1))
    model.save(tmp_path / "m.safetensors")
    for copy in (hubel.load_model(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copy.predict(x), model.predict(x))


def test_what_a_model_cannot_be_called_on():
    base = small_model(name="base")
    with pytest.raises(ValueError, match=r"base: it is called on a value of shape \(8, 8, 3\), it takes \(8, 8, 1\)"):
        base(hubel.Input((8, 8, 3)))
    with pytest.raises(TypeError, match="base: name must be None or a str"):
        base(hubel.Input((8, 8, 1)), name=3)
    with pytest.raises(TypeError, match="a name and nothing else"):
        base(hubel.Input((8, 8, 1)), 3)
    with pytest.raises(TypeError, match="hubel.Value"):
        base(bars(2)[0], name="x")
    with pytest.raises(ValueError, match="printable ASCII"):
        image = hubel.Input((8, 8, 1))
        hubel.Model(image, base(image, name="ä"))
