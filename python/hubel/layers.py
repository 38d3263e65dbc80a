"""The layers of a model, under Keras's names where Keras has them, and PyTorch's else.

A layer here is a description: what it is, without weights. `hubel.Model` makes the weights. Descriptions compare
equal when all their options are, and print as the call that makes them. Options are checked for their types at once,
and for fitting each other and the input when the model is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Optional, Sequence, Tuple, Type, Union

from . import _core
from ._checks import check_name

if TYPE_CHECKING:
    from ._types import IntPair, Padding
    from .graph import Value

__all__ = [
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
]


def _name() -> Any:
    """The field `name` that ends every layer's: what it is called in a model, beside what it is."""
    return field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Layer:
    """What all layers have in common.

    Called on a `hubel.Value`, or on a list of such, it gives the value that it makes of them: see `hubel.graph`. The last
    option of each, ``name``, is what it is called in summaries and its weights begin with; without one, or where a call
    gives another, that is its kind and number: "conv2d_1". Called several times within one model it has the same weights
    each time, and later calls without a name of their own are called by the first's and a number.
    """

    kind: ClassVar[str] = ""
    has_weights: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # Options in their one full form (pairs as tuples, None as "identity"), so that equal layers compare equal.
        _, canonical = _core.canonical_layer(type(self).__name__, self.kind, self.get_config())
        for name, value in canonical.items():
            object.__setattr__(self, name, value)
        check_name(type(self).__name__, self.given_name)

    @property
    def given_name(self) -> Optional[str]:
        """The option ``name``, which is a field of each kind, so that it comes last."""
        name: Optional[str] = getattr(self, "name", None)
        return name

    def get_config(self) -> Dict[str, Any]:
        """The layer's options by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}

    def __call__(self, x: Union[Value, Sequence[Value]], name: Optional[str] = None) -> Value:
        from .graph import call

        return call(self, x, name)


@dataclass(frozen=True)
class Conv2D(Layer):
    """A convolution: images (h, w, c) to (h_new, w_new, filters). See `hubel.conv_forward` for h_new.

    Parameters: kernel (kh, kw, c / groups, filters) and, with use_bias, bias (filters,). How they start goes by name:
    "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform", which look at the number
    of inputs and outputs, "zeros", "ones", "random_normal" (N(0, 0.05^2)), "random_uniform" (U(-0.05, 0.05)) and
    "truncated_normal" (N(0, 0.05^2) within two deviations).

    >>> Conv2D(6, 5, padding="same", activation="relu")
    Conv2D(filters=6, kernel_size=(5, 5), strides=(1, 1), padding='same', dilation_rate=(1, 1), groups=1, \
activation='relu', use_bias=True, kernel_initializer='he_normal', bias_initializer='zeros')
    """

    kind: ClassVar[str] = "conv2d"
    has_weights: ClassVar[bool] = True

    filters: int
    kernel_size: IntPair
    strides: IntPair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: IntPair = 1
    groups: int = 1
    activation: Optional[str] = None
    use_bias: bool = True
    kernel_initializer: str = "he_normal"
    bias_initializer: str = "zeros"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class DepthwiseConv2D(Layer):
    """Each channel convolved by itself: images (h, w, c) to (h_new, w_new, c depth_multiplier).

    Output channel k is of input channel k // depth_multiplier. Parameters: kernel (kh, kw, 1, c depth_multiplier) and,
    with use_bias, bias.
    """

    kind: ClassVar[str] = "depthwise_conv2d"
    has_weights: ClassVar[bool] = True

    kernel_size: IntPair
    strides: IntPair = (1, 1)
    padding: Padding = "valid"
    depth_multiplier: int = 1
    dilation_rate: IntPair = 1
    activation: Optional[str] = None
    use_bias: bool = True
    kernel_initializer: str = "he_normal"
    bias_initializer: str = "zeros"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Conv2DTranspose(Layer):
    """A transposed convolution: images (h, w, c) to (h_new, w_new, filters), larger by the strides.

    padding "same": h_new = h sh. "valid", or numbers of pixels to cut off: h_new = (h - 1) sh + (kh - 1) dilation + 1 -
    top - bottom + output_padding, as PyTorch has it. Parameters: kernel (kh, kw, filters / groups, c) and, with use_bias,
    bias (filters,).
    """

    kind: ClassVar[str] = "conv2d_transpose"
    has_weights: ClassVar[bool] = True

    filters: int
    kernel_size: IntPair
    strides: IntPair = (1, 1)
    padding: Padding = "valid"
    output_padding: IntPair = 0
    dilation_rate: IntPair = 1
    groups: int = 1
    activation: Optional[str] = None
    use_bias: bool = True
    kernel_initializer: str = "he_normal"
    bias_initializer: str = "zeros"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Conv1D(Layer):
    """A convolution along one axis: sequences (w, c) to (w_new, filters).

    padding is "same", "valid" or ((0, 0), (left, right)). Parameters: kernel (k, c / groups, filters) and, with use_bias,
    bias (filters,).
    """

    kind: ClassVar[str] = "conv1d"
    has_weights: ClassVar[bool] = True

    filters: int
    kernel_size: int
    strides: int = 1
    padding: Padding = "valid"
    dilation_rate: int = 1
    groups: int = 1
    activation: Optional[str] = None
    use_bias: bool = True
    kernel_initializer: str = "he_normal"
    bias_initializer: str = "zeros"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class _Pool2D(Layer):
    pool_size: IntPair = 2
    strides: Optional[IntPair] = None
    padding: Padding = "valid"
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        if self.strides is None:
            object.__setattr__(self, "strides", self.pool_size)
        super().__post_init__()


@dataclass(frozen=True)
class MaxPool2D(_Pool2D):
    """The largest value of each window: images (h, w, c) to (floor((h + padding - ph) / sh) + 1, ..., c).

    strides None means pool_size: windows that touch and do not overlap. Padding is never the largest. ceil_mode rounds up
    instead of down, as PyTorch does.
    """

    kind: ClassVar[str] = "max_pool2d"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class AvgPool2D(_Pool2D):
    """The mean of each window: images (h, w, c) to (floor((h + padding - ph) / sh) + 1, ..., c). See `MaxPool2D`.

    Padding counts in the mean with count_include_pad only (PyTorch's default, not Keras's).
    """

    kind: ClassVar[str] = "avg_pool2d"

    count_include_pad: bool = False
    name: Optional[str] = _name()


@dataclass(frozen=True)
class _GlobalPool2D(Layer):
    keepdims: bool = False
    name: Optional[str] = _name()


@dataclass(frozen=True)
class GlobalMaxPool2D(_GlobalPool2D):
    """Each channel's largest value: images (h, w, c) to (c,), or (1, 1, c) with keepdims."""

    kind: ClassVar[str] = "global_max_pool2d"


