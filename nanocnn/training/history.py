"""What `fit` returns: the course of a training run."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping


class History:
    """One value for each epoch, by name.

    Attributes
    ----------
    history : dict of str to list of float
        "loss", the metrics, and each with "val_" before it if there was validation data.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def append(self, logs: Mapping[str, float]) -> None:
        """Add the values of one epoch."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))

    def __len__(self) -> int:
        return max((len(values) for values in self.history.values()), default=0)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a table with one line an epoch, epochs counted from 1."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", *self.history])
            for epoch, row in enumerate(zip(*self.history.values(), strict=True), start=1):
                writer.writerow([epoch, *(repr(value) for value in row)])

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items())
        return f"History({len(self)} epochs; last: {last})"
