"""The steps of augmentation that can be timed; see `benchmarks.calls` for what is counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.calls import KEY, normal, times
from benchmarks.cases import Case


def augmentation(function: str, shape: tuple[int, ...]) -> Case:
    """Warping (with masks), blurring or adjusting images, every strength in use.

    Operations a number: a warp interpolates three times, a difference and a multiply-add each, and
    has 14 for a pixel's place; a blur's window has 7 taps each way; adjusting takes 16, noise 8 of
    them.
    """
    n, h, w = shape[:3]
    size, pixels = math.prod(shape), n * h * w
    turn = np.array([[0.96, 0.26, -1.0], [-0.26, 0.96, 2.0]])
    strengths = [np.full(n, v) for v in (1.2, 0.05, 0.8, 0.05)]  # contrast to noise
    rest: dict[str, tuple[tuple[np.ndarray | None, ...], float, float]] = {
        "warp_images": ((np.tile(turn, (n, 1, 1)), None), 14 * pixels + 9 * size, 2 * pixels),
        "blur_images": ((np.ones(n),), 28 * size, 0),
        "adjust_images": (
            (*strengths, np.arange(n, dtype=np.uint64), np.tile([1, h // 3, 2, w // 3], (n, 1))),
            16 * size,
            0,
        ),
    }
    others, flops, of_masks = rest[function]

    def make() -> tuple[Any, ...]:
        x = np.clip(0.5 + 0.2 * normal(*shape), 0, 1)
        masks = (np.zeros(shape[:3], np.uint8),) if of_masks else ()
        return x, *masks, *others

    return Case(function, times(shape), make, flops, 8.0 * size + of_masks)


def normal_numbers(size: int) -> Case:
    """Normal random numbers: logarithm, root, sine, cosine and four products for two of them."""
    return Case("normal_numbers", str(size), lambda: (KEY, size), 4 * size, 4 * size)
