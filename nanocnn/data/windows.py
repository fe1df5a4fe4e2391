"""Grey values from measured values: the windows of computed tomography.

A window is a centre and a width, in Hounsfield units for CT. Values below it become 0, values above
it 1, and between them the grey value rises in a straight line.

The named windows are those of Radiopaedia, "Windowing (CT)", rID 52108, doi:10.53347/rID-52108:
brain, lungs, bone (spine) and soft tissues (abdomen).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

Window = tuple[float, float]  # centre and width

WINDOWS: dict[str, Window] = {
    "lung": (-600.0, 1500.0),
    "brain": (40.0, 80.0),
    "bone": (400.0, 1800.0),
    "soft tissue": (50.0, 400.0),
}


def check_window(window: str | tuple[float, float] | None) -> Window | None:
    """Return a window as (centre, width), or None.

    Raises
    ------
    DataError
        If the name is unknown, or the numbers are no window.
    """
    if window is None:
        return None
    if isinstance(window, str):
        if window not in WINDOWS:
            raise DataError(
                f"window={window!r} is unknown; give one of {', '.join(map(repr, WINDOWS))} or "
                "(centre, width)"
            )
        return WINDOWS[window]
    try:
        center, width = (float(number) for number in window)
    except (TypeError, ValueError):
        center, width = math.nan, math.nan
    if not (math.isfinite(center) and math.isfinite(width) and width > 0):
        raise DataError(
            f"window={window!r} is no window; give a name such as 'lung', or (centre, width) with "
            "a width above 0"
        )
    return center, width


def limits(window: Window) -> tuple[float, float]:
    """Return the values that become 0 and 1."""
    center, width = window
    return center - width / 2, center + width / 2


def scale(values: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Map [low, high] to [0, 1] and cut off what is outside; a step where low = high."""
    if not high > low:
        return (values > low).astype(np.float32)
    # float32 holds 24 bits: enough for 16-bit pixels, not for the 32 bits of dose or floats.
    exact = np.float64 if values.dtype.itemsize > 2 else np.float32
    unit = values.astype(exact)
    unit -= exact(low)
    unit /= exact(high - low)
    np.clip(unit, 0, 1, out=unit)
    return unit.astype(np.float32, copy=False)
