"""From a policy and random numbers to the arguments of the operations, and to new images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._backend import rung
from .draws import Draws, slot
from .geometry import Move, pull_matrix

if TYPE_CHECKING:
    from .policy import Augment

Images = NDArray[np.float32]
Size = tuple[int, ...]
GEOMETRIC = ("rotate", "flip", "zoom", "shift", "shear", "elastic")
VALUES = ("brightness", "contrast", "gamma", "noise", "cutout")
CELLS = 4  # of the elastic deformation, along each side: it folds nothing below 1 / (4 CELLS)


def apply(
    policy: Augment, images: Images, masks: NDArray[Any] | None, draws: Draws
) -> tuple[Images, NDArray[Any] | None]:
    """Return new images and masks, after at most three passes.

    The first looks everything up at other places, (G1), (G2), (G3), (G4); the second blurs, (I1);
    the third adjusts values, adds noise and cuts out, (I2), (I3), (N1), (I4).
    """
    size = images.shape[1:3]
    changed: Images = images
    moved = None if masks is None else masks.copy()
    if policy.uses(*GEOMETRIC):
        numbers = None if masks is None else masks.view(np.uint8)
        matrices, grids = matrices_of(policy, draws, size), grids_of(policy, draws, size)
        changed, numbers = rung().warp_images(images, numbers, matrices, grids)
        if masks is not None and numbers is not None:
            moved = numbers.view(masks.dtype)
    if policy.uses("blur"):
        changed = rung().blur_images(changed, policy.blur * draws.numbers["blur"])
    if policy.uses(*VALUES):
        changed = rung().adjust_images(changed, *adjustments_of(policy, draws, size))
    return images.copy() if changed is images else changed, moved


def matrices_of(policy: Augment, draws: Draws, size: Size) -> NDArray[np.float64]:
    """Return a matrix for each image, (N, 2, 3)."""
    up, across = (
        np.where(draws.numbers[f"flip {way}"] < 0.5, -1.0, 1.0)
        if policy.flip in (way, "both")
        else np.ones(len(draws.keys))
        for way in ("vertical", "horizontal")
    )
    columns = (
        math.radians(policy.rotate) * draws.both_ways("rotate"),
        math.radians(policy.shear) * draws.both_ways("shear"),
        1 + policy.zoom * draws.both_ways("zoom"),
        up,
        across,
        policy.shift * size[0] * draws.both_ways("shift rows"),
        policy.shift * size[1] * draws.both_ways("shift columns"),
    )
    moves = map(Move, *(column.tolist() for column in columns))
    matrices = [pull_matrix(move, size[0], size[1]) for move in moves]
    return np.array(matrices, np.float64).reshape(-1, 2, 3)


def grids_of(policy: Augment, draws: Draws, size: Size) -> NDArray[np.float64] | None:
    """Return control points for each image, (N, CELLS + 3, CELLS + 3, 2), or None for none."""
    if not policy.uses("elastic"):
        return None
    grids: NDArray[np.float64] = draws.grid(CELLS + 3) * (policy.elastic * np.array(size))
    return grids


def adjustments_of(policy: Augment, draws: Draws, size: Size) -> tuple[NDArray[Any], ...]:
    """Return contrast, brightness, gamma, noise, keys and boxes of each image."""
    contrast = 1 + policy.contrast * draws.both_ways("contrast")
    brightness = policy.brightness * draws.both_ways("brightness")
    # By Python's power: NumPy's may differ in the last bit, by the place in the array.
    gamma = np.array([(1 + policy.gamma) ** v for v in draws.both_ways("gamma").tolist()])
    noise = policy.noise * draws.numbers["noise"]
    keys, boxes = slot(draws.keys, "noise key"), np.zeros((len(draws.keys), 4), np.int64)
    if policy.uses("cutout"):
        for axis, name in enumerate(("cutout rows", "cutout columns")):
            side = max(1, round(policy.cutout * size[axis]))
            middle = np.floor(draws.numbers[name] * size[axis]).astype(np.int64)
            boxes[:, 2 * axis] = middle - side // 2
            boxes[:, 2 * axis + 1] = middle - side // 2 + side
    return contrast, brightness, gamma, noise, keys, boxes
