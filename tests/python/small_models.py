"""A model of a hundred weights or so, and images that it learns at once."""

import hubel
import numpy as np


def small_model(seed=0, units=3, activation="softmax", **options):
    layers = [hubel.Conv2D(4, 3, activation="relu"), hubel.MaxPool2D(), hubel.Flatten(), hubel.Dense(units, activation)]
    return hubel.Sequential(layers, input_shape=(8, 8, 1), seed=seed, **options)


def bars(count, seed=0):
    """Images of noise with a bright bar in one of three places, which is the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.uniform(0, 0.3, (count, 8, 8, 1)).astype(np.float32)
    for image, label in zip(images, labels):
        image[:, 2 * label : 2 * label + 2] += 0.6
    return images, labels


def weight_bytes(model):
    return [weight.tobytes() for weight in model.get_weights()]
