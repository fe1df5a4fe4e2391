"""Write `format1.safetensors`, a model file of format 1, which all later versions must load.

Run once, as `python -m tests.models.make_format1`; the file is kept and not written anew. All its
numbers are small whole multiples of powers of two, and so is every number on the way to its
predictions: sums in any order are exact, on every rung and on every machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nanocnn as nc
from nanocnn.layers.base import Array

PATH = Path(__file__).with_name("format1.safetensors")


def model() -> nc.Sequential:
    """Return a model with every kind of layer whose arithmetic is exact."""
    shared = nc.Dense(6, activation="relu", name="shared")
    front = nc.Sequential(
        [
            nc.Conv2D(4, (3, 2), stride=(1, 2), padding="same", activation="relu"),
            nc.MaxPool2D(2, stride=1),
            nc.Conv2D(4, 2, padding=((1, 0), (0, 1)), dilation=1, groups=2, use_bias=False),
            nc.LeakyReLU(0.5),
            nc.AveragePool2D(2),
        ],
        name="front",
    )
    front.layers[2].freeze()
    layers = [front, nc.Flatten(), nc.Dropout(0.25), nc.Dense(6), nc.ReLU(), shared, shared]
    made = nc.Sequential([*layers, nc.Dense(3)], input_shape=(6, 8, 2), seed=7)
    for i, p in enumerate(made.params.values()):
        p[...] = grid(p.shape, i)
    optimizer = nc.SGD(0.125, momentum=0.5, nesterov=True, weight_decay=0.25)
    made.compile(optimizer, "softmax_cross_entropy", ["accuracy"])
    return made


def grid(shape: tuple[int, ...], start: int) -> Array:
    """Return quarters from -1/2 to 1/2, in a fixed order without randomness."""
    steps = (np.arange(np.prod(shape)) * 7 + start * 3) % 5 - 2
    return (steps / 4).reshape(shape).astype(np.float32)


def images() -> Array:
    """Return the two images that the predictions are for."""
    return grid((2, 6, 8, 2), 1)


if __name__ == "__main__":
    built = model()
    built.save(PATH)
    print(built.predict(images()).tolist())
