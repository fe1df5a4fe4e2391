"""Halving schedules and distributions, over all sizes that Hypothesis can think of."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanocnn.training import integer, log_uniform, uniform
from nanocnn.training.tuning.halving import best_of, make_rungs
from nanocnn.training.tuning.space import draw


@given(st.integers(1, 500), st.integers(1, 500), st.integers(2, 7), st.data())
def test_every_rung(trials: int, epochs: int, eta: int, data: st.DataObject) -> None:
    least = data.draw(st.integers(1, epochs))
    rungs = make_rungs(trials, epochs, eta, least)
    assert rungs[0].trials == trials
    assert rungs[-1].epochs == epochs
    assert rungs[0].epochs >= least
    assert rungs[-1].trials >= 1
    for low, high in pairwise(rungs):
        assert high.trials == low.trials // eta
        assert low.epochs == high.epochs // eta
    # There is no room for one more rung: of epochs below, or of trials above.
    assert rungs[0].epochs // eta < least or rungs[-1].trials < eta
    # What is stated of the cost: for a trial that reaches the last rung, and for all together.
    assert sum(rung.epochs for rung in rungs) * (eta - 1) <= epochs * eta
    afresh = sum(rung.trials * rung.epochs for rung in rungs)
    before = [0, *(rung.epochs for rung in rungs)]
    going_on = sum(r.trials * (r.epochs - b) for r, b in zip(rungs, before, strict=False))
    assert afresh * (eta - 1) <= going_on * eta


def test_the_schedule_of_the_defaults() -> None:
    assert make_rungs(27, 9, 3, 1) == [(27, 1), (9, 3), (3, 9)]
    assert make_rungs(2, 9, 3, 1) == [(2, 9)]
    assert make_rungs(10, 10, 3, 2) == [(10, 3), (3, 10)]


@given(st.dictionaries(st.integers(0, 50), st.floats(allow_nan=False, width=16), max_size=20),
       st.integers(0, 25), st.sampled_from(["max", "min"]))  # fmt: skip
def test_the_best_go_on(scores: dict[int, float], n: int, mode: str) -> None:
    chosen = best_of(scores, n, mode)
    assert len(chosen) == len(set(chosen)) == min(n, len(scores))
    for winner in chosen:
        for loser in set(scores) - set(chosen):
            a, b = scores[winner], scores[loser]
            better = a > b if mode == "max" else a < b
            assert better or (a == b and winner < loser)


FINITE = st.floats(-1e300, 1e300)


@given(FINITE, FINITE, st.floats(0, 1, exclude_max=True))
def test_a_uniform_number_is_within_its_bounds(a: float, b: float, u: float) -> None:
    if a != b:
        low, high = sorted((a, b))
        assert low <= uniform(low, high).at(u) <= high


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.floats(0, 1, exclude_max=True))
def test_a_log_uniform_number_is_within_its_bounds(a: float, b: float, u: float) -> None:
    if a != b:
        low, high = sorted((a, b))
        assert low <= log_uniform(low, high).at(u) <= high


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_whole_number_is_within_its_bounds(low: int, more: int, u: float) -> None:
    value = integer(low, low + more).at(u)
    assert isinstance(value, int)
    assert low <= value <= low + more


def test_the_distributions_are_what_they_are_called() -> None:
    """The Kolmogorov-Smirnov distance of 4000 draws is below its 99.9 % point, 1.95 / sqrt(n)."""
    n = 4000
    space = {"a": uniform(-2, 3), "b": log_uniform(1e-5, 1e-1), "c": integer(3, 7), "d": ["x", "y"]}
    draws = [draw(space, 7, i) for i in range(n)]

    def distance(shares: Any) -> float:
        return float(np.abs(np.sort(shares) - (np.arange(n) + 0.5) / n).max() + 0.5 / n)

    a, b = (np.array([values[name] for values in draws]) for name in "ab")
    logs = (np.log10(b) + 5) / 4
    assert distance((a + 2) / 5) < 1.95 / math.sqrt(n)
    assert distance(logs) < 1.95 / math.sqrt(n)
    assert distance(b / 1e-1) > 0.5, "a uniform one it is not"
    for name, kinds in (("c", [3, 4, 5, 6, 7]), ("d", ["x", "y"])):
        counts = np.array([sum(values[name] == kind for values in draws) for kind in kinds])
        assert counts.sum() == n
        assert (np.abs(counts - n / len(kinds)) < 4 * math.sqrt(n / len(kinds))).all()
    assert abs(np.corrcoef(a, logs)[0, 1]) < 4 / math.sqrt(n)


def test_values_depend_on_seed_and_trial_and_come_in_any_order() -> None:
    space = {"a": uniform(0, 1)}
    forwards = [draw(space, 0, i) for i in range(20)]
    assert forwards == [draw(space, 0, i) for i in reversed(range(20))][::-1]
    assert len({values["a"] for values in forwards}) == 20
    more = draw({**space, "b": [1, 2]}, 0, 3)
    assert more["a"] == forwards[3]["a"], "one more parameter leaves the others alone"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: uniform(1, 1), r"uniform\(low=1, high=1\): low must be below high"),
        (lambda: uniform(0, math.inf), "both ends must be finite numbers"),
        (lambda: uniform("a", 2), "both ends must be finite numbers"),  # type: ignore[arg-type]
        (lambda: log_uniform(0, 1), r"log_uniform\(low=0, high=1\): low must be above 0"),
        (lambda: integer(0, 1.5), "both ends must be whole numbers"),
    ],
)
def test_refused(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_ranges_print_as_they_are_written() -> None:
    for text in ("uniform(low=0, high=0.5)", "log_uniform(low=0.1, high=1)",
                 "integer(low=-1, high=2)"):  # fmt: skip
        assert repr(eval(text)) == text
