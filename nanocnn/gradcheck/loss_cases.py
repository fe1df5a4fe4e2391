"""What to check every exported loss on; see `nanocnn.gradcheck.cases`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class LossCase(NamedTuple):
    """A function that draws outputs and a target, and options of the loss."""

    draw: Callable[[np.random.Generator], tuple[Array, Any]]
    options: Mapping[str, Any] = MappingProxyType({})


def _labels(rng: np.random.Generator) -> tuple[Array, Array]:
    return 2 * rng.standard_normal((5, 3)), rng.integers(0, 3, 5)


def _pixels(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.standard_normal((2, 3, 4, 5)), rng.integers(0, 5, (2, 3, 4))


def _some_pixels(rng: np.random.Generator) -> tuple[Array, Array]:
    z, labels = _pixels(rng)
    labels[0, 1:, :2] = 255  # not looked at
    return z, labels


def _one_logit(rng: np.random.Generator) -> tuple[Array, Array]:
    return 2 * rng.standard_normal((2, 3, 4, 1)), rng.integers(0, 2, (2, 3, 4))


def _soft_rows(rng: np.random.Generator) -> tuple[Array, Array]:
    q = rng.uniform(0.1, 1, (5, 3))
    return 2 * rng.standard_normal((5, 3)), q / q.sum(axis=1, keepdims=True)


def _probabilities(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.uniform(0.1, 1, (5, 3)), rng.integers(0, 3, 5)


def _yes_or_no(rng: np.random.Generator) -> tuple[Array, Array]:
    return 2 * rng.standard_normal((5, 3)), rng.integers(0, 2, (5, 3))


def _numbers(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.standard_normal((4, 3)), rng.standard_normal((4, 3))


_WEIGHTS = {"class_weight": (0.5, 2.0, 1.5), "label_smoothing": 0.1}
LOSSES: dict[str, list[LossCase]] = {
    "softmax_cross_entropy": [
        LossCase(_labels),
        LossCase(_pixels),
        LossCase(_soft_rows, _WEIGHTS),
        LossCase(_some_pixels, {"ignore_class": 255, "sample_weight": (1.0, 0.2)}),
    ],
    "categorical_crossentropy": [LossCase(_probabilities), LossCase(_probabilities, _WEIGHTS)],
    "binary_cross_entropy": [
        LossCase(_yes_or_no),
        LossCase(_yes_or_no, {"class_weight": (0.5, 2.0), "label_smoothing": 0.1}),
    ],
    "mean_squared_error": [LossCase(_numbers)],
    "focal": [
        LossCase(_labels),
        LossCase(_one_logit, {"gamma": 0.5, "alpha": 0.3, "sample_weight": (1.0, 0.2)}),
        LossCase(_soft_rows, {"gamma": 3.0, "class_weight": (0.5, 2.0, 1.5)}),
    ],
    "soft_dice": [
        LossCase(_pixels),
        LossCase(_one_logit, {"smoothing": 0.1}),
        LossCase(_some_pixels, {"background": True, "per_image": True, "ignore_class": 255}),
    ],
    "tversky": [
        LossCase(_pixels),
        LossCase(_one_logit, {"alpha": 0.9, "beta": 0.2}),
        LossCase(_some_pixels, {"class_weight": (1.0, 0.5, 2.0, 3.0, 1.5), "ignore_class": 255}),
    ],
    "dice_cross_entropy": [
        LossCase(_pixels),
        LossCase(_one_logit, {"class_weight": (0.5, 2.0), "sample_weight": (1.0, 0.2)}),
        LossCase(_some_pixels, {"dice_weight": 0.5, "per_image": True, "ignore_class": 255}),
    ],
}
