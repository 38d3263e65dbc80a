"""Networks that are parts of others, and networks of several inputs and outputs."""

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


def test_a_model_called_twice_has_the_same_weights():
    base = small_model(seed=3, name="base")
    base.freeze("conv2d_1.bias")
    images = [hubel.Input((8, 8, 1), name=name) for name in "ab"]
    inner = hubel.Model(images[0], hubel.Dense(3, name="top")(base(images[0])), name="inner")
    model = hubel.Model(images, hubel.Subtract()([inner(image) for image in images]))
    assert model.count_params() == inner.count_params()
    assert model.frozen == ["inner/base/conv2d_1.bias"]
    x, _ = bars(6)
    np.testing.assert_array_equal(model.predict([x, x]), 0)
    np.testing.assert_allclose(model.predict([x, x[::-1]]), inner.predict(x) - inner.predict(x[::-1]), atol=1e-6)
    part = hubel.Model(images, hubel.Concatenate()([base(images[0]), inner(images[1])]))  # base is part of inner too
    assert part.count_params() == base.count_params() + inner.count_params()


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


def test_long_names_are_kept_whole():
    image = hubel.Input(2, name="what_the_camera_of_the_robot_sees_" * 5)
    features = "projection_of_the_image_features_" * 3
    base = hubel.Model(image, hubel.Dense(2, name=features)(image), name="pretrained_backbone_of_student", seed=1)
    base.freeze()
    whole = hubel.Model(image, hubel.Dense(2)(base(image)), seed=9)
    name = f"{base.name}/{features}"
    assert whole.layer_names[0] == name and whole.frozen == [f"{name}.kernel", f"{name}.bias"]
    x = np.random.default_rng(3).normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_array_equal(whole.layer_output(x, name), base.predict(x))
    whole.unfreeze()
    whole.freeze(name)
    again = pickle.loads(pickle.dumps(whole))
    assert again.layer_names == whole.layer_names and again.frozen == whole.frozen
    np.testing.assert_array_equal(again.predict({"what_the_camera_of_the_robot_sees_" * 5: x}), whole.predict(x))
    with pytest.raises(ValueError, match="200 printable ASCII characters other than"):
        hubel.Model(image, hubel.Dense(2, name="d" * 201)(image))
    with pytest.raises(ValueError, match="name must be 1 to 200 .*, got .* of 10001 characters"):
        hubel.Model(image, hubel.Dense(2, name="d" * 10001)(image))
    with pytest.raises(ValueError, match=r"other than \*"):
        hubel.Model(image, hubel.Dense(2, name="dense_*")(image))


def test_what_a_file_cannot_take_is_not_written(tmp_path):
    image = hubel.Input(3)
    model = hubel.Model(image, [hubel.Activation("relu")(image) for _ in range(1001)])
    for write in (lambda: model.save(tmp_path / "wide.safetensors"), model.to_json):
        with pytest.raises(ValueError, match="up to 10000 layers, and 1000 inputs, outputs"):
            write()
    assert not (tmp_path / "wide.safetensors").exists()


def two_and_three(seed=0):
    """An image and a place; a box, the trunk's features and classes."""
    image, place = hubel.Input((8, 8, 1), name="image"), hubel.Input(2)
    trunk = hubel.Conv2D(3, 3, activation="relu", name="trunk")(image)
    both = hubel.Concatenate()([hubel.Flatten()(trunk), place])
    classes = hubel.Dense(3, "softmax", name="classes")(both)
    return hubel.Model([image, place], [hubel.Dense(4, name="box")(both), trunk, classes], seed=seed)


def batch_of_two(count=5, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(count, 8, 8, 1)).astype("f"), rng.normal(size=(count, 2)).astype("f")]