@dataclass(frozen=True)
class GlobalAvgPool2D(_GlobalPool2D):
    """Each channel's mean: images (h, w, c) to (c,), or (1, 1, c) with keepdims."""

    kind: ClassVar[str] = "global_avg_pool2d"


@dataclass(frozen=True)
class _Pool1D(Layer):
    pool_size: int = 2
    strides: Optional[int] = None
    padding: Padding = "valid"
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        if self.strides is None:
            object.__setattr__(self, "strides", self.pool_size)
        super().__post_init__()


@dataclass(frozen=True)
class MaxPool1D(_Pool1D):
    """The largest value of each window of a sequence: (w, c) to (w_new, c). See `MaxPool2D`.

    padding is "same", "valid" or ((0, 0), (left, right)).
    """

    kind: ClassVar[str] = "max_pool1d"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class AvgPool1D(_Pool1D):
    """The mean of each window of a sequence: (w, c) to (w_new, c). See `AvgPool2D` and, for padding, `MaxPool1D`."""

    kind: ClassVar[str] = "avg_pool1d"

    count_include_pad: bool = False
    name: Optional[str] = _name()


@dataclass(frozen=True)
class _GlobalPool1D(Layer):
    keepdims: bool = False
    name: Optional[str] = _name()


@dataclass(frozen=True)
class GlobalMaxPool1D(_GlobalPool1D):
    """Each channel's largest value: sequences (w, c) to (c,), or (1, c) with keepdims."""

    kind: ClassVar[str] = "global_max_pool1d"


