"""Random numbers that depend on seed, epoch and the sample's index, and on nothing else.

There is no stream that samples take numbers from in turn: which batch a sample is in, its place
there, the other samples, the number of threads and what was drawn before do not matter. Each sample
has a key, which is hashed from seed, epoch and index one after the other,

    key = h(h(h(0, seed), epoch), index),    h(key, t) = splitmix64(key + (t + 1) * golden)

and number t of the sample is h(key, t), 53 bits of it as a number in [0, 1). Each ingredient of a
policy has numbers of its own, so that adding noise does not change the rotations. The hash is that
of dropout's mask, see `nanocnn/reference/dropout.py`.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...vectorized.dropout import GOLDEN, splitmix64
from ..errors import DataError

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

# What each number of a sample is for. Those that are taken are never renumbered: the same seed
# would give other images in the next release.
SLOTS = (
    *("rotate", "flip vertical", "flip horizontal", "zoom", "shift rows", "shift columns"),
    *("shear", "brightness", "contrast", "gamma", "noise", "noise key", "blur", "cutout rows"),
    *("cutout columns", "mixup partner", "mixup radius", "mixup angle"),
)
GRID_SLOT = 64  # from here on the control points of the elastic deformation


class Draws(NamedTuple):
    """The random numbers of a batch.

    Attributes
    ----------
    keys : (N,) uint64 array
    numbers : dict of (N,) float64 arrays in [0, 1)     one for each name in `SLOTS`
    """

    keys: Keys
    numbers: dict[str, Floats]

    def both_ways(self, name: str) -> Floats:
        """Return numbers in [-1, 1)."""
        return 2 * self.numbers[name] - 1

    def grid(self, points: int) -> Floats:
        """Return numbers in [-1, 1) for control points, (N, points, points, 2)."""
        places = np.arange(GRID_SLOT, GRID_SLOT + 2 * points * points, dtype=np.uint64)
        return 2 * _unit(_hash(self.keys[:, None], places)).reshape(-1, points, points, 2) - 1


def draw(seed: int, epoch: int, indices: ArrayLike) -> Draws:
    """Return all numbers of some samples."""
    keys = sample_keys(seed, epoch, indices)
    hashes = _hash(keys[None], np.arange(len(SLOTS), dtype=np.uint64)[:, None])
    return Draws(keys, dict(zip(SLOTS, _unit(hashes), strict=True)))


def sample_keys(seed: int, epoch: int, indices: ArrayLike) -> Keys:
    """Return a key for each sample, (N,).

    Raises
    ------
    DataError
        If seed, epoch or an index is no whole number from 0.
    """
    key = np.zeros(1, np.uint64)
    for name, value in (("seed", seed), ("epoch", epoch)):
        key = _hash(key, np.array([whole(name, value)], np.uint64))
    return _hash(key, _indices(indices))


def slot(keys: Keys, name: str) -> Keys:
    """Return the hash that each sample has for a purpose, (N,)."""
    return _hash(keys, np.array([SLOTS.index(name)], np.uint64))


def whole(name: str, value: Any) -> int:
    """Return a whole number from 0 to below 2**64."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool) or not 0 <= number < 1 << 64:
        raise DataError(f"{name} must be a whole number from 0, got {value!r}")
    return number


def _hash(key: Keys, number: Keys) -> Keys:
    return splitmix64(key + (number + np.uint64(1)) * GOLDEN)


def _unit(hashes: Keys) -> Floats:
    numbers: Floats = (hashes >> np.uint64(11)) * 2.0**-53
    return numbers


def _indices(indices: ArrayLike) -> Keys:
    found = np.asarray(indices)
    if found.ndim != 1 or found.dtype.kind not in "iu" or (found < 0).any():
        raise DataError(
            f"indices must be whole numbers from 0, one for each sample, got shape {found.shape} "
            f"and type {found.dtype}: give the samples' places in the data set"
        )
    return found.astype(np.uint64)
