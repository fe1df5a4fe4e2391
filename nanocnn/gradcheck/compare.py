"""Compare one gradient with its evidence: choose the method, probe, and write the row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn.gradcheck.diagnose import looks_like
from nanocnn.gradcheck.directions import (
    Findings,
    along_element,
    find_kinks,
    place,
    probe_directions,
)
from nanocnn.gradcheck.methods import (
    AdjointIdentity,
    CentralDifferences,
    ComplexStep,
    Function,
    Method,
    Probe,
)
from nanocnn.gradcheck.report import Row
from nanocnn.gradcheck.trace import trace

Array = NDArray[Any]

# Above this share of kinks there is too little evidence left, and the check fails as inconclusive.
_SKIPPED_SHARE = 0.1


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
    others : function or None
        Returns subjects whose gradient may have been returned by mistake, with what that would
        mean; used to say what a failure looks like.
    """

    name: str
    x: Array
    f: Function
    complex_forms: Sequence[Function]
    dy: Array
    gradient: Array
    linear: bool | None = None
    others: Callable[[], Iterator[tuple[str, Subject]]] | None = None


def compare(subject: Subject, rng: np.random.Generator, max_elements: int) -> Row:
    """Return the row for one gradient.

    Every element is probed, or `max_elements` of them drawn at random together with random
    directions through all. If a direction fails, the element that is to blame is searched for by
    halving. The adjoint identity rests on directions, and needs few elements.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a gradient may hold infinity: row says so
        return _compare(subject, rng, max_elements)


def _compare(subject: Subject, rng: np.random.Generator, max_elements: int) -> Row:
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
    elements = [(int(e), along_element(method, x, int(e))) for e in chosen]
    row = _judge(subject, method, differences, elements, rng, 8 if exact else 4)
    if isinstance(method, ComplexStep) and not row.passed:
        # Complex step may have been believed too early: let differences decide where it fails.
        row = _second_opinion(subject, method, differences, elements, rng, row)
    kinks = [] if exact else find_kinks(differences, rng)
    note = row.note or ("" if row.passed else _suspect(subject, method, rng))
    context, t = copy_context(), rng.standard_normal(x.shape)  # drawn later on the same rung
    return replace(
        row,
        note=note,
        kinks=tuple(place(x, e) for e in kinks),
        trace=lambda: context.run(trace, method, differences, subject.gradient, t),
    )


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


def _suspect(subject: Subject, method: Method, rng: np.random.Generator) -> str:
    """Return "looks like: ..." where the mistake is a familiar one."""
    which = [k for k, form in enumerate(subject.complex_forms) if form is method.f]

    def others() -> Iterator[tuple[str, Method]]:
        for name, other in subject.others() if subject.others else ():
            f = other.complex_forms[which[0]] if which else other.f
            yield name, type(method)(f, other.x, subject.dy)

    found = looks_like(method, subject.x, subject.dy, subject.gradient, others(), rng)
    return f"looks like: {found}" if found else ""


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
    found = Findings(scale, skipped=len(elements) - len(usable))
    for e, probe in usable:
        found.add(float(flat[e]), probe, scale, place(x, e))
    few = found.skipped <= max(1.0, _SKIPPED_SHARE * len(elements))
    if few and (len(elements) < x.size or isinstance(method, AdjointIdentity)):
        lost = probe_directions(method, differences, g, found, rng, directions)
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
        method.reason,
        values=np.array(found.pairs, np.float64).reshape(-1, 2).T,
    )


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
        other = along_element(differences, subject.x, e)
        if other.trouble == "kink":
            kinks.add(e)
        elif not other.trouble and abs(other.value - probe.value) > 1e-6 * scale:
            elements = [(e, along_element(differences, subject.x, e)) for e, _ in elements]
            return _judge(subject, differences, differences, elements, rng, 4)
    if not kinks:
        return row
    return _judge(subject, method, differences, elements, rng, 4, frozenset(kinks))
