"""Whole networks beside PyTorch and ONNX Runtime, in one process and in turn: training steps, and inference of one image.

    python bench/networks.py [--threads N] [--rounds N] [--only NAME] [--memory]

Wants the packages hubel, torch and torchvision; onnx and onnxruntime for theirs. Training: ResNet-18 on 32x32 images (3x3
first layer, no pooling behind it; batch 128) and MobileNet V2 on 96x96 (batch 32), SGD with momentum, PyTorch in
channels_last. A step of Hubel's is half the difference between fitting three batches and one, so that making the execution
does not count. Inference: ResNet-50 and MobileNet V2 on one 224x224 image, PyTorch in NCHW and channels_last within
inference_mode. With --memory each side's peak memory of a training is told as well, above what its import takes, in
processes of their own.
"""

import subprocess
import sys
import time

import numpy as np
import peers

TRAINING = (("resnet18", 32, 128), ("mobilenet_v2", 96, 32))
INFERENCE = ("resnet50", "mobilenet_v2")
TRAINING_TARGET, INFERENCE_TARGET = 1.4, 1.2


def hubel_model(name, side, classes):
    import hubel

    options = {"small_images": True} if (name, side) == ("resnet18", 32) else {}
    return getattr(hubel.zoo, name)(classes=classes, input_shape=(side, side, 3), **options)


def torch_model(name, side, classes):
    import torch
    import torchvision

    model = getattr(torchvision.models, name)(num_classes=classes)
    if (name, side) == ("resnet18", 32):
        model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        model.maxpool = torch.nn.Identity()
    return model


def hubel_fits(name, side, batch):
    """fit(batches): trains on so many."""
    import hubel

    model = hubel_model(name, side, 10)
    model.compile(hubel.SGD(0.01, momentum=0.9))
    random = np.random.default_rng(1)
    x = random.standard_normal((3 * batch, side, side, 3), np.float32)
    y = random.integers(0, 10, 3 * batch)
    return lambda batches: model.fit(x[: batches * batch], y[: batches * batch], batch_size=batch, verbose=0)


def torch_step(name, side, batch):
    import torch

    model = torch_model(name, side, 10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    x = torch.randn(batch, 3, side, side).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (batch,))

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def seconds(work, *args):
    start = time.perf_counter()
    work(*args)
    return time.perf_counter() - start


def compare_training(name, side, batch, rounds):
    fit, step = hubel_fits(name, side, batch), torch_step(name, side, batch)
    fit(1), step()
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append((seconds(fit, 3) - seconds(fit, 1)) / 2)
        theirs.append(seconds(step))
    peers.print_medians(
        f"train {name} {side}, {batch}",
        {"hubel": float(np.median(ours)), "torch channels_last": float(np.median(theirs))},
        TRAINING_TARGET,
    )


def torch_inferences(name):
    import torch

    works = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        model = torch_model(name, 224, 1000).eval().to(memory_format=layout)
        x = torch.randn(1, 3, 224, 224).to(memory_format=layout)

        def infer(model=model, x=x):
            with torch.inference_mode():
                model(x)

        works[f"torch {'NCHW' if layout == torch.contiguous_format else 'channels_last'}"] = infer
    return works


def onnxruntime_inference(name, threads):
    import io
    import warnings

    import onnxruntime
    import torch

    file = io.BytesIO()
    warnings.simplefilter("ignore", DeprecationWarning)  # the new way wants one package more
    torch.onnx.export(torch_model(name, 224, 1000).eval(), (torch.randn(1, 3, 224, 224),), file, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    x = {session.get_inputs()[0].name: np.random.randn(1, 3, 224, 224).astype(np.float32)}
    return lambda: session.run(None, x)


def compare_inference(name, threads, rounds):
    model = hubel_model(name, 224, 1000)
    x = np.random.randn(1, 224, 224, 3).astype(np.float32)
    works = {"hubel": lambda: model.predict(x), **torch_inferences(name)}
    work = peers.usable("onnxruntime", onnxruntime_inference, name, threads)
    if work:
        works["onnxruntime"] = work
    peers.print_medians(f"infer {name} 224, 1", peers.in_turn(works, rounds), INFERENCE_TARGET)


def peak():
    """The process's largest resident memory so far in MB, as Linux tells it. (getrusage's would begin at the parent's.)"""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure_memory(side_name, name, side, batch):
    """Prints the megabytes that training takes at most above what the imports do."""
    if side_name == "hubel":
        import hubel

        before, fit = peak(), hubel_fits(name, side, batch)
        fit(1)
    else:
        import torchvision  # noqa: F401

        before, step = peak(), torch_step(name, side, batch)
        step(), step()
    print(f"{peak() - before:.0f}")


def compare_memory(name, side, batch):
    told = {}
    for who in ("hubel", "torch"):
        command = [sys.executable, __file__, "--measure", who, name, str(side), str(batch)]
        told[who] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    print(f"memory of training {name} {side}, {batch}: hubel {told['hubel']} MB, torch {told['torch']} MB\n")


def main():
    if sys.argv[1:2] == ["--measure"]:
        return measure_memory(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    parser = peers.arguments(__doc__, rounds=7)
    parser.add_argument("--only", help="a network's name")
    parser.add_argument("--memory", action="store_true", help="tell peak memory too")
    options = parser.parse_args()
    import torch

    import hubel

    torch.set_num_threads(options.threads)
    hubel.set_num_threads(options.threads)
    peers.say_on_what(options.threads, hubel, torch)
    for name in INFERENCE:
        if options.only in (None, name):
            compare_inference(name, options.threads, options.rounds)
    for name, side, batch in TRAINING:
        if options.only in (None, name):
            compare_training(name, side, batch, options.rounds)
            if options.memory:
                compare_memory(name, side, batch)


if __name__ == "__main__":
    main()
