"""Successive halving: many trials with few epochs, then the best of them with more.

Jamieson and Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter
optimization". Each rung has 1/eta of the trials of the one before, and eta times its epochs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple


class Rung(NamedTuple):
    """So many trials are trained for so many epochs."""

    trials: int
    epochs: int


def make_rungs(trials: int, epochs: int, eta: int, min_epochs: int) -> list[Rung]:
    """Return the rungs, the first first; the last has all epochs.

    Both divisions round down. Each rung is trained from the start, so that a trial which reaches
    the last costs E + E/eta + E/eta^2 + ... < E * eta / (eta - 1) epochs.

    Examples
    --------
    >>> make_rungs(27, 9, 3, 1)
    [Rung(trials=27, epochs=1), Rung(trials=9, epochs=3), Rung(trials=3, epochs=9)]
    """
    rungs = [Rung(trials, epochs)]
    while epochs // eta >= min_epochs and trials // eta ** len(rungs) >= 1:
        epochs //= eta
        rungs.append(Rung(0, epochs))
    return [Rung(trials // eta**k, rung.epochs) for k, rung in enumerate(reversed(rungs))]


def best_of(scores: Mapping[int, float], n: int, mode: str) -> list[int]:
    """Return the numbers of up to n trials with the best scores; of equal ones, the earlier."""
    sign = -1 if mode == "max" else 1
    ranked = sorted(scores, key=lambda trial: (sign * scores[trial], trial))
    return [trial for trial in ranked if not math.isnan(scores[trial])][:n]
