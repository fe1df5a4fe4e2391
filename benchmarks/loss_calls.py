"""The losses that can be timed; see `benchmarks.calls` for what is counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.calls import normal
from benchmarks.cases import Case
from nanocnn import vectorized

PER_SCORE = {  # of the losses: operations, bytes; the target and its weights are float64
    "softmax_cross_entropy": (10, 16),
    "categorical_crossentropy": (14, 16),
    "binary_cross_entropy": (16, 24),
    "mean_squared_error": (4, 16),
    "focal": (20, 16),
    "tversky": (22, 16),
}


def loss(function: str, n: int, k: int) -> Case:
    """A loss and its gradient, from N rows of K numbers; the compiled rung leaves it to NumPy."""

    def make() -> tuple[Any, ...]:
        z = normal(n, k)
        one_hot = np.eye(k)[np.random.default_rng(1).integers(0, k, n)]
        return {
            "softmax_cross_entropy": (z, one_hot, np.ones(n)),
            "categorical_crossentropy": (vectorized.softmax_forward(z), one_hot, np.ones(n)),
            "binary_cross_entropy": (z, one_hot, np.ones((n, k))),
            "mean_squared_error": (z, normal(n, k, salt=1).astype(np.float64)),
            "focal": (z, one_hot, np.ones(n), 2.0),
            "tversky": (z[None], one_hot[None], np.ones((1, n)), np.full(k, 1 / k), 0.3, 0.7, 1.0),
        }[function]

    operations, moved = PER_SCORE[function]
    return Case(function, f"{n}x{k}", make, n * k * operations, n * k * moved)


def pixels(groups: int, size: int, k: int) -> Case:
    """Cross-entropy and Dice of pixels, each with a label of 4 bytes and a weight of 8."""
    n, count = size * size, groups * size * size

    def make() -> tuple[Any, ...]:
        labels = np.random.default_rng(1).integers(0, k, (groups, n)).astype(np.int32)
        weights = np.full(k, 1 / count), np.full(k, 1 / k)
        return normal(groups, n, k), labels, np.ones((groups, n)), *weights, 0.5, 0.5, 1.0

    moved = count * (8.0 * k + 12.0)
    return Case("tversky_cross_entropy", f"{groups}x{size}x{size}x{k}", make, 24 * count * k, moved)
