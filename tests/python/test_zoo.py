"""hubel.zoo: known networks as models, and drawings."""

import inspect
import xml.etree.ElementTree

import numpy as np
import pytest

import hubel


def test_every_network_has_its_function():
    assert len(hubel.zoo.names()) == len(set(hubel.zoo.names())) > 40
    for name in hubel.zoo.names():
        function = getattr(hubel.zoo, name)
        assert function.__name__ == name and "20" in function.__doc__ or "1998" in function.__doc__
        assert list(inspect.signature(function).parameters) == ["classes", "input_shape", "seed", "small_images"]


def test_defaults_are_the_papers():
    parameters = inspect.signature(hubel.zoo.resnet18).parameters
    assert parameters["classes"].default == 1000 and parameters["input_shape"].default == (224, 224, 3)
    model = hubel.zoo.squeezenet1_1()
    assert (model.input_shape, model.output_shape, model.count_params()) == ((224, 224, 3), (1000,), 1_235_496)


def test_networks_work():
    model = hubel.zoo.resnet20(input_shape=(8, 8, 3), seed=3)
    assert model.name == "resnet20" and type(model) is hubel.Model
    x = np.random.default_rng(1).random((6, 8, 8, 3), dtype=np.float32)
    assert np.allclose(model.predict(x).sum(axis=1), 1, atol=1e-5)
    model.fit(x, [0, 1, 2, 3, 4, 5], epochs=1, verbose=0)
    again = hubel.zoo.resnet20(input_shape=[8, 8, 3], seed=3)
    assert not np.array_equal(model.get_weights()[0], again.get_weights()[0])
    same = hubel.zoo.resnet20(input_shape=(8, 8, 3), seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(same.get_weights(), again.get_weights()))


def test_chains_are_sequential():
    assert type(hubel.zoo.lenet5()) is hubel.Sequential
    assert isinstance(hubel.lenet5(), hubel.Sequential)
    assert hubel.zoo.lenet5().get_weights()[0].tobytes() == hubel.lenet5().get_weights()[0].tobytes()


def test_small_images():
    model = hubel.zoo.mobilenet_v2(classes=10, input_shape=(32, 32, 3), small_images=True)
    assert model.output_shape == (10,)


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: hubel.zoo.resnet18(classes="ten"), TypeError, "resnet18: classes must be an integer"),
        (lambda: hubel.zoo.resnet18(classes=0), ValueError, "units = 0"),
        (lambda: hubel.zoo.resnet18(input_shape=3), TypeError, "resnet18: input_shape must be a tuple"),
        (lambda: hubel.zoo.vgg16(input_shape=(8, 8, 3)), ValueError, "max_pool2d_4: .*larger"),
        (lambda: hubel.zoo.resnet18(seed=-1), ValueError, "resnet18: seed"),
        (lambda: hubel.zoo.resnet18(small_images=1), TypeError, "resnet18: small_images must be True or False"),
        (lambda: hubel.zoo.alexnet(small_images=True), ValueError, "alexnet has no variant"),
        (lambda: hubel.lenet5().plot(merge=None), TypeError, "plot: merge must be True or False"),
    ],
)
def test_wrong_arguments(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_plot(tmp_path):
    model = hubel.zoo.googlenet(classes=10, input_shape=(64, 64, 3))
    svg = model.plot(tmp_path / "googlenet.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["googlenet.svg"]  # and nothing that was on the way to it
    with pytest.raises(FileNotFoundError, match="nowhere"):
        model.plot(tmp_path / "nowhere" / "googlenet.svg")
    assert (tmp_path / "googlenet.svg").read_text(encoding="utf-8") == svg == svg._repr_svg_()
    root = xml.etree.ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert model.plot(merge=False).count("<rect") == len(model.layer_names) + 1
    assert ">(64, 64, 3)<" not in model.plot(shapes=False)


def test_summary_tells_what_trains(capsys):
    hubel.zoo.resnet20().summary()
    out = capsys.readouterr().out
    assert "269,722 trainable" in out and "Connected to" in out
