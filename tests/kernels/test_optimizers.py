"""Compiled parameter updates of many elements, over several steps, and arrays they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from vectorized.cases import check

from nanocnn import kernels, vectorized
from nanocnn.kernels import optimizers

from .cases import Source

Array = NDArray[Any]
STEPS = 3
MANY = 2 * optimizers.BLOCK + 7


def sgd(rung: Any, p: Array, g: Array, state: list[Array], t: int, o: tuple[bool, float]) -> None:
    rung.sgd_update(p, g, state[0], 0.1, 0.9, o[0], o[1])


def sgd_plain(
    rung: Any, p: Array, g: Array, state: list[Array], t: int, o: tuple[bool, float]
) -> None:
    rung.sgd_update(p, g, None, 0.1, 0.0, False, o[1])


def rmsprop(
    rung: Any, p: Array, g: Array, state: list[Array], t: int, o: tuple[bool, float]
) -> None:
    buffer, momentum = (state[1], 0.9) if o[0] else (None, 0.0)
    rung.rmsprop_update(p, g, state[0], buffer, 0.01, 0.9, 1e-2, momentum, o[1])


def adam(rung: Any, p: Array, g: Array, state: list[Array], t: int, o: tuple[bool, float]) -> None:
    rung.adam_update(p, g, state[0], state[1], t, 0.01, 0.9, 0.99, 1e-2, o[1], o[0])


RULES = pytest.mark.parametrize("rule", [sgd, sgd_plain, rmsprop, adam])


def follow(rung: Any, rule: Any, source: Source, shape: list[int], o: Any) -> list[Array]:
    p = np.array(source.normal(*shape), order="C")
    state = [np.zeros_like(p), np.zeros_like(p)]
    for t in range(1, STEPS + 1):
        g = source.normal(*shape, salt=t)
        before = g.copy()
        rule(rung, p, g, state, t, o)
        np.testing.assert_array_equal(g, before)
    return [p, *state]


@RULES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_elements_against_numpy(rule: Any, dtype: type) -> None:
    source = Source(3, dtype, "C")
    ends = [follow(rung, rule, source, [MANY], (True, 0.1)) for rung in (kernels, vectorized)]
    for actual, expected in zip(*ends, strict=True):
        check(actual, expected, 16 * STEPS)


def test_a_read_only_parameter_is_refused() -> None:
    p = np.ones(3)
    p.setflags(write=False)
    with pytest.raises(ValueError, match="writeable"):
        kernels.sgd_update(p, np.ones(3), None, 0.1, 0.0, False, 0.0)
    assert p.tolist() == [1, 1, 1]


def test_state_with_gaps_is_refused_and_not_forgotten() -> None:
    p, v = np.ones(3), np.zeros(6)[::2]
    with pytest.raises(ValueError, match="contiguous"):
        kernels.sgd_update(p, np.ones(3), v, 0.1, 0.9, False, 0.0)
    with pytest.raises(ValueError, match="contiguous"):
        kernels.sgd_update(v, np.ones(3), None, 0.1, 0.0, False, 0.0)
