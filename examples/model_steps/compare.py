"""Step by step: is a network with one thing more better than without it?

Each settings is trained with a few seeds. A gain counts if it is larger than the spread, which is
how far two single runs differ by chance:

    gain = mean(with the step) - mean(before),   spread = sqrt(s1^2 + s2^2)

with s1, s2 the standard deviations over the seeds. For three seeds this is a t of 1.7, so in one
of about ten cases a step that brings nothing would seem to gain. A step that is worse beyond the
spread is taken back; one within it stays, since what a small network has no use for may be what a
larger one needs. In the end the settings with the best mean are chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .steps import STEPS, Settings

BASE = "the article's network"
GAIN, WITHIN, WORSE = "gain", "within the spread", "worse, taken back"


class Row(NamedTuple):
    """A step: what was measured with it, and with the settings that it was added to."""

    name: str
    settings: Settings
    values: list[float]  # one for each seed
    before: list[float]  # likewise; empty for the first row
    verdict: str

    @property
    def gain(self) -> float:
        return float(np.mean(self.values) - np.mean(self.before))

    @property
    def spread(self) -> float:
        """Return how far the difference of two single runs strays."""
        return float(np.hypot(deviation(self.values), deviation(self.before)))


def deviation(values: list[float]) -> float:
    """Return the standard deviation over the seeds."""
    return float(np.std(values, ddof=1))


def climb(
    measure: Callable[[str, Settings, Settings], list[float]],
    expect: Callable[[int], None] = lambda ahead: None,
) -> tuple[list[Row], Settings]:
    """Try all steps; return a row for each, and the settings with the best mean.

    What was taken back is tried once more at the end, with the network that was arrived at; other
    networks are not, as that would be a step back.

    Parameters
    ----------
    measure : function of a step's name, its settings, and the best settings so far
        Returns the measure of each seed.
    expect : function
        Told how many settings are ahead, for a progress bar.
    """
    now = Settings()
    expect(1 + len(STEPS))
    rows = [Row(BASE, now, measure(BASE, now, now), [], "base")]
    top = last = rows[0]  # the best row, and the one that the next step is added to
    once = [(step.name, step) for step in STEPS]
    again = [(f"{step.name}, again", step) for step in STEPS if "network" not in step.changes]
    for steps in (once, again):
        known = {row.settings for row in rows}
        back = {row.name for row in rows if row.verdict == WORSE}
        ahead = [
            (name, step)
            for name, step in steps
            if steps is once or (step.name in back and step.applied_to(now) not in known)
        ]
        for k, (name, step) in enumerate(ahead):
            expect(len(ahead) - k)
            tried = step.applied_to(now)
            row = Row(name, tried, measure(name, tried, top.settings), last.values, "")
            row = row._replace(verdict=judge(row))
            rows.append(row)
            if np.mean(row.values) > np.mean(top.values):
                top = row
            if row.verdict != WORSE:
                now, last = tried, row
    return rows, top.settings


def judge(row: Row) -> str:
    """Say what a step brought: a gain, a loss, or nothing that stands out from chance."""
    if abs(row.gain) <= row.spread:
        return WITHIN
    return GAIN if row.gain > 0 else WORSE


def title(measure: str) -> str:
    """Return a measure's name as it is written in a text."""
    return "AUC" if measure == "auc" else measure.replace("_", " ")


def table(rows: list[Row], measure: str) -> str:
    """Return the rows as text, the way it is printed and written to table.txt."""
    head = f"validation {title(measure)}"
    lines = [f"{head:28}{'mean':>7}{'spread':>8}{'gain':>9}{'spread':>8}"]
    for row in rows:
        line = f"{row.name:28}{np.mean(row.values):7.3f}{deviation(row.values):8.3f}"
        if row.before:
            line += f"{row.gain:+9.3f}{row.spread:8.3f}  {row.verdict}"
        lines.append(line)
    return "\n".join(lines)
