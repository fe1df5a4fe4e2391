"""Compare one gradient with its evidence: choose the method, probe, and write the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn.gradcheck.methods import (
    AdjointIdentity,
    CentralDifferences,
    ComplexStep,
    Function,
    Probe,
)
from nanocnn.gradcheck.report import Row

Array = NDArray[Any]
Method = AdjointIdentity | ComplexStep | CentralDifferences

# Above this share of kinks there is too little evidence left, and the check fails as inconclusive.
_SKIPPED_SHARE = 0.1
_MOST_PARTS = 100  # into which one random direction is cut to get around kinks


@dataclass(frozen=True)
class Subject:
    """One gradient under test: `f` as a function of this tensor alone, all others held fixed.

    Attributes
    ----------
    name : str
    x : float64 array
    f : function of an array like `x` to the output
    complex_forms : functions that may also take a complex array, in the order to try them
    dy : float64 array
        Upstream gradient, of the shape of the output.
    gradient : float64 array
        What the backward pass returned.
    linear : bool or None
        True: `f` must be linear in `x` (it fails otherwise). False: do not try. None: find out.
    """

    name: str
    x: Array
    f: Function
    complex_forms: Sequence[Function]
    dy: Array
    gradient: Array
    linear: bool | None = None


@dataclass
class _Findings:
    """The worst probe so far, in the terms of the row."""

    scale: float
    error: float = 0.0
    index: tuple[int, ...] | None = None
    analytic: float = float("nan")
    numeric: float = float("nan")
    checked: int = 0
    skipped: int = 0

    def add(self, analytic: float, probe: Probe, scale: float, index: Any = None) -> bool:
        """Count one probe; return True if it is the worst so far."""
        self.checked += 1
        error = abs(analytic - probe.value) / scale if scale > 0 else 0.0
        if not np.isfinite(error):
            error = float("inf")
        worst = error > self.error or self.checked == 1
        if worst:
            self.error, self.index = error, index
            self.analytic, self.numeric = analytic, probe.value
        return worst


def compare(subject: Subject, rng: np.random.Generator, max_elements: int) -> Row:
    """Return the row for one gradient.

    Every element is probed, or `max_elements` of them drawn at random together with random
    directions through all. If a direction fails, the element that is to blame is searched for by
    halving. The adjoint identity rests on directions, and needs few elements.
    """
    x = subject.x
    differences = CentralDifferences(subject.f, x, subject.dy)
    method = _choose(subject, differences, rng)
    if method is None:
        return Row(
            subject.name, "contract", float("inf"), 0.0, note="declared linear, but it is not"
        )
    exact = isinstance(method, AdjointIdentity)
    count = min(x.size, 32 if exact else max_elements)
    chosen = rng.choice(x.size, count, replace=False) if count < x.size else np.arange(x.size)
    elements = [(int(e), _along_element(method, x, int(e))) for e in chosen]
    row = _judge(subject, method, differences, elements, rng, 8 if exact else 4)
    if isinstance(method, ComplexStep) and not row.passed:
        # Complex step may have been believed too early: let differences decide where it fails.
        return _second_opinion(subject, method, differences, elements, rng, row)
    return row


def _choose(
    subject: Subject, differences: CentralDifferences, rng: np.random.Generator
) -> Method | None:
    f, x, dy = subject.f, subject.x, subject.dy
    if subject.linear is not False and AdjointIdentity.accepts(f, x, rng):
        return AdjointIdentity(f, x, dy)
    if subject.linear:
        return None
    for form in subject.complex_forms:
        method = ComplexStep(form, x, dy)
        if method.accepts(differences, rng):
            return method
    return differences


def _along_element(method: Method, x: Array, element: int) -> Probe:
    t = np.zeros(x.size)
    t[element] = 1.0
    return method.along(t.reshape(x.shape))


def _judge(
    subject: Subject,
    method: Method,
    differences: CentralDifferences,
    elements: list[tuple[int, Probe]],
    rng: np.random.Generator,
    directions: int,
    excused: frozenset[int] = frozenset(),
) -> Row:
    """Turn probes into a row. Elements that are `excused` count as skipped."""
    x, g = subject.x, subject.gradient
    flat = g.reshape(-1)
    usable = [(e, p) for e, p in elements if not p.trouble and e not in excused]
    sizes = [abs(flat[e]) for e, _ in usable] + [abs(p.value) for _, p in usable]
    scale = max([differences.floor, *(s for s in sizes if np.isfinite(s))])
    found = _Findings(scale, skipped=len(elements) - len(usable))
    for e, probe in usable:
        index = tuple(int(i) for i in np.unravel_index(e, x.shape))
        found.add(float(flat[e]), probe, scale, index)
    few = found.skipped <= max(1.0, _SKIPPED_SHARE * len(elements))
    if few and (len(elements) < x.size or isinstance(method, AdjointIdentity)):
        lost = _directions(subject, method, differences, found, rng, directions)
        few = lost <= max(1.0, _SKIPPED_SHARE * x.size)
        found.skipped = max(found.skipped, lost)
    note = ""
    passed = found.error <= method.tolerance
    if found.checked == 0 or not few:
        passed, note = False, "inconclusive: too many kinks, move the inputs away from them"
    return Row(
        subject.name,
        method.name,
        found.error,
        method.tolerance,
        found.index,
        found.analytic,
        found.numeric,
        found.checked,
        found.skipped,
        passed,
        note,
    )


def _directions(
    subject: Subject,
    method: Method,
    differences: CentralDifferences,
    found: _Findings,
    rng: np.random.Generator,
    count: int,
) -> int:
    """Probe all elements at once, along random directions; look into the first that fails.

    A direction that meets a kink is halved until the kink stands alone. Return how many elements
    no probe could reach.
    """
    x, g = subject.x, subject.gradient
    kinks: set[int] = set()
    unreached = 0
    for _ in range(count):
        t = rng.standard_normal(x.size)
        parts = [np.setdiff1d(np.arange(x.size), list(kinks))]
        budget = _MOST_PARTS
        while parts and budget:
            budget -= 1
            part = parts.pop()
            analytic, probe, size = _along(method, g, t, part)
            if probe.trouble and len(part) > 1:
                parts += np.array_split(part, 2)
            if probe.trouble:
                kinks.update(part if len(part) == 1 else ())
                continue
            scale = max(found.scale, size, abs(probe.value))
            if not abs(analytic - probe.value) <= method.tolerance * scale:
                element = _blame(method, g, t, part)
                if _along_element(differences, x, element).trouble == "kink":
                    kinks.add(element)
                    parts.append(part[part != element])
                    continue
                found.add(analytic, probe, scale)
                _name_element(method, x, g, found, element)
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


def _name_element(method: Method, x: Array, g: Array, found: _Findings, element: int) -> None:
    found.index = tuple(int(i) for i in np.unravel_index(element, x.shape))
    found.analytic = float(g.reshape(-1)[element])
    found.numeric = _along_element(method, x, element).value


def _second_opinion(
    subject: Subject,
    method: ComplexStep,
    differences: CentralDifferences,
    elements: list[tuple[int, Probe]],
    rng: np.random.Generator,
    row: Row,
) -> Row:
    """Excuse elements at a kink; drop the complex step if differences contradict it."""
    flat = subject.gradient.reshape(-1)
    scale = max([differences.floor, *(abs(p.value) for _, p in elements)])
    kinks = set()
    for e, probe in elements:
        if abs(flat[e] - probe.value) <= method.tolerance * scale:
            continue
        other = _along_element(differences, subject.x, e)
        if other.trouble == "kink":
            kinks.add(e)
        elif not other.trouble and abs(other.value - probe.value) > 1e-6 * scale:
            elements = [(e, _along_element(differences, subject.x, e)) for e, _ in elements]
            return _judge(subject, differences, differences, elements, rng, 4)
    if not kinks:
        return row
    return _judge(subject, method, differences, elements, rng, 4, frozenset(kinks))