def test_several_inputs_and_outputs():
    model, (x, place) = two_and_three(), batch_of_two()
    assert model.input_names == ["image", "input"] and model.output_names == ["box", "trunk", "classes"]
    assert model.input_shape == [(8, 8, 1), (2,)] and model.output_shape == [(4,), (6, 6, 3), (3,)]
    assert repr(model).startswith("<hubel.Model 'model', [(8, 8, 1), (2,)] -> [(4,), (6, 6, 3), (3,)], ")
    box, trunk, classes = model.predict([x, place])
    flat = np.concatenate([trunk.reshape(5, -1), place], axis=1)
    weights = model.parameters()
    np.testing.assert_allclose(box, flat @ weights["box.kernel"], rtol=1e-4, atol=1e-5)
    logits = np.exp(flat @ weights["classes.kernel"])
    np.testing.assert_allclose(classes, logits / logits.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.layer_output([x, place], "trunk"), trunk)
    same = model.predict({"input": place, "image": x[..., 0]}, batch_size=2)
    for got, wanted in zip(same, (box, trunk, classes)):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    bytes_and_doubles = model.predict([(x * 0).astype(np.uint8), place.astype(np.float64)])
    np.testing.assert_array_equal(bytes_and_doubles[0], model.predict([x * 0, place])[0])
    printed = []
    model.summary(print_fn=printed.append)
    assert "Outputs: box (4,), trunk (6, 6, 3), classes (3,)." in printed[0]
    assert model.plot().count(">output<") == 3


def test_results_of_several_outputs_are_written_where_they_are_wanted():
    model, xs = two_and_three(), batch_of_two()
    out = [np.empty((5, 4), "f"), np.empty((5, 6, 6, 3), "f"), np.empty((5, 3), "f")]
    returned = model.predict(xs, out=out)
    for got, given, wanted in zip(returned, out, model.predict(xs)):
        assert got is given
        np.testing.assert_array_equal(got, wanted)
    shared = np.concatenate([xs[1].ravel(), np.zeros(20, "f")])
    place, box = shared[:10].reshape(5, 2), shared[2:22].reshape(5, 4)  # what is read is written too
    np.testing.assert_array_equal(model.predict([xs[0], place], out=[box, *out[1:]])[0], returned[0])
    with pytest.raises(ValueError, match="out has 2 elements, one is wanted for each of box, trunk, classes"):
        model.predict(xs, out=out[:2])
    with pytest.raises(ValueError, match=r"out has shape \(5, 4\), it must be \(5, 3\)"):
        model.predict(xs, out=[out[0], out[1], out[0]])
    value = hubel.Input(2)
    twins, buffer = hubel.Model(value, [hubel.Dense(3)(value), hubel.Dense(3)(value)]), np.zeros((6, 3), np.float32)
    with pytest.raises(ValueError, match="arrays in out share memory"):
        twins.predict(xs[1], out=[buffer[:5], buffer[1:]])


def test_one_input_and_several_outputs_in_batches():
    image = hubel.Input((8, 8, 1))
    features = hubel.Flatten()(image)
    model = hubel.Model(image, [features, hubel.Dense(2)(features)])
    x = batch_of_two()[0]
    wanted = model.predict(x)
    assert isinstance(wanted, list) and len(wanted) == 2
    for got, want in zip(model.predict(iter([x[:2], x[2:]])), wanted):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    assert [array.shape for array in model.predict(iter([]))] == [(0, 64), (0, 2)]