@dataclass(frozen=True)
class GlobalAvgPool1D(_GlobalPool1D):
    """Each channel's mean: sequences (w, c) to (c,), or (1, c) with keepdims."""

    kind: ClassVar[str] = "global_avg_pool1d"


@dataclass(frozen=True)
class _AdaptivePool2D(Layer):
    output_size: IntPair
    name: Optional[str] = _name()


@dataclass(frozen=True)
class AdaptiveMaxPool2D(_AdaptivePool2D):
    """The largest values of windows that make (h, w, c) an image (*output_size, c), cut as PyTorch cuts them."""

    kind: ClassVar[str] = "adaptive_max_pool2d"


@dataclass(frozen=True)
class AdaptiveAvgPool2D(_AdaptivePool2D):
    """The means of windows that make (h, w, c) an image (*output_size, c), cut as PyTorch cuts them."""

    kind: ClassVar[str] = "adaptive_avg_pool2d"


@dataclass(frozen=True)
class UpSampling2D(Layer):
    """Images (h, w, c) to (h size[0], w size[1], c), by "nearest", "bilinear" or "bicubic" interpolation.

    "bilinear" and "bicubic" have pixels' centres at half coordinates unless align_corners, "bicubic" with PyTorch's number,
    -0.75, where Keras has -0.5. "nearest" is PyTorch's too: row y is row floor(y h / h_new) of the image, which in
    `Resizing` to a size that is no multiple is not always the row whose centre is nearest.
    """

    kind: ClassVar[str] = "upsampling2d"

    size: IntPair = 2
    interpolation: str = "nearest"
    align_corners: bool = False
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Resizing(Layer):
    """Images (h, w, c) to (*size, c), by "bilinear", "bicubic" or "nearest" interpolation. See `UpSampling2D`."""

    kind: ClassVar[str] = "resizing"

    size: IntPair
    interpolation: str = "bilinear"
    align_corners: bool = False
    name: Optional[str] = _name()


@dataclass(frozen=True)
class ZeroPadding2D(Layer):
    """Zeros around images: padding is a number, a pair (rows, columns) or ((top, bottom), (left, right))."""

    kind: ClassVar[str] = "zero_padding2d"

    padding: Padding = 1
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Padding2D(Layer):
    """Pixels of the image itself around it. padding is as in `ZeroPadding2D`.

    mode, of a row abcd with three pixels to a side: "reflect" makes dcb abcd cba (PyTorch's ReflectionPad2d), "symmetric"
    cba abcd dcb, "replicate" aaa abcd ddd (PyTorch's ReplicationPad2d), "circular" bcd abcd abc. A margin is at most as
    wide as the image, for "reflect" less 1; for "replicate" it may be any.
    """

    kind: ClassVar[str] = "padding2d"

    padding: Padding = 1
    mode: str = "reflect"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Cropping2D(Layer):
    """Images without their margins: cropping is a number, a pair (rows, columns) or ((top, bottom), (left, right))."""

    kind: ClassVar[str] = "cropping2d"

    cropping: Padding = 1
    name: Optional[str] = _name()


@dataclass(frozen=True)
class DepthToSpace(Layer):
    """Blocks of pixels out of channels: images (h, w, r r c) to (r h, r w, c), r = block_size.

    Channel k of pixel (r i + a, r j + b) is channel (r a + b) c + k of pixel (i, j): the order of TensorFlow and of Keras's
    ``ops.depth_to_space``. PyTorch's PixelShuffle takes channel r r k + r a + b.
    """

    kind: ClassVar[str] = "depth_to_space"

    block_size: int = 2
    name: Optional[str] = _name()


@dataclass(frozen=True)
class SpaceToDepth(Layer):
    """Images (r h, r w, c) to (h, w, r r c), r = block_size: what `DepthToSpace` undoes."""

    kind: ClassVar[str] = "space_to_depth"

    block_size: int = 2
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Permute(Layer):
    """A sample's axes in another order: axis i of the output is axis dims[i] of the input, counted from 1.

    ``Permute((3, 1, 2))`` makes (h, w, c) images of (c, h, w). Channels are shuffled (Zhang et al. 2018, ShuffleNet) by
    ``Reshape((h, w, groups, -1))``, ``Permute((1, 2, 4, 3))`` and ``Reshape((h, w, -1))``.
    """

    kind: ClassVar[str] = "permute"

    dims: Sequence[int]
    name: Optional[str] = _name()


