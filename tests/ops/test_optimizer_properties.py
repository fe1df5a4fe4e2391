"""Every parameter update on every backend against the loops, over several steps, in any memory."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import Array, Source, check, different, quick, sources

from nanocnn import backend
from nanocnn.ops import optimizers

from .calls import values

STEPS = 4
rate, decay = st.sampled_from([0.01, 0.1]), st.sampled_from([0.0, 0.1])
momentum, epsilon = st.sampled_from([0.0, 0.9]), st.sampled_from([1e-8, 1e-2])
below_1 = st.sampled_from([0.5, 0.9, 0.99])
# name: (how many arrays it remembers, its numbers in order)
RULES: dict[str, tuple[int, st.SearchStrategy[tuple[Any, ...]]]] = {
    "sgd": (1, st.tuples(rate, momentum, st.booleans(), decay)),
    "rmsprop": (2, st.tuples(rate, below_1, epsilon, momentum, decay)),
    "adam": (2, st.tuples(rate, below_1, below_1, epsilon, decay, st.booleans())),
}


def test_every_update_is_in_the_table() -> None:
    found = [name for name in vars(optimizers) if name.endswith("_update")]
    assert sorted(found) == sorted(f"{name}_update" for name in RULES)


def changeable(source: Source, array: Array) -> Array:
    """Return a copy that may be written to, in the layout of the source where it allows that."""
    if source.layout == "broadcast axis" or not array.ndim:
        return np.array(array)
    copy = source.arrange(np.array(array))
    copy.setflags(write=True)
    return copy


def step(rule: str, p: Array, g: Array, memory: list[Array], t: int, o: tuple[Any, ...]) -> None:
    """Take one step; a momentum of 0 needs no memory of it."""
    if rule == "sgd":
        optimizers.sgd_update(p, g, memory[0] if o[1] else None, *o)
    elif rule == "rmsprop":
        optimizers.rmsprop_update(p, g, memory[0], memory[1] if o[3] else None, *o)
    else:
        optimizers.adam_update(p, g, *memory, t, *o)


def follow(rule: str, start: Array, steps: list[Array], laid: list[Source], o: Any) -> list[Array]:
    """Return the parameters and what is remembered after all steps; arrays change in place."""
    states = RULES[rule][0]
    p, *memory = (
        changeable(source, start if k == 0 else np.zeros_like(start))
        for k, source in enumerate(laid[: 1 + states])
    )
    for t, g in enumerate(steps, 1):
        before = g.copy()
        step(rule, p, g, memory, t, o)
        np.testing.assert_array_equal(g, before)
    return [p, *memory]


@pytest.mark.parametrize("rule", RULES)
@quick
@given(data=st.data())
def test_updates_agree(rule: str, data: st.DataObject) -> None:
    shape = tuple(data.draw(different(data.draw(st.integers(0, 4)), 1, 6)))
    source, whole = data.draw(sources), data.draw(st.booleans())
    if not shape:
        source = Source(source.seed, source.dtype, "C")
    layouts = [data.draw(st.sampled_from(["C", "C", source.layout])) for _ in range(3)]
    laid = [Source(source.seed, source.dtype, layout) for layout in layouts]
    numbers = data.draw(RULES[rule][1])
    start = np.array(source.normal(*shape))
    steps = [values(source, whole, shape, t) for t in range(1, STEPS + 1)]  # many are 0 if whole
    with backend("reference"):
        expected = follow(rule, start, steps, laid, numbers)
    assert whole or not np.array_equal(expected[0], start)
    for rung in ("vectorized", "numba"):
        with backend(rung):
            actual = follow(rule, start, steps, laid, numbers)
        for a, e in zip(actual, expected, strict=True):
            check(a, e, 16 * STEPS)  # each step rounds some ten times
