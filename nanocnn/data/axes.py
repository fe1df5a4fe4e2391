"""Along which axis a volume is cut into slices."""

from __future__ import annotations

from .errors import DataError

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


def check_axis(axis: int | str | None) -> int | None:
    """Return the number of an axis, or None; raise DataError for what is none."""
    if isinstance(axis, str):
        axis = AXES.get(axis, -1)
    if axis not in (None, 0, 1, 2):
        raise DataError(f"axis={axis!r} is no axis; give 0, 1, 2, or {', '.join(map(repr, AXES))}")
    return axis
