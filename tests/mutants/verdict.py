"""Put a wrong function in place of the right one, ask the checker, and note if it was wrong here.

The wrong function is a variant of the loops in `nanocnn.reference`; it is put in place of the
function of that name in `nanocnn.vectorized`, whose forward passes are quick. So the library's own
operations, layers and losses call it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

import nanocnn as nc
from nanocnn import vectorized

from .cases import CASES, check, subject_of
from .source import SourceMutant


class Outcome(enum.Enum):
    """What one check of one mutant says."""

    REJECTED = "differs from the right one, and the checker says so"
    MISSED = "differs from the right one, and the checker accepts it"
    SAME = "gives the right numbers here, and the checker accepts it"
    FALSE_ALARM = "gives the right numbers here, and the checker rejects it"
    RAISED = "ends in an exception: no gradient to judge"


class Judgement(NamedTuple):
    """The outcome in each case, and the numbers that the mutant returned there.

    Two mutants with the same numbers in all cases are one mistake in two spellings.
    """

    outcomes: tuple[Outcome, ...]
    numbers: bytes

    @property
    def rejected(self) -> bool:
        """True if some case shows the mistake and the checker misses it in none."""
        missed = {Outcome.MISSED, Outcome.FALSE_ALARM} & {*self.outcomes}
        return Outcome.REJECTED in self.outcomes and not missed


class Spy:
    """Calls the mutant, and compares what it returns with what the right function returns.

    Attributes
    ----------
    calls : list of (bool, bytes)
        For each call with real numbers: is the result wrong, and the result, rounded.
    """

    def __init__(self, wrong: Callable[..., Any], right: Callable[..., Any]) -> None:
        self._wrong, self._right = wrong, right
        self.calls: list[tuple[bool, bytes]] = []

    def __call__(self, *args: Any) -> Any:
        found, expected = self._wrong(*args), self._right(*args)
        if not np.iscomplexobj(args[0]):
            parts = list(zip(_parts(found), _parts(expected), strict=True))
            differs = any(not _equal(a, b) for a, b in parts)
            self.calls.append((differs, b"".join(_rounded(a) for a, _ in parts)))
        return found


@contextmanager
def installed(name: str, function: Callable[..., Any]) -> Iterator[Spy]:
    """Exchange a function of `nanocnn.vectorized` inside the `with` block."""
    homes = [h for h in (vectorized, vectorized.losses) if hasattr(h, name)]
    right = getattr(homes[0], name)
    spy = Spy(function, right)
    for home in homes:
        setattr(home, name, spy)
    try:
        with nc.backend("vectorized"):
            yield spy
    finally:
        for home in homes:
            setattr(home, name, right)


def judge(mutant: SourceMutant, seed: int = 0, *, all_cases: bool = True) -> Judgement:
    """Let the checker judge a mutant in each case of its operation or loss.

    With `all_cases` false, stop at the first rejection.
    """
    subject = subject_of(mutant.target)
    outcomes, numbers = [], b""
    for case in CASES[subject]:
        with installed(mutant.target, mutant.function) as spy, np.errstate(all="ignore"):
            try:
                report = check(subject, case, seed)
            except (ArithmeticError, IndexError, NameError, TypeError, ValueError):
                outcomes.append(Outcome.RAISED)
                continue
        # A loss gives value and gradient in the first call, the others are the checker's probes.
        # Of a backward pass the second counts; the first is the checker's call on other numbers.
        differs, found = spy.calls[0 if case.target else -1]
        numbers += found
        outcomes.append(outcome(differs, report.passed))
        if outcomes[-1] is Outcome.REJECTED and not all_cases:
            break
    return Judgement(tuple(outcomes), numbers)


def outcome(differs: bool, passed: bool) -> Outcome:
    """Compare what is true with what the checker says."""
    if differs:
        return Outcome.MISSED if passed else Outcome.REJECTED
    return Outcome.SAME if passed else Outcome.FALSE_ALARM


def _parts(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _equal(a: Any, b: Any) -> bool:
    """Equal but for rounding; anything between that and 1e-6 would be for no checker to find."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=0, atol=1e-12 * (1 + abs(b).max())))


def _rounded(a: Any) -> bytes:
    return (np.round(np.asarray(a, np.float64), 9) + 0.0).tobytes()
