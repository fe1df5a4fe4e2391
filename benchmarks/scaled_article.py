"""The article's network with another batch, image or width: a training step, and its cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import nanocnn as nc

CHANNELS, HIDDEN, CLASSES = 3, 64, 2


class ScaledArticle(NamedTuple):
    """A training step; ScaledArticle(32, 128, 32) is that of `workloads`.

    Attributes
    ----------
    batch : int
    side : int
        Of the images, in pixels.
    filters : int
        Of the first convolution; the second has twice as many.
    """

    batch: int
    side: int
    filters: int

    def sides(self) -> tuple[int, int, int, int]:
        """Return the sides after convolution, pooling, convolution, pooling."""
        a = self.side - 2
        b = a // 2 - 2
        return a, a // 2, b, b // 2

    def rows(self) -> int:
        """Return the inputs of the first dense layer."""
        return self.sides()[3] ** 2 * 2 * self.filters

    def flops(self) -> float:
        """Operations, a multiply-add being two; only convolutions and dense layers count."""
        a, _, b, _ = self.sides()
        first = a**2 * 9 * CHANNELS * self.filters
        second = b**2 * 9 * self.filters * 2 * self.filters
        dense = self.rows() * HIDDEN + HIDDEN * CLASSES
        return 2.0 * self.batch * (3 * (first + second + dense) - first)  # no dx in the first layer

    def bytes(self) -> float:
        """Bytes that have to be read and written at least once, counted as in `workloads`."""
        a, b, c, d = self.sides()
        f = self.filters
        maps = (a**2 * f, b**2 * f, 2 * c**2 * f, 2 * d**2 * f)
        weights = self.rows() * HIDDEN
        forward = 4.0 * (self.batch * (self.side**2 * CHANNELS + 2 * sum(maps)) + weights)
        return 2.5 * forward + 4.0 * 8 * weights

    def task(self) -> Callable[[], object]:
        """Return a function that takes one step."""
        model = nc.Sequential(
            [
                nc.Conv2D(self.filters, 3, activation="relu"),
                nc.MaxPool2D(2),
                nc.Conv2D(2 * self.filters, 3, activation="relu"),
                nc.MaxPool2D(2),
                nc.Flatten(),
                nc.Dense(HIDDEN, activation="relu"),
                nc.Dense(CLASSES),
            ],
            input_shape=(self.side, self.side, CHANNELS),
        )
        source, adam = np.random.default_rng(0), nc.Adam(1e-3)
        x = source.random((self.batch, self.side, self.side, CHANNELS), np.float32)
        labels = source.integers(0, CLASSES, self.batch)

        def step() -> float:
            logits, cache = model.forward(x, training=True)
            loss, dlogits = nc.losses.softmax_cross_entropy(logits, labels)
            _, grads = model.backward(dlogits, cache, need_dx=False)
            adam.step(model.params, grads)
            return loss

        return step
