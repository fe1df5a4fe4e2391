"""A law that wrong operations obey too proves nothing: each must fail on its own mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, given, settings
from vectorized.cases import quick

from nanocnn import BACKENDS, backend, vectorized

from . import (
    test_activations,
    test_batch,
    test_filters,
    test_linearity,
    test_norm,
    test_pooling,
    test_softmax,
    test_translation,
    test_transposed,
    test_upsampling,
)
from .mutants import MUTANTS, Wrong
from .tools import LAWS

FILES: list[ModuleType] = [
    test_norm,
    test_activations,
    test_batch,
    test_filters,
    test_linearity,
    test_pooling,
    test_softmax,
    test_transposed,
    test_translation,
    test_upsampling,
]
names = [f"{law}-{op}-{mistake.__name__}" for law, op, _, mistake in MUTANTS]
CASES = [(law, op) for law, kept in LAWS.items() for op in kept.over or ("",)]


@pytest.fixture(autouse=True)
def rung() -> Iterator[str]:
    """Stay on NumPy's rung, whose functions the mistakes stand for."""
    with backend("vectorized"):
        yield "vectorized"


def test_every_law_is_kept_and_has_a_mistake() -> None:
    tests = [name for file in FILES for name in vars(file) if name.startswith("test_")]
    assert sorted(tests) == sorted(LAWS)
    assert {law for law, *_ in MUTANTS} == set(LAWS)


def try_law(law: str, op: str, choice: settings) -> None:
    """Try a law on random cases until it fails."""
    holds, strategies, _ = LAWS[law]

    @choice
    @given(st.tuples(*strategies))
    def try_one(drawn: tuple[Any, ...]) -> None:
        holds(*([op] if op else []), *drawn)

    try_one()


# The same cases every time, and the first failure is enough.
fixed = settings(
    quick,
    max_examples=30,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)


@pytest.mark.parametrize(("law", "op", "function", "mistake"), MUTANTS, ids=names)
def test_wrong_operations_break_the_law(
    law: str, op: str, function: str, mistake: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    *inside, name = function.split(".")
    module: Any = getattr(vectorized, inside[0]) if inside else vectorized
    right = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args: mistake(right, *args))
    with pytest.raises(AssertionError):
        try_law(law, op, fixed)


@pytest.mark.slow
@pytest.mark.parametrize("level", BACKENDS)
@pytest.mark.parametrize(("law", "op"), CASES)
def test_laws_hold_in_many_cases(law: str, op: str, level: str) -> None:
    with backend(level):
        try_law(law, op, settings(quick, max_examples=150))