@dataclass(frozen=True)
class ChannelSlice(Layer):
    """The channels from begin on, up to but without end: ``x[..., begin:end]`` of (..., c)."""

    kind: ClassVar[str] = "channel_slice"

    begin: int
    end: int
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Reshape(Layer):
    """The same numbers, row-major, in another shape; one extent may be -1, for what is left."""

    kind: ClassVar[str] = "reshape"

    target_shape: Sequence[int]
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Flatten(Layer):
    """(h, w, c) to (h w c,), row-major."""

    kind: ClassVar[str] = "flatten"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class Dense(Layer):
    """A fully connected layer: (n,) to (units,), or along the last of several axes: (h, w, c) to (h, w, units).

    Of a whole image, not of each of its pixels, it is after `Flatten`. Parameters: kernel (n, units), n being the last
    axis's extent, and, with use_bias, bias (units,). See `Conv2D` for how they start.
    """

    kind: ClassVar[str] = "dense"
    has_weights: ClassVar[bool] = True

    units: int
    activation: Optional[str] = None
    use_bias: bool = True
    kernel_initializer: str = "he_normal"
    bias_initializer: str = "zeros"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Activation(Layer):
    """An activation by name, alone; the shape stays. `hubel.ops.activation_names` lists the names."""

    kind: ClassVar[str] = "activation"

    activation: str
    name: Optional[str] = _name()


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """x where it is above 0, else negative_slope x (Maas et al. 2013)."""

    kind: ClassVar[str] = "leaky_relu"

    negative_slope: float = 0.3
    name: Optional[str] = _name()


@dataclass(frozen=True)
class ELU(Layer):
    """x where it is above 0, else alpha (exp(x) - 1) (Clevert et al. 2016)."""

    kind: ClassVar[str] = "elu"

    alpha: float = 1.0
    name: Optional[str] = _name()


@dataclass(frozen=True)
class PReLU(Layer):
    """x where it is above 0, else alpha x, alpha being learned (He et al. 2015).

    Parameters: alpha (c,), or (1,) when shared; it starts at `initial`.
    """

    kind: ClassVar[str] = "prelu"
    has_weights: ClassVar[bool] = True

    shared: bool = False
    initial: float = 0.25
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Dropout(Layer):
    """In training each number is 0 with probability rate, else 1 / (1 - rate) times as large (Srivastava et al. 2014)."""

    kind: ClassVar[str] = "dropout"

    rate: float
    name: Optional[str] = _name()


@dataclass(frozen=True)
class SpatialDropout2D(Layer):
    """`Dropout` of whole channels of an image (Tompson et al. 2015)."""

    kind: ClassVar[str] = "spatial_dropout2d"

    rate: float
    name: Optional[str] = _name()


@dataclass(frozen=True)
class StochasticDepth(Layer):
    """`Dropout` of whole samples, at the end of a residual block's branch: the block is left out (Huang et al. 2016)."""

    kind: ClassVar[str] = "stochastic_depth"

    rate: float
    name: Optional[str] = _name()


@dataclass(frozen=True)
class AlphaDropout(Layer):
    """`Dropout` that keeps mean 0 and variance 1, beside "selu" (Klambauer et al. 2017): what is dropped becomes SELU's
    limit to the left, -1.758, and then all are scaled and shifted."""

    kind: ClassVar[str] = "alpha_dropout"

    rate: float
    name: Optional[str] = _name()


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """In training numbers of the normal distribution with this standard deviation are added."""

    kind: ClassVar[str] = "gaussian_noise"

    stddev: float
    name: Optional[str] = _name()


@dataclass(frozen=True)
class GaussianDropout(Layer):
    """In training each number is multiplied with one of the normal distribution of mean 1 and variance rate / (1 - rate),
    which is `Dropout`'s (Srivastava et al. 2014)."""

    kind: ClassVar[str] = "gaussian_dropout"

    rate: float
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Rescaling(Layer):
    """scale x + offset, two numbers that are not learned: ``Rescaling(1 / 127.5, -1)`` makes [0, 255] to [-1, 1]."""

    kind: ClassVar[str] = "rescaling"

    scale: float
    offset: float = 0.0
    name: Optional[str] = _name()


@dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """x / (k + alpha / size s)^beta, s being the sum of the squares of the size channels around each (Krizhevsky et al.
    2012, whose alpha is not divided by size; this is PyTorch's)."""

    kind: ClassVar[str] = "local_response_norm"

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    name: Optional[str] = _name()


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Each channel with mean 0 and variance 1 over the batch, times gamma, plus beta (Ioffe & Szegedy 2015).

    In training running = momentum running + (1 - momentum) the batch's, the variance unbiased as in PyTorch (whose
    momentum is 1 less this one); outside of training the running statistics are used. Parameters, all (c,): gamma with
    scale, beta with center, running_mean, running_variance. gamma_initializer "zeros" in a residual block's last norm
    makes the block start as the identity (Goyal et al. 2017).
    """

    kind: ClassVar[str] = "batch_norm"
    has_weights: ClassVar[bool] = True

    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    activation: Optional[str] = None
    beta_initializer: str = "zeros"
    gamma_initializer: str = "ones"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class GroupNormalization(Layer):
    """Each sample's groups of channels with mean 0 and variance 1 over all pixels, times gamma, plus beta, both (c,) (Wu &
    He 2018). groups must divide c; -1, as many groups as channels, is instance normalisation."""

    kind: ClassVar[str] = "group_norm"
    has_weights: ClassVar[bool] = True

    groups: int = 32
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str = "zeros"
    gamma_initializer: str = "ones"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """Mean 0 and variance 1 over the last `axes` axes, times gamma, plus beta, both of these axes' shape (Ba et al.
    2016)."""

    kind: ClassVar[str] = "layer_norm"
    has_weights: ClassVar[bool] = True

    axes: int = 1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str = "zeros"
    gamma_initializer: str = "ones"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class RMSNormalization(Layer):
    """Each pixel's channels divided by the root of (the mean of their squares + epsilon), times gamma (c,) with scale
    (Zhang & Sennrich 2019)."""

    kind: ClassVar[str] = "rms_norm"
    has_weights: ClassVar[bool] = True

    epsilon: float = 1e-6
    scale: bool = True
    gamma_initializer: str = "ones"
    name: Optional[str] = _name()


@dataclass(frozen=True)
class UnitNormalization(Layer):
    """Each pixel's channels divided by their length, the root of the sum of their squares, which counts as 1e-6 at least."""

    kind: ClassVar[str] = "unit_norm"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class LayerScale(Layer):
    """Each channel times a number that is learned, at the end of a residual block's branch (Touvron et al. 2021).

    Parameters: gamma (c,), which starts at `initial`.
    """

    kind: ClassVar[str] = "layer_scale"
    has_weights: ClassVar[bool] = True

    initial: float = 1e-6
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Add(Layer):
    """The sum of two or more inputs of one shape, then an activation: what closes a residual block (He et al. 2016)."""

    kind: ClassVar[str] = "add"

    activation: Optional[str] = None
    name: Optional[str] = _name()


@dataclass(frozen=True)
class Multiply(Layer):
    """The product of two inputs; the second may be (1, 1, c) or (h, w, 1) beside (h, w, c)."""

    kind: ClassVar[str] = "multiply"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class Concatenate(Layer):
    """Two or more inputs side by side along the last axis."""

    kind: ClassVar[str] = "concatenate"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class Subtract(Layer):
    """The first input less the second, of one shape."""

    kind: ClassVar[str] = "subtract"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class Average(Layer):
    """The mean of two or more inputs of one shape."""

    kind: ClassVar[str] = "average"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class Maximum(Layer):
    """The largest of two or more inputs of one shape, element by element; those that are equal share its gradient."""

    kind: ClassVar[str] = "maximum"

    name: Optional[str] = _name()


@dataclass(frozen=True)
class Minimum(Layer):
    """The smallest of two or more inputs of one shape, element by element; those that are equal share its gradient."""

    kind: ClassVar[str] = "minimum"

    name: Optional[str] = _name()


