"""Optimizer steps on whole arrays against the loops, over several steps."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from numpy.typing import NDArray

from nanocnn import reference, vectorized

from .cases import Source, check, quick, sources

Array = NDArray[Any]
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3)
decays = st.sampled_from([0.0, 0.1])
momenta = st.sampled_from([0.0, 0.9])
STEPS = 4


def follow(
    shape: list[int],
    source: Source,
    states: int,
    step: Callable[[ModuleType, Array, Array, list[Array], int], None],
) -> None:
    """Take the same steps on both rungs; the parameters, and what is remembered, stay together."""
    start = source.normal(*shape)
    ends = []
    for rung in (vectorized, reference):
        p, memory = np.array(start), [np.zeros_like(start) for _ in range(states)]
        for t in range(1, STEPS + 1):
            g = source.normal(*shape, salt=t)  # read-only: a step that writes to g fails
            step(rung, p, g, memory, t)
        ends.append([p, *memory])
    assert not np.array_equal(ends[0][0], start)
    for actual, expected in zip(*ends, strict=True):
        check(actual, expected, 16 * STEPS)


@quick
@given(shapes, sources, momenta, st.booleans(), decays)
def test_sgd(
    shape: list[int], source: Source, momentum: float, nesterov: bool, decay: float
) -> None:
    def step(rung: ModuleType, p: Array, g: Array, memory: list[Array], t: int) -> None:
        velocity = memory[0] if momentum else None
        rung.sgd_update(p, g, velocity, 0.1, momentum, nesterov, decay)

    follow(shape, source, 1, step)


@quick
@given(shapes, sources, momenta, decays)
def test_rmsprop(shape: list[int], source: Source, momentum: float, decay: float) -> None:
    def step(rung: ModuleType, p: Array, g: Array, memory: list[Array], t: int) -> None:
        buffer = memory[1] if momentum else None
        rung.rmsprop_update(p, g, memory[0], buffer, 0.01, 0.9, 1e-2, momentum, decay)

    follow(shape, source, 2, step)


@quick
@given(shapes, sources, decays, st.booleans())
def test_adam(shape: list[int], source: Source, decay: float, decoupled: bool) -> None:
    def step(rung: ModuleType, p: Array, g: Array, memory: list[Array], t: int) -> None:
        rung.adam_update(p, g, *memory, t, 0.01, 0.9, 0.99, 1e-2, decay, decoupled)

    follow(shape, source, 2, step)
