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
from nanocnn.gradcheck import check_layer

from .cases import CASES, check, subject_of
from .source import SourceMutant
from .wrapped import WrappedMutant, as_tuple, right_backward
from .wrapped_layers import LayerMutant
from .wrapped_losses import LossMutant, right_loss


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
    calls : list of (bool, bytes) or None
        For each call with real numbers: is the result wrong, and the result, rounded; None for a
        call that raised.
    """

    def __init__(self, wrong: Callable[..., Any], right: Callable[..., Any]) -> None:
        self._wrong, self._right = wrong, right
        self.calls: list[tuple[bool, bytes] | None] = []

    def __call__(self, *args: Any) -> Any:
        if np.iscomplexobj(args[0]):
            return self._wrong(*args)
        self.calls.append(None)
        found, expected = self._wrong(*args), self._right(*args)
        parts = list(zip(_parts(found), _parts(expected), strict=True))
        differs = any(not _equal(a, b) for a, b in parts)
        self.calls[-1] = (differs, b"".join(_rounded(a) for a, _ in parts))
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
                report = None
        if not spy.calls:  # this case is another function's, as with constants in batch_norm
            continue
        # A loss gives value and gradient in the first call, the others are the checker's probes.
        # Of a backward pass the last counts; before it the checker calls with other numbers.
        call = spy.calls[0 if case.target else -1]
        if report is None or call is None:  # no gradient to judge, whatever is made of that
            outcomes.append(Outcome.RAISED)
            continue
        outcomes.append(outcome(call[0], report.passed))
        numbers += call[1]
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
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(np.allclose(a, b, rtol=0, atol=1e-12 * (1 + abs(b).max())))


def _rounded(a: Any) -> bytes:
    a = np.asarray(a)
    return f"{a.shape} {a.dtype}".encode() + (np.round(a.astype(np.float64), 9) + 0.0).tobytes()


def judge_wrapped(mutant: WrappedMutant, seed: int = 0) -> Judgement:
    """Let the checker judge a wrong pass that is made around the right one."""
    right = right_backward(mutant.op)
    wrong = mutant.make(right)
    calls: list[tuple[bool, bytes]] = []

    def backward(dy: Any, cache: Any) -> Any:
        before = dy.copy()
        expected = as_tuple(right(dy, cache))
        found = wrong(dy, cache)
        parts = as_tuple(found)
        differs = len(parts) != len(expected) or not np.array_equal(dy, before)
        differs = differs or not all(map(_equal, parts, expected))
        calls.append((differs, b"".join(_rounded(a) for a in (*parts, dy))))
        return found

    with nc.backend("vectorized"), np.errstate(all="ignore"):
        report = check(mutant.op, mutant.case, seed, backward)
    differs, numbers = calls[-1]
    return Judgement((outcome(differs, report.passed),), numbers)


def judge_loss(mutant: LossMutant, seed: int = 0) -> Judgement:
    """Let the checker judge a loss with a wrong gradient."""
    right = right_loss(mutant.loss)
    wrong = mutant.make(right, mutant.case.options)
    kept: list[Any] = []
    calls: list[tuple[Any, ...]] = []

    def loss(y: Any, target: Any) -> Any:
        before = y.copy()
        expected = right(y.copy(), target, **mutant.case.options)
        calls.append((wrong(y, target), expected, y, before))
        if len(calls) == 2:  # what the checker holds after a call on other numbers
            kept.extend(np.copy(a) for a in (*calls[0][0], calls[0][2]))
        return calls[-1][0]

    with nc.backend("vectorized"), np.errstate(all="ignore"):
        report = check(mutant.loss, mutant.case, seed, loss)
    _, expected, _, before = calls[0]
    differs = not all(map(_equal, kept, (*expected, before)))
    numbers = b"".join(map(_rounded, kept))
    return Judgement((outcome(differs, report.passed),), numbers)


def judge_layer(mutant: LayerMutant, seed: int = 0) -> Judgement:
    """Let the checker judge a wrong layer. None of them is right: each breaks the protocol."""
    with nc.backend("vectorized"), np.errstate(all="ignore"):
        layer = mutant.make(mutant.case)
        report = check_layer(layer, mutant.case.input_shape, seed=seed, max_elements=20)
    return Judgement((outcome(True, report.passed),), mutant.name.encode())
