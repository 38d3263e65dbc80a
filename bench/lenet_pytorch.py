"""LeNet-5 on MNIST beside PyTorch, in one process: a training step at batch 32 (forward, loss, backward, Adam) and the
inference of one image, in turn, round after round; medians, and their ratios.

    python bench/lenet_pytorch.py [--threads N] [--rounds N]

Wants the packages hubel and torch. PyTorch runs in NCHW and in channels_last, eagerly and, where it works, compiled; the
fastest counts.
"""

import numpy as np
import torch

import hubel
import peers

BATCH, STEPS = 32, 40  # a call of fit is an epoch of this many steps, so that what starting it costs is spread


def torch_lenet(channels_last):
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
    return model.to(memory_format=torch.channels_last) if channels_last else model


def torch_epoch(x, y, channels_last, compiled):
    model = torch_lenet(channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    loss = torch.nn.CrossEntropyLoss()
    forward = torch.compile(model) if compiled else model
    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    x = x.to(memory_format=torch.channels_last) if channels_last else x
    y = torch.from_numpy(y.astype(np.int64))

    def epoch():
        for i in range(STEPS):
            batch = slice(i * BATCH, (i + 1) * BATCH)
            optimizer.zero_grad()
            loss(forward(x[batch]), y[batch]).backward()
            optimizer.step()

    return epoch


def torch_predict(x, channels_last, compiled):
    model = torch_lenet(channels_last).eval()
    forward = torch.compile(model) if compiled else model
    one = torch.from_numpy(x[:1].transpose(0, 3, 1, 2).copy())
    one = one.to(memory_format=torch.channels_last) if channels_last else one

    def predict():
        with torch.inference_mode():
            forward(one)

    return predict


def main():
    options = peers.arguments(__doc__, rounds=15).parse_args()
    hubel.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    peers.say_on_what(options.threads, hubel, torch)
    mnist = hubel.load_dataset("mnist")
    count = STEPS * BATCH
    x = (mnist.X_train[:count] / np.float32(255)).astype(np.float32).reshape(count, 28, 28, 1)
    y = mnist.Y_train[:count]

    model = hubel.lenet5(seed=1)
    training = {"hubel": lambda: model.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)}
    one, out = x[:1], np.empty((1, 10), np.float32)
    inference = {"hubel": lambda: model.predict(one, out=out)}
    for channels_last in (False, True):
        for compiled in (False, True):
            label = f"PyTorch {'channels_last' if channels_last else 'NCHW'}{', compiled' if compiled else ''}"
            epoch = peers.usable(f"{label}, training", torch_epoch, x, y, channels_last, compiled)
            if epoch:
                training[label] = epoch
            predict = peers.usable(f"{label}, inference", torch_predict, x, channels_last, compiled)
            if predict:
                inference[label] = predict
    steps = {label: epoch / STEPS for label, epoch in peers.in_turn(training, options.rounds).items()}
    peers.print_medians("training step, batch 32", steps, target=8)
    peers.print_medians("inference, one image", peers.in_turn(inference, options.rounds))


if __name__ == "__main__":
    main()
