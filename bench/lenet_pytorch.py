"""LeNet-5 on MNIST beside PyTorch, in one process: a training step at batch 32 (forward, loss, backward, Adam) and the
inference of one image, in turn, round after round; medians, and their ratios.

    python bench/lenet_pytorch.py [--threads N] [--rounds N]

Wants the packages hubel and torch. PyTorch runs in NCHW and in channels_last, eagerly and, where it works, compiled; the
fastest counts.
"""

import argparse
import statistics
import time

import numpy as np
import torch

import hubel

BATCH, STEPS = 32, 40  # steps of a sample: long beside what starting to measure costs


def torch_lenet(channels_last):
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
    return model.to(memory_format=torch.channels_last) if channels_last else model


def torch_step(x, y, channels_last, compiled):
    model = torch_lenet(channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    loss = torch.nn.CrossEntropyLoss()
    forward = torch.compile(model) if compiled else model
    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    x = x.to(memory_format=torch.channels_last) if channels_last else x
    y = torch.from_numpy(y.astype(np.int64))

    def steps():
        for i in range(STEPS):
            batch = slice(i * BATCH, (i + 1) * BATCH)
            optimizer.zero_grad()
            loss(forward(x[batch]), y[batch]).backward()
            optimizer.step()

    return steps


def torch_predict(x, channels_last, compiled):
    model = torch_lenet(channels_last).eval()
    forward = torch.compile(model) if compiled else model
    one = torch.from_numpy(x[:1].transpose(0, 3, 1, 2).copy())
    one = one.to(memory_format=torch.channels_last) if channels_last else one

    def predict():
        with torch.inference_mode():
            for _ in range(STEPS):
                forward(one)

    return predict


def usable(make, *arguments):
    """The work, run once; None where this machine cannot (torch.compile wants a compiler)."""
    try:
        work = make(*arguments)
        work()
        return work
    except Exception as error:  # whatever torch.compile may raise
        print(f"left out: {make.__name__}{arguments[-2:]}: {str(error).splitlines()[0]}")
        return None


def measure(name, works, rounds):
    """Prints the medians of a step in microseconds and how many times faster hubel is than the best of the others."""
    times = {label: [] for label in works}
    for _ in range(rounds):
        for label, work in works.items():
            work()  # awake and in the caches
            start = time.perf_counter()
            work()
            times[label].append((time.perf_counter() - start) / STEPS)
    medians = {label: statistics.median(t) for label, t in times.items()}
    for label, seconds in medians.items():
        print(f"{name:<28}{label:<34}{1e6 * seconds:>10.1f} us")
    best = min(seconds for label, seconds in medians.items() if label != "hubel")
    print(f"{name:<28}{'ratio to the fastest of PyTorch':<34}{best / medians['hubel']:>10.2f}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    hubel.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    mnist = hubel.load_dataset("mnist")
    count = STEPS * BATCH
    x = (mnist.X_train[:count] / np.float32(255)).astype(np.float32).reshape(count, 28, 28, 1)
    y = mnist.Y_train[:count]

    model = hubel.lenet5(seed=1)
    training = {"hubel": lambda: model.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)}
    one = x[:1]

    def predict():
        for _ in range(STEPS):
            model.predict(one)

    inference = {"hubel": predict}
    for channels_last in (False, True):
        for compiled in (False, True):
            label = f"PyTorch {'channels_last' if channels_last else 'NCHW'}{', compiled' if compiled else ''}"
            step = usable(torch_step, x, y, channels_last, compiled)
            if step:
                training[label] = step
            work = usable(torch_predict, x, channels_last, compiled)
            if work:
                inference[label] = work
    print(f"PyTorch {torch.__version__}, hubel {hubel.__version__}, {options.threads} threads\n")
    measure("training step, batch 32", training, options.rounds)
    measure("inference, one image", inference, options.rounds)


if __name__ == "__main__":
    main()
