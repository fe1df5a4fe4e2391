"""Where the values of hyper-parameters come from.

A choice is a list. A range is a small value that prints as it is written; its names are those of
scipy.stats, Optuna and Keras Tuner: `low`, `high`, and a scale. Classes here have lower-case names
since they are written as if they were functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class _Range:
    low: float
    high: float

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            number = isinstance(end, (int, float, np.integer, np.floating))
            if not number or isinstance(end, bool) or not math.isfinite(end):
                raise ValueError(f"{self}: both ends must be finite numbers")
        if not self.low < self.high:
            raise ValueError(f"{self}: low must be below high")

    def at(self, u: float) -> float:
        """Return the value below which a share u in [0, 1) of all draws lies."""
        raise NotImplementedError

    def to_config(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"type": type(self).__name__, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class uniform(_Range):
    """A number between low and high, each as probable.

    >>> uniform(0, 0.5)
    uniform(low=0, high=0.5)
    """

    def at(self, u: float) -> float:
        """Return the value below which a share u in [0, 1) of all draws lies."""
        return float(min(self.low * (1 - u) + self.high * u, self.high))


@dataclass(frozen=True)
class log_uniform(_Range):
    """A number between low and high whose logarithm is uniform, as for a learning rate.

    As many draws lie between 0.001 and 0.01 as between 0.01 and 0.1.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(f"{self}: low must be above 0")

    def at(self, u: float) -> float:
        """Return the value below which a share u in [0, 1) of all draws lies."""
        value = math.exp(math.log(self.low) * (1 - u) + math.log(self.high) * u)
        return float(min(max(value, self.low), self.high))


@dataclass(frozen=True)
class integer(_Range):
    """A whole number from low to high, both included, each as probable."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(isinstance(end, (int, np.integer)) for end in (self.low, self.high)):
            raise ValueError(f"{self}: both ends must be whole numbers")

    def at(self, u: float) -> int:
        """Return the value below which a share u in [0, 1) of all draws lies, and itself."""
        low, high = int(self.low), int(self.high)
        return min(low + math.floor(u * (high - low + 1)), high)


def check_space(space: Any) -> dict[str, Any]:
    """Return the space with its choices as lists.

    Raises
    ------
    ValueError
        If it is empty, or holds what is neither a choice nor a range.
    """
    if not isinstance(space, Mapping) or not space:
        raise ValueError(
            "space must be a dict with at least one hyper-parameter, such as "
            f'{{"learning_rate": nc.training.log_uniform(1e-4, 1e-1)}}, got {space!r:.60}'
        )
    checked: dict[str, Any] = {}
    for name, values in space.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"space has the name {name!r}, which no parameter can have")
        if isinstance(values, (list, tuple)):
            if not values:
                raise ValueError(f"space[{name!r}] is an empty choice; give at least one value")
            values = list(values)
        elif not isinstance(values, _Range):
            raise ValueError(
                f"space[{name!r}] is {values!r:.60}; needed is a list to choose from, "
                "uniform(low, high), log_uniform(low, high) or integer(low, high)"
            )
        checked[name] = values
    return checked


def draw(space: Mapping[str, Any], seed: int, trial: int) -> dict[str, Any]:
    """Return a trial's values, which depend on the space, the seed and the trial's number alone."""
    rng = np.random.default_rng([seed, trial])
    values: dict[str, Any] = {}
    for name, given in space.items():
        u = float(rng.random())
        if isinstance(given, list):
            values[name] = given[int(u * len(given))]
        else:
            values[name] = given.at(u)
    return values
