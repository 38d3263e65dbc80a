"""Networks of the zoo beside torchvision's, where it is installed: the same probabilities of the same weights."""

import numpy as np
import pytest

import hubel

torch = pytest.importorskip("torch")
models = pytest.importorskip("torchvision.models")
nn = torch.nn


def with_random_numbers(model):
    """A network whose norms and scales matter, unlike those of a fresh one."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for name, parameter in model.named_parameters():
        if name.endswith("layer_scale"):
            nn.init.uniform_(parameter, 0.1, 0.5)
    return model.eval()


def weights_of(model):
    """Its layers' weights as hubel has them, in their order: a list for each kind of layer."""
    found = {"conv2d": [], "batch_norm": [], "layer_norm": [], "dense": [], "layer_scale": []}
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            found["conv2d"].append({"kernel": module.weight.permute(2, 3, 1, 0), "bias": module.bias})
        elif isinstance(module, nn.BatchNorm2d):
            statistics = {"running_mean": module.running_mean, "running_variance": module.running_var}
            found["batch_norm"].append({"gamma": module.weight, "beta": module.bias, **statistics})
        elif isinstance(module, nn.LayerNorm):
            found["layer_norm"].append({"gamma": module.weight, "beta": module.bias})
        elif isinstance(module, nn.Linear):
            found["dense"].append({"kernel": module.weight.T, "bias": module.bias})
        if hasattr(module, "layer_scale"):
            found["layer_scale"].append({"gamma": module.layer_scale.reshape(-1)})
    return found


# Of the families those whose layers come in one order in both.
@pytest.mark.parametrize(
    "name",
    [
        "squeezenet1_1",
        "densenet121",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "shufflenet_v2_x0_5",
        "shufflenet_v2_x1_0",
        "convnext_tiny",
    ],
)
def test_networks(name):
    theirs = with_random_numbers(getattr(models, name)(num_classes=11))
    ours = getattr(hubel.zoo, name)(classes=11, input_shape=(96, 64, 3))
    found, weights = weights_of(theirs), {}
    for layer in ours.layer_names:
        kind = layer.rsplit("_", 1)[0].replace("depthwise_", "")
        if kind not in found:
            continue
        for key, value in found[kind].pop(0).items():
            if value is not None:
                weights[f"{layer}.{key}"] = np.ascontiguousarray(value.detach().numpy())
    assert not any(found.values())
    ours.set_weights(weights)
    x = np.random.default_rng(1).normal(size=(2, 96, 64, 3)).astype("f")
    with torch.no_grad():
        wanted = torch.softmax(theirs(torch.from_numpy(x).permute(0, 3, 1, 2)), 1).numpy()
    assert wanted.std() > 1e-5
    assert np.abs(ours.predict(x) - wanted).max() < 1e-5 * wanted.max()
