"""Parameters that the kernels cannot walk over are left to NumPy, and change all the same."""

from __future__ import annotations

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.ops import optimizers


def with_gaps(values: np.ndarray) -> np.ndarray:
    wide = np.zeros((values.size, 2), values.dtype)
    wide[:, 0] = values
    return wide[:, 0]


@pytest.mark.parametrize("gaps", ["none", "parameter", "state", "gradient"])
@pytest.mark.parametrize("rung", nc.BACKENDS)
def test_gaps_in_memory(gaps: str, rung: str) -> None:
    r = np.random.default_rng(0)
    start, g = r.normal(size=7), r.normal(size=7)
    p, m, v = start.copy(), np.zeros(7), np.zeros(7)
    if gaps == "parameter":
        p = with_gaps(p)
    elif gaps == "state":
        m, v = with_gaps(m), with_gaps(v)
    elif gaps == "gradient":
        g = with_gaps(g)
    with nc.backend(rung):
        optimizers.adam_update(p, g, m, v, 1, 0.1, 0.9, 0.99, 1e-8, 0.0, False)
        np.testing.assert_allclose(p, start - 0.1 * np.sign(g), rtol=1e-6)
        np.testing.assert_allclose(m, 0.1 * g, rtol=1e-12)
        np.testing.assert_allclose(v, 0.01 * g * g, rtol=1e-12)
        optimizers.sgd_update(p, g, m, 0.1, 0.5, False, 0.0)
        np.testing.assert_allclose(m, 1.05 * g, rtol=1e-12)
        optimizers.rmsprop_update(p, g, v, m, 0.1, 0.5, 1e-8, 0.5, 0.0)
        np.testing.assert_allclose(v, 0.505 * g * g, rtol=1e-12)


@pytest.mark.parametrize("rung", nc.BACKENDS)
def test_a_read_only_parameter(rung: str) -> None:
    p = np.ones(3)
    p.setflags(write=False)
    with nc.backend(rung), pytest.raises(ValueError):
        optimizers.sgd_update(p, np.ones(3), None, 0.1, 0.0, False, 0.0)
    assert p.tolist() == [1, 1, 1]
