"""What a call from NumPy costs: Hubel's functions on arrays so small that computing takes next to nothing, beside
PyTorch's counterparts on tensors, in one process, in turn, round after round; medians in microseconds.

    python bench/numpy_overhead.py [--rounds N]

Wants the packages hubel and torch. The image is 1x8x8x1. Hubel gets NumPy arrays and returns NumPy arrays; PyTorch gets
tensors, with gradients switched off (inference_mode), which is its fastest.
"""

import numpy as np
import torch

import hubel
import peers
from hubel import ops

TARGET = 3e-6  # seconds of conv_forward


def works():
    """{what: {label: function}}"""
    random = np.random.default_rng(1)

    def array(*shape):
        return random.standard_normal(shape, np.float32)

    A, W, b, dZ, pooled = array(1, 8, 8, 1), array(3, 3, 1, 1), array(1, 1, 1, 1), array(1, 8, 8, 1), array(1, 4, 4, 1)
    X, D, bias, dY = array(1, 16), array(16, 10), array(10), array(1, 10)
    # One channel: the same memory channels first.
    tA, tW, tdZ = (torch.from_numpy(a).reshape(1, 1, *a.shape[1:3]) for a in (A, W.transpose(3, 0, 1, 2), dZ))
    tX, tD, tb, tbias, tdY = map(torch.from_numpy, (X, np.ascontiguousarray(D.T), b.reshape(1), bias, dY))
    functional, aten = torch.nn.functional, torch.ops.aten
    _, winners = aten.max_pool2d_with_indices(tA, [2, 2], [2, 2])
    tpooled = torch.from_numpy(pooled).reshape(1, 1, 4, 4)
    conv_arguments = [1], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, True, True]
    pool_arguments = [2, 2], [2, 2], [0, 0], [1, 1], False, winners
    return {
        "conv_forward": {
            "hubel": lambda: hubel.conv_forward(A, W, b, None),
            "torch": lambda: functional.conv2d(tA, tW, tb, padding=1),
        },
        "conv_forward, relu": {
            "hubel": lambda: hubel.conv_forward(A, W, b, "relu"),
            "torch": lambda: functional.relu(functional.conv2d(tA, tW, tb, padding=1)),
        },
        "conv_backward": {
            "hubel": lambda: hubel.conv_backward(dZ, A, W, b),
            "torch": lambda: aten.convolution_backward(tdZ, tA, tW, *conv_arguments),
        },
        "pool_forward": {
            "hubel": lambda: hubel.pool_forward(A, (2, 2), (2, 2)),
            "torch": lambda: functional.max_pool2d(tA, 2, 2),
        },
        "pool_backward": {
            "hubel": lambda: hubel.pool_backward(pooled, A, (2, 2), (2, 2)),
            "torch": lambda: aten.max_pool2d_with_indices_backward(tpooled, tA, *pool_arguments),
        },
        "ops.dense_forward": {
            "hubel": lambda: ops.dense_forward(X, D, bias),
            "torch": lambda: functional.linear(tX, tD, tbias),
        },
        "ops.dense_backward": {
            "hubel": lambda: ops.dense_backward(dY, X, D),
            "torch": lambda: (tdY @ tD, tdY.T @ tX, tdY.sum(0)),
        },
        "ops.activation_forward": {
            "hubel": lambda: ops.activation_forward(A, "relu"),
            "torch": lambda: functional.relu(tA),
        },
        "ops.activation_backward": {
            "hubel": lambda: ops.activation_backward(dZ, A, "relu"),
            "torch": lambda: aten.threshold_backward(tdZ, tA, 0),
        },
    }


def main():
    options = peers.arguments(__doc__, rounds=15, threads=1).parse_args()
    hubel.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    peers.say_on_what(options.threads, hubel, torch)
    print(f"{'':<26}{'hubel us':>10}{'torch us':>10}{'ratio':>8}")
    with torch.inference_mode():
        for what, sides in works().items():
            medians = peers.in_turn(sides, options.rounds)
            ours, theirs = medians["hubel"], medians["torch"]
            target = f"   (target: at most {1e6 * TARGET:.0f} us)" if what == "conv_forward" else ""
            print(f"{what:<26}{1e6 * ours:>10.2f}{1e6 * theirs:>10.2f}{theirs / ours:>8.2f}{target}", flush=True)


if __name__ == "__main__":
    main()
