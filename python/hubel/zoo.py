"""Known networks at their papers' definitions, as models with fresh weights.

>>> import hubel
>>> hubel.zoo.resnet18(classes=10, input_shape=(32, 32, 3), small_images=True)
<hubel.Model 'resnet18', (32, 32, 3) -> (10,), 11,183,562 parameters>

Each is a function of ``classes`` and ``input_shape``, with the paper's for defaults, ``seed`` and ``small_images``: the
usual change for images of about 32x32, where there is one. Where torchvision has a network, padding, strides and counts
of weights are its; MobileNet V1 and Xception are Keras's. Classifiers end in softmax. `names` lists them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Sequence, Tuple

from . import _core
from ._checks import check_seed
from .model import Model, _model_of

if TYPE_CHECKING:
    from typing import Protocol

    class Builder(Protocol):
        def __call__(
            self,
            classes: int = ...,
            input_shape: Sequence[int] = ...,
            seed: int = 0,
            small_images: bool = False,
        ) -> Model: ...


_DEFAULTS: Dict[str, Tuple[int, Tuple[int, ...], bool]] = {
    name: (classes, shape, small) for name, classes, shape, small in _core.zoo_defaults()
}


def names() -> List[str]:
    """The names of all networks here."""
    return list(_DEFAULTS)


def _network(name: str, paper: str) -> Builder:
    """The function that makes the network of that name."""
    default_classes, default_shape, has_small = _DEFAULTS[name]

    def build(
        classes: int = default_classes,
        input_shape: Sequence[int] = default_shape,
        seed: int = 0,
        small_images: bool = False,
    ) -> Model:
        check_seed(name, seed)
        shape, entries = _core.zoo_graph(name, classes, input_shape, small_images)
        return _model_of(_core.Network([(shape, None)], entries, None, seed), name, seed)

    build.__name__ = build.__qualname__ = name
    small = "small_images: its variant for about 32x32." if has_small else "It has no variant for small_images."
    build.__doc__ = f"{paper}\n\n    {small} Raises ValueError for an input_shape that does not fit."
    return build


lenet5 = _network("lenet5", "LeNet-5 with ReLU and max pooling, as trained today: LeCun et al. 1998.")
lenet5_1998 = _network("lenet5_1998", "LeNet-5 with tanh and average pooling: LeCun et al. 1998.")
alexnet = _network("alexnet", "AlexNet in one column: Krizhevsky 2014.")
vgg11 = _network("vgg11", "VGG of 11 layers: Simonyan & Zisserman 2015.")
vgg13 = _network("vgg13", "VGG of 13 layers: Simonyan & Zisserman 2015.")
vgg16 = _network("vgg16", "VGG of 16 layers: Simonyan & Zisserman 2015.")
vgg19 = _network("vgg19", "VGG of 19 layers: Simonyan & Zisserman 2015.")
vgg11_bn = _network("vgg11_bn", "VGG of 11 layers with batch norms: Simonyan & Zisserman 2015.")
vgg13_bn = _network("vgg13_bn", "VGG of 13 layers with batch norms: Simonyan & Zisserman 2015.")
vgg16_bn = _network("vgg16_bn", "VGG of 16 layers with batch norms: Simonyan & Zisserman 2015.")
vgg19_bn = _network("vgg19_bn", "VGG of 19 layers with batch norms: Simonyan & Zisserman 2015.")
resnet18 = _network("resnet18", "ResNet of 18 layers: He, Zhang, Ren & Sun 2016.")
resnet34 = _network("resnet34", "ResNet of 34 layers: He, Zhang, Ren & Sun 2016.")
resnet50 = _network("resnet50", "ResNet of 50 layers: He, Zhang, Ren & Sun 2016.")
resnet101 = _network("resnet101", "ResNet of 101 layers: He, Zhang, Ren & Sun 2016.")
resnet152 = _network("resnet152", "ResNet of 152 layers: He, Zhang, Ren & Sun 2016.")
resnext50_32x4d = _network("resnext50_32x4d", "ResNeXt of 50 layers, 32 groups of 4: Xie et al. 2017.")
wide_resnet50_2 = _network("wide_resnet50_2", "ResNet of 50 layers, twice as wide: Zagoruyko & Komodakis 2016.")
resnet20 = _network("resnet20", "ResNet of 20 layers for CIFAR-10: He, Zhang, Ren & Sun 2016.")
resnet32 = _network("resnet32", "ResNet of 32 layers for CIFAR-10: He, Zhang, Ren & Sun 2016.")
resnet44 = _network("resnet44", "ResNet of 44 layers for CIFAR-10: He, Zhang, Ren & Sun 2016.")
resnet56 = _network("resnet56", "ResNet of 56 layers for CIFAR-10: He, Zhang, Ren & Sun 2016.")
resnet110 = _network("resnet110", "ResNet of 110 layers for CIFAR-10: He, Zhang, Ren & Sun 2016.")
googlenet = _network("googlenet", "GoogLeNet with batch norms: Szegedy et al. 2015.")
squeezenet1_0 = _network("squeezenet1_0", "SqueezeNet 1.0: Iandola et al. 2016.")
squeezenet1_1 = _network("squeezenet1_1", "SqueezeNet 1.1: Iandola et al. 2016.")
densenet121 = _network("densenet121", "DenseNet of 121 layers: Huang et al. 2017.")
densenet161 = _network("densenet161", "DenseNet of 161 layers: Huang et al. 2017.")
densenet169 = _network("densenet169", "DenseNet of 169 layers: Huang et al. 2017.")
densenet201 = _network("densenet201", "DenseNet of 201 layers: Huang et al. 2017.")
mobilenet_v1 = _network("mobilenet_v1", "MobileNet: Howard et al. 2017.")
mobilenet_v2 = _network("mobilenet_v2", "MobileNet V2: Sandler et al. 2018.")
mobilenet_v3_small = _network("mobilenet_v3_small", "MobileNet V3, small: Howard et al. 2019.")
mobilenet_v3_large = _network("mobilenet_v3_large", "MobileNet V3, large: Howard et al. 2019.")
shufflenet_v2_x0_5 = _network("shufflenet_v2_x0_5", "ShuffleNet V2, half as wide: Ma et al. 2018.")
shufflenet_v2_x1_0 = _network("shufflenet_v2_x1_0", "ShuffleNet V2: Ma et al. 2018.")
shufflenet_v2_x1_5 = _network("shufflenet_v2_x1_5", "ShuffleNet V2, one and a half times as wide: Ma et al. 2018.")
shufflenet_v2_x2_0 = _network("shufflenet_v2_x2_0", "ShuffleNet V2, twice as wide: Ma et al. 2018.")
xception = _network("xception", "Xception: Chollet 2017.")
efficientnet_b0 = _network("efficientnet_b0", "EfficientNet-B0: Tan & Le 2019.")
efficientnet_b1 = _network("efficientnet_b1", "EfficientNet-B1: Tan & Le 2019.")
efficientnet_b2 = _network("efficientnet_b2", "EfficientNet-B2: Tan & Le 2019.")
efficientnet_b3 = _network("efficientnet_b3", "EfficientNet-B3: Tan & Le 2019.")
efficientnet_b4 = _network("efficientnet_b4", "EfficientNet-B4: Tan & Le 2019.")
efficientnet_b5 = _network("efficientnet_b5", "EfficientNet-B5: Tan & Le 2019.")
efficientnet_b6 = _network("efficientnet_b6", "EfficientNet-B6: Tan & Le 2019.")
efficientnet_b7 = _network("efficientnet_b7", "EfficientNet-B7: Tan & Le 2019.")
convnext_tiny = _network("convnext_tiny", "ConvNeXt, tiny: Liu et al. 2022.")
convnext_small = _network("convnext_small", "ConvNeXt, small: Liu et al. 2022.")
convnext_base = _network("convnext_base", "ConvNeXt, base: Liu et al. 2022.")
unet = _network("unet", "U-Net without padding, to (h_new, w_new, classes): Ronneberger et al. 2015.")
unet_same = _network("unet_same", "U-Net with padding, for multiples of 16, to (h, w, classes): Ronneberger et al. 2015.")

__all__ = ["names", *_DEFAULTS]