def test_gradients_of_several_outputs():
    model, xs = two_and_three(), batch_of_two()
    rng = np.random.default_rng(1)
    douts = [rng.normal(size=(5, *shape)).astype("f") for shape in model.output_shape]
    outputs, dxs, gradients = model.gradients(xs, douts)
    assert [array.shape for array in dxs] == [(5, 8, 8, 1), (5, 2)] and len(outputs) == 3
    # The sum of what each output alone gives.
    parts = [model.gradients(xs, [d * (i == k) for i, d in enumerate(douts)]) for k in range(3)]
    for k in range(2):
        np.testing.assert_allclose(dxs[k], sum(part[1][k] for part in parts), rtol=1e-4, atol=1e-5)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, sum(part[2][name] for part in parts), rtol=1e-4, atol=1e-4)
    by_name = model.gradients({"image": xs[0], "input": xs[1]}, dict(zip(model.output_names, douts)))
    np.testing.assert_array_equal(by_name[1][0], dxs[0])
    with pytest.raises(ValueError, match=r"dout has shape \(5, 3\), it must be \(5, 4\)"):
        model.gradients(xs, douts[::-1])
    with pytest.raises(TypeError, match="dout must be a list, one for each of box, trunk, classes, or a dict"):
        model.gradients(xs, douts[0])


def test_several_inputs_and_outputs_are_saved(tmp_path):
    model, xs = two_and_three(seed=4), batch_of_two()
    model.save(tmp_path / "m.safetensors")
    again = hubel.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    for copy in (hubel.load_model(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(model)), again):
        assert type(copy) is hubel.Model and copy.input_names == model.input_names
        assert copy.to_json() == model.to_json()
        for got, wanted in zip(copy.predict(xs), model.predict(xs)):
            np.testing.assert_array_equal(got, wanted)


def test_an_input_by_another_name(tmp_path):
    model = hubel.Sequential([hubel.Input(3, name="x"), hubel.Dense(2)])
    assert model.input_names == ["x"]
    model.save(tmp_path / "m.safetensors")
    loaded = hubel.load_model(tmp_path / "m.safetensors")
    assert type(loaded) is hubel.Sequential and loaded.to_json() == model.to_json()
    x = np.ones((4, 3), "f")
    np.testing.assert_array_equal(loaded.predict({"x": x}), model.predict(x))


def test_a_model_of_several_as_part_of_another():
    base, xs = two_and_three(seed=4), batch_of_two()
    place, image = hubel.Input(2, name="p"), hubel.Input((8, 8, 1), name="i")
    box, trunk, classes = base({"input": place, "image": image}, name="base")
    model = hubel.Model([place, image], [classes, hubel.GlobalAvgPool2D()(trunk)])  # the box is left out
    assert "base/box" not in model.layer_names
    wanted = base.predict(xs)
    classes, means = model.predict(xs[::-1])
    np.testing.assert_array_equal(classes, wanted[2])
    np.testing.assert_allclose(means, wanted[1].mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="values has 1 elements"):
        base([image])
    with pytest.raises(TypeError, match="called on values alone"):
        base([image, xs[1]])


def test_class_names_are_of_one_output():
    model = two_and_three()
    with pytest.raises(ValueError, match="class_names: they are of one output"):
        model.class_names = ["a"]


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda a, b, y: hubel.Model([a, b], []), ValueError, "outputs is empty"),
        (lambda a, b, y: hubel.Model([a, a], y), ValueError, "inputs has a value twice"),
        (lambda a, b, y: hubel.Model([a, b], [y, y]), ValueError, "outputs has a value twice"),
        (lambda a, b, y: hubel.Model([a, y], y), ValueError, "inputs must come from hubel.Input"),
        (lambda a, b, y: hubel.Model([a, b], [y, b]), ValueError, "the input 'b' cannot be an output"),
        (lambda a, b, y: hubel.Model(a, y), ValueError, "another hubel.Input too, 'b', which"),
        (lambda a, b, y: hubel.Model(b, y), ValueError, r"another hubel.Input too, of shape \(3,\), which"),
        (lambda a, b, y: hubel.Model([a, b], hubel.Dense(2)(a)), ValueError, "not come from input 2 of 2, 'b', which"),
        (lambda a, b, y: hubel.Model([a, b], hubel.Dense(2)(b)), ValueError, r"input 1 of 2, of shape \(3,\), which"),
        (lambda a, b, y: hubel.Model([a, b], [y, 3]), TypeError, "outputs must be a value or a list of values"),
        (lambda a, b, y: hubel.Model([a, hubel.Input(3, name="input")], y), ValueError, "another hubel.Input too"),
        (lambda a, b, y: hubel.Input(3, name=4), TypeError, "Input: name must be None or a str"),
        (lambda a, b, y: hubel.Dense(2)(a, name=4), TypeError, "Dense: name must be None or a str, got 4"),
    ],
)
def test_what_no_model_can_be_made_of(make, error, message):
    a, b = hubel.Input(3), hubel.Input(2, name="b")
    y = hubel.Concatenate()([a, b])
    with pytest.raises(error, match=message):
        make(a, b, y)


