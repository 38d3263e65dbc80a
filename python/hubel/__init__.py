"""Hubel: convolutional neural networks on the CPU.

The four functions of a convolutional and a pooling layer on NumPy arrays::

    conv_forward  pool_forward  conv_backward  pool_backward

more operations in `hubel.ops`; models with `Sequential` or `Model` and their layers, `lenet5`, `load_model` and the
known networks of `hubel.zoo`; data with `load_dataset`, `image_folder`, `open_image_folder` and `load_npz`, and random
changes to it with `Augmentation`; `hubel.metrics` tells how good predictions are.

>>> import hubel
>>> data = hubel.load_dataset("mnist")
>>> model = hubel.lenet5()
>>> history = model.fit(data.X_train[:500], data.Y_train[:500], verbose=0)
>>> model.predict(data.X_test[:2]).shape
(2, 10)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

from . import _core
from .functions import conv_backward, conv_forward, pool_backward, pool_forward

if TYPE_CHECKING:
    from . import augmentation, callbacks, data, graph, layers, losses, metrics, model, ops, optimizers, zoo
    from .augmentation import Augmentation, channel_statistics, soft_targets
    from .data import Dataset, dataset_names, image_folder, load_dataset, load_npz, open_image_folder
    from .graph import Input, Value
    from .layers import (
        Activation,
        AdaptiveAvgPool2D,
        AdaptiveMaxPool2D,
        Add,
        AlphaDropout,
        Average,
        AveragePooling1D,
        AveragePooling2D,
        AvgPool1D,
        AvgPool2D,
        BatchNorm,
        BatchNormalization,
        ChannelSlice,
        Concatenate,
        Conv1D,
        Conv2D,
        Conv2DTranspose,
        Cropping2D,
        Dense,
        DepthToSpace,
        DepthwiseConv2D,
        Dropout,
        ELU,
        Flatten,
        GaussianDropout,
        GaussianNoise,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GroupNorm,
        GroupNormalization,
        Layer,
        LayerNorm,
        LayerNormalization,
        LayerScale,
        LeakyReLU,
        LocalResponseNorm,
        Maximum,
        MaxPool1D,
        MaxPool2D,
        MaxPooling1D,
        MaxPooling2D,
        Minimum,
        Multiply,
        Padding2D,
        Permute,
        PReLU,
        ReLU,
        RMSNorm,
        RMSNormalization,
        Rescaling,
        Reshape,
        Resizing,
        SeparableConv2D,
        Softmax,
        SpaceToDepth,
        SpatialDropout2D,
        StochasticDepth,
        Subtract,
        UnitNormalization,
        UpSampling2D,
        ZeroPadding2D,
    )
    from .model import History, Model, Sequential, lenet5, load_model, model_from_json
    from .optimizers import LAMB, SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Nadam, Optimizer, RAdam, RMSprop

__version__: str = _core.version

__all__ = [
    "conv_forward",
    "pool_forward",
    "conv_backward",
    "pool_backward",
    "num_threads",
    "get_num_threads",
    "set_num_threads",
    "ops",
    "data",
    "Dataset",
    "load_dataset",
    "dataset_names",
    "image_folder",
    "open_image_folder",
    "load_npz",
    "augmentation",
    "Augmentation",
    "channel_statistics",
    "soft_targets",
    "layers",
    "Layer",
    "Conv2D",
    "DepthwiseConv2D",
    "SeparableConv2D",
    "Conv2DTranspose",
    "Conv1D",
    "MaxPool2D",
    "MaxPooling2D",
    "AvgPool2D",
    "AveragePooling2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "GlobalAvgPool2D",
    "GlobalAveragePooling2D",
    "MaxPool1D",
    "MaxPooling1D",
    "AvgPool1D",
    "AveragePooling1D",
    "GlobalMaxPool1D",
    "GlobalMaxPooling1D",
    "GlobalAvgPool1D",
    "GlobalAveragePooling1D",
    "AdaptiveMaxPool2D",
    "AdaptiveAvgPool2D",
    "UpSampling2D",
    "Resizing",
    "ZeroPadding2D",
    "Padding2D",
    "Cropping2D",
    "DepthToSpace",
    "SpaceToDepth",
    "Permute",
    "ChannelSlice",
    "Reshape",
    "Flatten",
    "Dense",
    "Activation",
    "LeakyReLU",
    "ELU",
    "PReLU",
    "Dropout",
    "SpatialDropout2D",
    "StochasticDepth",
    "AlphaDropout",
    "GaussianNoise",
    "GaussianDropout",
    "Rescaling",
    "BatchNormalization",
    "BatchNorm",
    "GroupNormalization",
    "GroupNorm",
    "LayerNormalization",
    "LayerNorm",
    "RMSNormalization",
    "RMSNorm",
    "UnitNormalization",
    "LayerScale",
    "LocalResponseNorm",
    "Add",
    "Multiply",
    "Concatenate",
    "Subtract",
    "Average",
    "Maximum",
    "Minimum",
    "ReLU",
    "Softmax",
    "optimizers",
    "Optimizer",
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "LAMB",
    "Nadam",
    "Adamax",
    "Adadelta",
    "Lion",
    "RAdam",
    "losses",
    "metrics",
    "callbacks",
    "graph",
    "Input",
    "Value",
    "model",
    "Model",
    "Sequential",
    "History",
    "lenet5",
    "load_model",
    "model_from_json",
    "zoo",
]

# Modules that are imported when they, or a name of theirs, are first used: so that `import hubel` costs little.
_LAZY_MODULES = (
    "augmentation",
    "callbacks",
    "data",
    "graph",
    "layers",
    "losses",
    "metrics",
    "model",
    "ops",
    "optimizers",
    "zoo",
)


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        owners = (importlib.import_module(f"{__name__}.{module}") for module in _LAZY_MODULES)
        value = next(getattr(owner, name) for owner in owners if name in owner.__all__)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hubel' has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})


def num_threads() -> int:
    """The number of threads that operations compute with. Results do not depend on it."""
    return _core.num_threads()


get_num_threads = num_threads


def set_num_threads(n: int) -> None:
    """Sets the number of threads, up to 1024; 0 goes back to the default: OMP_NUM_THREADS, or the number of cores."""
    _core.set_num_threads(n)
