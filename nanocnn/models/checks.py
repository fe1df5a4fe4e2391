"""What a model is given, checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..schedules import Schedule
from ..training.callbacks import Callback


def check_seed(seed: int) -> int:
    """Return the seed as an int, or raise ValueError."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0, got {seed!r}")
    return int(seed)


def check_callbacks(given: Any) -> tuple[Callback, ...]:
    """Return one callback or several as a tuple; TypeError for what is none.

    Raises
    ------
    ValueError
        If there are two schedules: the second would undo what the first one does.
    """
    callbacks = tuple(given) if isinstance(given, Iterable) else (given,)
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be nanocnn.Callback objects, got {callback!r}")
    schedules = [type(c).__name__ for c in callbacks if isinstance(c, Schedule)]
    if len(schedules) > 1:
        raise ValueError(
            f"only one schedule can set the learning rate, got {' and '.join(schedules)}"
        )
    return callbacks
