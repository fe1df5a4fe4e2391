"""Small models and layers of one's own for the tests of models."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import nanocnn as nc
from nanocnn.layers.base import Array, Layer, Rng, Shape


class ScaleCache(NamedTuple):
    """What Scale keeps."""

    x: Array


class Scale(Layer):
    """One factor for each channel; creates its parameters each time it is built."""

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self.params = {"s": np.ones(input_shape[-1:], self.dtype)}
        self.state = {"seen": np.zeros((), np.int64)}
        return input_shape

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return x * self.params["s"], ScaleCache(x)

    def backward(
        self, dy: Array, cache: ScaleCache, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        if not self.trainable:
            return dy * self.params["s"], {}
        grads = {"s": (dy * cache.x).sum(axis=tuple(range(dy.ndim - 1)))}
        return (dy * self.params["s"] if need_dx else None), grads

    def update_state(self, cache: ScaleCache) -> None:
        self.state["seen"] += len(cache.x)


def small(end: str | None = None, *, dtype: str = "float32", seed: int = 0) -> nc.Sequential:
    """Return the article's network in small: two convolutions, two poolings, two dense layers."""
    return nc.Sequential(
        [
            nc.Conv2D(4, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Conv2D(6, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(8, activation="relu"),
            nc.Dense(2, activation=end),
        ],
        input_shape=(14, 12, 3),
        seed=seed,
        dtype=dtype,
    )


def pictures(n: int = 12, *, seed: int = 0, dtype: str = "float32") -> tuple[Array, Array]:
    """Return noise (n, 14, 12, 3) in 0..1 and labels; class 1 has a bright square in it."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((n, 14, 12, 3)) * 0.5, np.arange(n) % 2
    x[y == 1, 4:9, 3:8] += 0.5
    return x.astype(dtype), y


def copies(model: Layer) -> dict[str, Array]:
    """Return copies of all parameters."""
    return {key: p.copy() for key, p in model.params.items()}


def half_square(y: Array, target: Array) -> tuple[float, Array]:
    """Return a loss of one's own, on one-hot targets."""
    d = y - target.astype(y.dtype)
    return float((d**2).sum() / 2), d
