"""Probe many elements at once, along random directions, and search for the one to blame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn.gradcheck.methods import CentralDifferences, Method, Probe

Array = NDArray[Any]

_MOST_PARTS = 100  # into which one random direction is cut to get around kinks
_MOST_KINKS = 16  # more are not looked for: there is too little smooth ground left


@dataclass
class Findings:
    """The worst probe so far, in the terms of the row, and all probed elements."""

    scale: float
    error: float = 0.0
    index: tuple[int, ...] | None = None
    analytic: float = float("nan")
    numeric: float = float("nan")
    checked: int = 0
    skipped: int = 0
    pairs: list[tuple[float, float]] = field(default_factory=list)

    def add(self, analytic: float, probe: Probe, scale: float, index: Any = None) -> None:
        """Count one probe, and keep it if it is the worst so far."""
        self.checked += 1
        error = abs(analytic - probe.value) / scale if scale > 0 else 0.0
        if not np.isfinite(error):
            error = float("inf")
        if index is not None:
            self.pairs.append((analytic, probe.value))
        if error > self.error or self.checked == 1:
            self.error, self.index = error, index
            self.analytic, self.numeric = analytic, probe.value


def along_element(method: Method, x: Array, element: int) -> Probe:
    """Probe one element, counted in row order."""
    t = np.zeros(x.size)
    t[element] = 1.0
    return method.along(t.reshape(x.shape))


def place(x: Array, element: int) -> tuple[int, ...]:
    """Return the index of an element that is counted in row order."""
    return tuple(int(i) for i in np.unravel_index(element, x.shape))


def find_kinks(differences: CentralDifferences, rng: np.random.Generator) -> list[int]:
    """Return the elements at which the function has a kink right here, as far as they are found.

    All elements are moved at once; where the slope ahead is not the slope behind, halves are
    moved, and halves of these, until the kink stands alone.
    """
    x = differences.x
    parts, t = [np.arange(x.size)], rng.standard_normal(x.size)
    kinks: list[int] = []
    budget = _MOST_PARTS
    while parts and budget and len(kinks) < _MOST_KINKS:
        budget -= 1
        part = parts.pop()
        cut = np.zeros_like(t)
        cut[part] = t[part]
        if differences.along(cut.reshape(x.shape)).trouble == "kink":
            if len(part) == 1:
                kinks.append(int(part[0]))
            else:
                parts += np.array_split(part, 2)
    return sorted(kinks)


def probe_directions(
    method: Method,
    differences: CentralDifferences,
    gradient: Array,
    found: Findings,
    rng: np.random.Generator,
    count: int,
) -> int:
    """Probe all elements at once, along random directions; look into the first that fails.

    A direction that meets a kink is halved until the kink stands alone. Return how many elements
    no probe could reach.
    """
    x = differences.x
    kinks: set[int] = set()
    unreached = 0
    for _ in range(count):
        t = rng.standard_normal(x.size)
        parts = [np.setdiff1d(np.arange(x.size), list(kinks))]
        budget = _MOST_PARTS
        while parts and budget:
            budget -= 1
            part = parts.pop()
            analytic, probe, size = _along(method, gradient, t, part)
            if probe.trouble and len(part) > 1:
                parts += np.array_split(part, 2)
            if probe.trouble:
                kinks.update(part if len(part) == 1 else ())
                continue
            scale = max(found.scale, size, abs(probe.value))
            if not abs(analytic - probe.value) <= method.tolerance * scale:
                element = _blame(method, gradient, t, part)
                if along_element(differences, x, element).trouble == "kink":
                    kinks.add(element)
                    parts.append(part[part != element])
                    continue
                found.add(analytic, probe, scale)
                _name_element(method, x, gradient, found, element)
                return 0
            found.add(analytic, probe, scale)
        unreached = max(unreached, sum(len(part) for part in parts))
    return unreached + len(kinks)


def _along(method: Method, g: Array, t: Array, part: Array) -> tuple[float, Probe, float]:
    """Return both sides along `t`, cut down to a part of the elements, and the terms' norm."""
    cut = np.zeros_like(t)
    cut[part] = t[part]
    terms = g.reshape(-1) * cut
    return float(np.sum(terms)), method.along(cut.reshape(g.shape)), float(np.linalg.norm(terms))


def _blame(method: Method, g: Array, t: Array, part: Array) -> int:
    """Halve the part, keeping the half that disagrees more, down to one element."""
    while len(part) > 1:
        halves = []
        for half in np.array_split(part, 2):
            analytic, probe, _ = _along(method, g, t, half)
            gap = abs(analytic - probe.value)
            halves.append((-1.0 if probe.trouble else np.inf if np.isnan(gap) else gap, half))
        part = max(halves, key=lambda pair: pair[0])[1]
    return int(part[0])


def _name_element(method: Method, x: Array, g: Array, found: Findings, element: int) -> None:
    found.index = place(x, element)
    found.analytic = float(g.reshape(-1)[element])
    found.numeric = along_element(method, x, element).value
    found.pairs.append((found.analytic, found.numeric))
