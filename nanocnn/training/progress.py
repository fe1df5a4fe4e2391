"""How far a training run has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .accumulation import Gradients
from .history import History


@dataclass
class Means:
    """Running means over samples."""

    sums: dict[str, float] = field(default_factory=dict)
    n: int = 0

    def add(self, n: int, values: Mapping[str, float]) -> None:
        """Add the values of n samples."""
        self.n += n
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + n * value

    def get(self) -> dict[str, float]:
        """Return the means so far."""
        return {name: total / self.n for name, total in self.sums.items()}


@dataclass
class Progress:
    """What comes next, and what came out so far.

    Orders and random keys follow from seed, epoch and batch. So these two numbers, beside the
    model, its optimizer and what callbacks know, are all that a run needs to go on alike.
    """

    epoch: int = 0  # the one that is under way
    batch: int = 0  # how many of its batches were learnt from
    means: Means = field(default_factory=Means)  # over these
    gradients: Gradients = field(default_factory=Gradients)  # that no step was made with yet
    history: History = field(default_factory=History)  # of the epochs before
    stopped: bool = False  # a callback has ended the run

    def end_epoch(self, logs: Mapping[str, float]) -> None:
        """Add the values of the epoch that was under way, and go on to the next one."""
        self.history.append(logs)
        self.epoch, self.batch, self.means = self.epoch + 1, 0, Means()
