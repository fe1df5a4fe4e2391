"""What a callback watches: one value of the logs, and whether less of it is better, or more."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

_LESS = ("loss", "error", "mse", "mae", "distance")
_MORE = ("accuracy", "auc", "dice", "iou", "jaccard", "kappa", "precision", "recall",
         "sensitivity", "specificity", "f1")  # fmt: skip


class Monitor:
    """A name in the logs, and what counts as better.

    Parameters
    ----------
    name : str
    mode : "min", "max" or "auto"
        "auto" goes by the name.
    min_delta : float
        How much better than the best a value must be to count.

    Raises
    ------
    ValueError
        If the mode is none of these, or "auto" does not know what is better.
    """

    def __init__(self, name: str, mode: str, min_delta: float) -> None:
        if mode not in ("min", "max", "auto"):
            raise ValueError(f"mode must be 'min', 'max' or 'auto', got {mode!r}")
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be a finite number, 0 or more; got {min_delta!r}")
        if mode == "auto":
            less = any(word in name for word in _LESS)
            if less == any(word in name for word in _MORE):
                raise ValueError(
                    f"mode='auto' does not know whether a smaller {name!r} is better; "
                    "give mode='min' or mode='max'"
                )
            mode = "min" if less else "max"
        self.name, self.mode, self.min_delta = name, mode, min_delta
        self.worst = math.inf if mode == "min" else -math.inf  # where a search for the best begins

    def is_better(self, value: float, best: float) -> bool:
        """Compare; NaN is never better."""
        if self.mode == "min":
            return value < best - self.min_delta
        return value > best + self.min_delta

    def check(self, names: Iterable[str]) -> None:
        """Raise ValueError, with the names that are there, if the one that is watched is not."""
        names = tuple(names)
        if self.name not in names:
            raise ValueError(
                f"there is no {self.name!r} to monitor; there are {', '.join(names)}"
                + ("; fit needs validation_data for it" if self.name.startswith("val_") else "")
            )

    def read(self, logs: Mapping[str, float]) -> float:
        """Return the value; ValueError if it is not there."""
        self.check(logs)
        return logs[self.name]


def check_patience(patience: int) -> int:
    """Return it if it is a whole number from 1, or raise ValueError."""
    if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
        raise ValueError(f"patience must be a whole number of epochs from 1, got {patience!r}")
    return patience