class SeparableConv2D:
    """A depthwise convolution and a 1x1 convolution of its channels (Chollet 2017): two layers, as Keras's one.

    It may stand wherever a layer may: called on a value, or in a list for `hubel.Sequential`. strides, padding,
    depth_multiplier and dilation_rate are the depthwise layer's, which has no bias; filters, activation, use_bias and
    bias_initializer those of the other. With a name, given here or when it is called, the two are called name_depthwise
    and name_pointwise.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: IntPair,
        strides: IntPair = (1, 1),
        padding: Padding = "valid",
        depth_multiplier: int = 1,
        dilation_rate: IntPair = 1,
        activation: Optional[str] = None,
        use_bias: bool = True,
        kernel_initializer: str = "he_normal",
        bias_initializer: str = "zeros",
        name: Optional[str] = None,
    ) -> None:
        depthwise, pointwise = self._names(name)
        self.layers: Tuple[Layer, Layer] = (
            DepthwiseConv2D(
                kernel_size,
                strides,
                padding,
                depth_multiplier,
                dilation_rate,
                use_bias=False,
                kernel_initializer=kernel_initializer,
                name=depthwise,
            ),
            Conv2D(
                filters,
                1,
                activation=activation,
                use_bias=use_bias,
                kernel_initializer=kernel_initializer,
                bias_initializer=bias_initializer,
                name=pointwise,
            ),
        )

    def __call__(self, x: Value, name: Optional[str] = None) -> Value:
        depthwise, pointwise = self._names(name)
        return self.layers[1](self.layers[0](x, depthwise), pointwise)

    @staticmethod
    def _names(name: Optional[str]) -> Tuple[Optional[str], Optional[str]]:
        """What the two layers are called."""
        check_name("SeparableConv2D", name)
        return (None, None) if name is None else (f"{name}_depthwise", f"{name}_pointwise")

    def __repr__(self) -> str:
        return f"SeparableConv2D of {self.layers[0]!r} and {self.layers[1]!r}"


def ReLU(name: Optional[str] = None) -> Activation:
    """``Activation("relu")``, which may have a name."""
    return Activation("relu", name=name)


def Softmax(name: Optional[str] = None) -> Activation:
    """``Activation("softmax")``, which may have a name."""
    return Activation("softmax", name=name)


MaxPooling2D = MaxPool2D
AveragePooling2D = AvgPool2D
GlobalMaxPooling2D = GlobalMaxPool2D
GlobalAveragePooling2D = GlobalAvgPool2D
MaxPooling1D = MaxPool1D
AveragePooling1D = AvgPool1D
GlobalMaxPooling1D = GlobalMaxPool1D
GlobalAveragePooling1D = GlobalAvgPool1D
BatchNorm = BatchNormalization
GroupNorm = GroupNormalization
LayerNorm = LayerNormalization
RMSNorm = RMSNormalization

_KINDS: Tuple[Type[Layer], ...] = (
    Conv2D,
    DepthwiseConv2D,
    Conv2DTranspose,
    Conv1D,
    MaxPool2D,
    AvgPool2D,
    GlobalMaxPool2D,
    GlobalAvgPool2D,
    MaxPool1D,
    AvgPool1D,
    GlobalMaxPool1D,
    GlobalAvgPool1D,
    AdaptiveMaxPool2D,
    AdaptiveAvgPool2D,
    UpSampling2D,
    Resizing,
    ZeroPadding2D,
    Padding2D,
    Cropping2D,
    DepthToSpace,
    SpaceToDepth,
    Permute,
    ChannelSlice,
    Reshape,
    Flatten,
    Dense,
    Activation,
    LeakyReLU,
    ELU,
    PReLU,
    Dropout,
    SpatialDropout2D,
    StochasticDepth,
    AlphaDropout,
    GaussianNoise,
    GaussianDropout,
    Rescaling,
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
    LayerScale,
    LocalResponseNorm,
    Add,
    Multiply,
    Concatenate,
    Subtract,
    Average,
    Maximum,
    Minimum,
)
_BY_KIND: Dict[str, Type[Layer]] = {layer.kind: layer for layer in _KINDS}


def layer_of(kind: str, options: Dict[str, Any], name: Optional[str] = None) -> Layer:
    """The layer of that kind ("conv2d") with these options."""
    return _BY_KIND[kind](**{**options, "name": name})
