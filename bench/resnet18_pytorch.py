"""The convolutions of ResNet-18 on 32x32 images beside PyTorch, in one process: forward, and backward to both gradients,
of each layer in turn, round after round; medians, their ratios, and the sum over the network.

    python bench/resnet18_pytorch.py [--batch N] [--threads N] [--rounds N] [--only NAME]

Wants the packages hubel and torch. ResNet-18 (He et al. 2016, table 1) as it is usual on CIFAR: the first layer is 3x3
with stride 1 and no pooling follows it. PyTorch runs in NCHW and in channels_last, eagerly and, where it works,
compiled; its data lies ready in its layout. Hubel's side makes the gradient of a bias too, which PyTorch's does without.
"""

import numpy as np
import torch

import hubel
import peers

# name, side of the image, c_prev, c_new, kernel, stride, how many of it the network has
LAYERS = (
    ("conv1", 32, 3, 64, 3, 1, 1),
    ("stage1.3x3", 32, 64, 64, 3, 1, 4),
    ("stage2.3x3s2", 32, 64, 128, 3, 2, 1),
    ("stage2.1x1s2", 32, 64, 128, 1, 2, 1),
    ("stage2.3x3", 16, 128, 128, 3, 1, 3),
    ("stage3.3x3s2", 16, 128, 256, 3, 2, 1),
    ("stage3.1x1s2", 16, 128, 256, 1, 2, 1),
    ("stage3.3x3", 8, 256, 256, 3, 1, 3),
    ("stage4.3x3s2", 8, 256, 512, 3, 2, 1),
    ("stage4.1x1s2", 8, 256, 512, 1, 2, 1),
    ("stage4.3x3", 4, 512, 512, 3, 1, 3),
)
TARGET = 1.4  # times as fast as PyTorch, over the network
TOLERANCE = 1e-4  # of the largest element: both sides are float32


class Layer:
    """A layer's arrays, and its two passes by Hubel."""

    def __init__(self, batch, side, c_prev, c_new, kernel, stride):
        random = np.random.default_rng(1)
        self.padding, self.stride = kernel // 2, stride
        self.x = random.standard_normal((batch, side, side, c_prev), np.float32)
        self.W = random.standard_normal((kernel, kernel, c_prev, c_new), np.float32)
        self.b = np.zeros((1, 1, 1, c_new), np.float32)
        self.dz = random.standard_normal((batch, side // stride, side // stride, c_new), np.float32)

    def forward(self):
        return hubel.conv_forward(self.x, self.W, self.b, None, self.padding, self.stride)

    def backward(self):
        return hubel.conv_backward(self.dz, self.x, self.W, self.b, self.padding, self.stride)


def torch_passes(layer, channels_last):
    """{pass: (function, its arrays)}, as torch.compile wants them."""

    def tensor(array, axes):
        copy = torch.from_numpy(array.transpose(axes).copy())
        return copy.to(memory_format=torch.channels_last) if channels_last else copy

    x, dz = tensor(layer.x, (0, 3, 1, 2)), tensor(layer.dz, (0, 3, 1, 2))
    W = tensor(layer.W, (3, 2, 0, 1))
    pair, strides = [layer.padding] * 2, [layer.stride] * 2

    def forward(x, W):
        return torch.nn.functional.conv2d(x, W, None, strides, pair)

    def backward(dz, x, W):
        wanted = [True, True, False]
        return torch.ops.aten.convolution_backward(dz, x, W, None, strides, pair, [1, 1], False, [0, 0], 1, wanted)[:2]

    return {"forward": (forward, (x, W)), "backward": (backward, (dz, x, W))}


def works_of(layer, name):
    """{pass: {label: function}}, Hubel's first."""
    torch.compiler.reset()  # else it gives up compiling after some layers of different shapes
    works = {"forward": {"hubel": layer.forward}, "backward": {"hubel": layer.backward}}
    for channels_last in (False, True):
        for compiled in (False, True):
            label = f"{'NHWC' if channels_last else 'NCHW'}{', compiled' if compiled else ''}"
            for which, (function, arrays) in torch_passes(layer, channels_last).items():

                def make(function=function, arrays=arrays, compiled=compiled):
                    run = torch.compile(function, dynamic=False) if compiled else function
                    return lambda: run(*arrays)

                work = peers.usable(f"{label}: {name} {which}", make)
                if work:
                    works[which][label] = work
    return works


def check(layer, works):
    """That both compute the same."""

    def compare(what, ours, theirs, axes):
        theirs = theirs.numpy().transpose(axes)
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        if not error < TOLERANCE:
            raise SystemExit(f"{what} is off PyTorch's by {error:.1e} of the largest")

    compare("the output", layer.forward(), works["forward"]["NCHW"](), (0, 2, 3, 1))
    dx, dW, _ = layer.backward()
    torch_dx, torch_dW = works["backward"]["NCHW"]()
    compare("dA_prev", dx, torch_dx, (0, 2, 3, 1))
    compare("dW", dW, torch_dW, (2, 3, 1, 0))


class Sums:
    """Milliseconds of the whole network by configuration, and of the fastest of PyTorch's for each layer and pass."""

    def __init__(self):
        self.of, self.fastest_each = {}, 0.0

    def add(self, medians, count):
        for label, seconds in medians.items():
            self.of.setdefault(label, []).append(count * seconds)
        self.fastest_each += count * medians[peers.fastest(medians)]

    def print(self):
        rows = len(self.of["hubel"])
        whole = {label: sum(times) for label, times in self.of.items() if len(times) == rows}
        for label, seconds in whole.items():
            print(f"{'all layers':<14}{label:<32}{1e3 * seconds:>10.1f} ms")
        best = peers.fastest(whole)
        print(f"{'all layers':<14}{'ratio to ' + best:<32}{whole[best] / whole['hubel']:>10.2f}   (target: {TARGET})")
        each = self.fastest_each / whole["hubel"]
        print(f"{'all layers':<14}{'ratio to the fastest of each row':<32}{each:>10.2f}")


def main():
    parser = peers.arguments(__doc__, rounds=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--only", default="", help="only layers whose name contains this")
    options = parser.parse_args()
    hubel.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    peers.say_on_what(options.threads, hubel, torch)
    print(f"batch {options.batch}, milliseconds; ratios above 1 mean that Hubel is faster")
    sums = Sums()
    for name, side, c_prev, c_new, kernel, stride, count in LAYERS:
        if options.only not in name:
            continue
        layer = Layer(options.batch, side, c_prev, c_new, kernel, stride)
        works = works_of(layer, name)
        check(layer, works)
        for which, sides in works.items():
            medians = peers.in_turn(sides, options.rounds)
            told = "  ".join(f"{label} {1e3 * seconds:.2f}" for label, seconds in medians.items())
            best = peers.fastest(medians)
            print(f"{name:<14}x{count} {which:<10}{told}  ratio {medians[best] / medians['hubel']:.2f}", flush=True)
            sums.add(medians, count)
    print()
    sums.print()


if __name__ == "__main__":
    main()
