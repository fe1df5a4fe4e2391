"""What `tune` returns: its trials, the best first, as a table, as files and as a picture."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..fingerprint import describe_options


@dataclass(frozen=True)
class Trial:
    """One draw of values and how far it came.

    Attributes
    ----------
    number : int                which draw it was, from 0
    values : dict               the hyper-parameters
    epochs : int                of its last training: the more, the further it came
    score : float or None       of that training; None if it failed
    seconds : float             all its trainings together
    failed : str                why, in one line; empty if it did not
    history : dict of lists     of its last training, as `fit` returns it
    """

    number: int
    values: dict[str, Any]
    epochs: int
    score: float | None
    seconds: float
    failed: str = ""
    history: dict[str, list[float]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False)
class Tuning:
    """The result of a search; print it for a table.

    Attributes
    ----------
    trials : tuple of Trial     the best first: those that came further, then by score; failed last
    space : dict                where the values come from
    monitor, mode : str         what the score is, and whether "max" or "min" is better
    """

    trials: tuple[Trial, ...]
    space: dict[str, Any]
    monitor: str
    mode: str
    _train: Callable[[Trial], Any] = field(repr=False)

    @property
    def best(self) -> Trial:
        """The best trial.

        Its score was picked among many on the validation images and so is too good by some amount:
        an honest number comes from a test part that had no say.

        Raises
        ------
        RuntimeError
            If all trials failed.
        """
        first = self.trials[0]
        if first.score is None:
            raise RuntimeError(f"all {len(self.trials)} trials failed; the first: {first.failed}")
        return first

    @property
    def best_values(self) -> dict[str, Any]:
        """The hyper-parameters of the best trial: ``build(**result.best_values)``."""
        return dict(self.best.values)

    def best_model(self) -> Any:
        """Return the best trial's model, trained once more, to the same bits."""
        return self._train(self.best)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the models, ready for `json.dump`."""
        return {
            "monitor": self.monitor,
            "mode": self.mode,
            "space": describe_options(self.space),
            "trials": [
                {
                    "number": trial.number,
                    "values": describe_options(trial.values),
                    "epochs": trial.epochs,
                    "score": trial.score,
                    "seconds": trial.seconds,
                    "failed": trial.failed,
                    "history": trial.history,
                }
                for trial in self.trials
            ],
        }

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one row for each trial, the best first."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["trial", *self.space, "epochs", self.monitor, "seconds", "failed"])
            for t in self.trials:
                score = "" if t.score is None else t.score
                values = describe_options(t.values).values()
                writer.writerow([t.number, *values, t.epochs, score, f"{t.seconds:.3f}", t.failed])

    def figure(self, path: str | os.PathLike[str]) -> None:
        """Write a PNG with parallel coordinates: a line for each trial, an axis for each value.

        Lines of trials that came further are stronger; failed ones are dashed, and end before the
        axis of the score.

        Parameters
        ----------
        path : PNG file to write
        """
        from .figure import draw

        draw(self, path)

    def __str__(self) -> str:
        header = ["trial", *self.space, "epochs", self.monitor, "seconds"]
        rows = [header]
        for t in self.trials:
            score = "failed" if t.score is None else f"{t.score:.4f}"
            values = [show(value) for value in t.values.values()]
            rows.append([str(t.number), *values, str(t.epochs), score, f"{t.seconds:.1f}"])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True))
                 for row in rows]  # fmt: skip
        for k, t in enumerate(self.trials, start=1):
            lines[k] += f"  {t.failed}" if t.failed else ""
        return "\n".join(lines)

    def __repr__(self) -> str:
        failed = sum(t.score is None for t in self.trials)
        best = "" if self.trials[0].score is None else (
            f"; best {self.monitor} {self.best.score:.4f} with "
            + ", ".join(f"{name} {show(value)}" for name, value in self.best_values.items())
        )  # fmt: skip
        return f"Tuning({len(self.trials)} trials, {failed} failed{best})"


def show(value: Any) -> str:
    """Return a value as it is shown in a table or at an axis."""
    if isinstance(value, float):
        return f"{value:.3g}"
    text = value if isinstance(value, str) else describe_options({"": value})[""]
    text = str(text)
    return text if len(text) <= 16 else text[:15] + "…"