@pytest.mark.parametrize(
    "x, error, message",
    [
        (np.zeros((2, 8, 8, 1)), TypeError, "x must be a list, one for each of image, input, or a dict; got ndarray"),
        ([np.zeros((2, 8, 8, 1))], ValueError, "x has 1 elements, one is wanted for each of image, input"),
        ({"image": np.zeros((2, 8, 8, 1))}, ValueError, "x must be for image, input; got image"),
        ([np.zeros((2, 8, 8, 1)), np.zeros((3, 2))], ValueError, "the inputs have 2, 3 samples"),
        ([np.zeros((2, 2)), np.zeros((2, 8, 8, 1))], ValueError, r"predict \(image\): x has shape \(2, 2\)"),
    ],
)
def test_samples_that_do_not_fit(x, error, message):
    with pytest.raises(error, match=message):
        two_and_three().predict(x)


@pytest.mark.parametrize(
    "name, said",
    [
        ("", "''"),
        ("\u00e9", r"'\\xe9'"),
        ("\ud800", r"'\\ud800'"),  # which no file could take
        ("a\nb", r"'a\\nb'"),
        ("a*", r"'a\*'"),
        ("q" * 201, r"'q{60}'\.\.\. of 201 characters"),
    ],
)
def test_names_that_no_layer_can_have(name, said):
    part = hubel.Sequential([hubel.Dense(2)], input_shape=(3,), name="part")
    for who, make in (
        ("Dense", lambda: hubel.Dense(2, name=name)),
        ("Dense", lambda: hubel.Dense(2)(hubel.Input(3), name=name)),
        ("Activation", lambda: hubel.Softmax(name=name)),
        ("SeparableConv2D", lambda: hubel.SeparableConv2D(2, 3, name=name)),
        ("SeparableConv2D", lambda: hubel.SeparableConv2D(2, 3)(hubel.Input((4, 4, 1)), name=name)),
        ("Input", lambda: hubel.Input(3, name=name)),
        ("part", lambda: part(hubel.Input(3), name=name)),
    ):
        with pytest.raises(ValueError, match=f"^{who}: name must be 1 to 200 printable ASCII .* than \\*, got {said}$"):
            make()


def test_names_of_parts_are_checked_with_their_layers():
    image = hubel.Input(3)
    for name in ("\u00e9", "q" * 195):
        part = hubel.Sequential([hubel.Dense(2)], input_shape=(3,), name=name)
        with pytest.raises(ValueError, match="^Model: a layer's name must be 1 to 200 printable .*, got '"):
            hubel.Model(image, part(image))


def test_every_layer_may_have_a_name():
    image = hubel.Input((4, 4, 2))
    apart = hubel.SeparableConv2D(2, 3, name="apart")
    x = hubel.ReLU(name="rectified")(apart(image))
    x = hubel.Softmax(name="kinds")(hubel.Flatten()(x))
    names = ["apart_depthwise", "apart_pointwise", "rectified", "flatten_1", "kinds"]
    assert hubel.Model(image, x).layer_names == names
    other = hubel.SeparableConv2D(2, 3)(image, name="other")
    assert hubel.Model(image, other).layer_names == ["other_depthwise", "other_pointwise"]
    assert hubel.ReLU(name="a") == hubel.ReLU() == hubel.Activation("relu")
