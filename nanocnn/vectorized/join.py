"""Two branches that meet: their sum, and their channels side by side.

The equations stand in `nanocnn/reference/join.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def add_forward(a: Array, b: Array) -> Array:
    """Add two arrays of one shape (J1)."""
    y: Array = np.add(a, b)
    return y


def concatenate_forward(a: Array, b: Array) -> Array:
    """Put the channels of b behind those of a (J3)."""
    y: Array = np.concatenate((a, b), axis=-1)
    return y


def concatenate_backward(dy: Array, start: int, stop: int) -> Array:
    """Cut a branch's channels out of the gradient (J4)."""
    dx: Array = dy[..., start:stop].copy()
    return dx
