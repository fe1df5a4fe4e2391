"""Branches that meet, as calls that can be timed; see `benchmarks.calls` for what is counted."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.calls import normal, times
from benchmarks.cases import Case


def join(function: str, shape: tuple[int, ...]) -> Case:
    """Two arrays of that shape summed, or put side by side; or one of them cut out again."""
    size, c = math.prod(shape), shape[-1]
    additions, arrays = {
        "add_forward": (1, 3),
        "concatenate_forward": (0, 4),
        "concatenate_backward": (0, 2),
    }[function]

    def make() -> tuple[Any, ...]:
        if function == "concatenate_backward":
            return normal(*shape[:-1], 2 * c), c, 2 * c
        return normal(*shape), normal(*shape, salt=1)

    return Case(function, times(shape), make, additions * size, 4.0 * arrays * size)
