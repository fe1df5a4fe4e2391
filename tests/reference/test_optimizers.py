"""Two steps of each optimizer, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.reference import optimizers

ONE = np.ones(1)


def approx(value: float) -> object:
    return pytest.approx(value, rel=1e-14)


def test_sgd() -> None:
    p = np.array([1.0])
    optimizers.sgd_update(p, 2 * ONE, None, 0.1, 0.0, False, 0.0)
    assert p[0] == approx(0.8)  # 1 - 0.1*2
    optimizers.sgd_update(p, 2 * ONE, None, 0.1, 0.0, False, 5.0)
    assert p[0] == approx(0.2)  # 0.8 - 0.1*(2 + 5*0.8)


def test_sgd_with_momentum() -> None:
    p, velocity = np.array([1.0]), np.zeros(1)
    optimizers.sgd_update(p, ONE, velocity, 0.1, 0.5, False, 0.0)
    assert (p[0], velocity[0]) == (approx(0.9), approx(1.0))
    optimizers.sgd_update(p, ONE, velocity, 0.1, 0.5, False, 0.0)
    assert (p[0], velocity[0]) == (approx(0.75), approx(1.5))  # v = 0.5*1 + 1


def test_sgd_with_nesterov_momentum() -> None:
    p, velocity = np.array([1.0]), np.zeros(1)
    optimizers.sgd_update(p, ONE, velocity, 0.1, 0.5, True, 0.0)
    assert p[0] == approx(0.85)  # 1 - 0.1*(1 + 0.5*1)
    optimizers.sgd_update(p, ONE, velocity, 0.1, 0.5, True, 0.0)
    assert p[0] == approx(0.675)  # 0.85 - 0.1*(1 + 0.5*1.5)


def test_rmsprop() -> None:
    p, v = np.array([1.0]), np.zeros(1)
    optimizers.rmsprop_update(p, 2 * ONE, v, None, 0.1, 0.75, 1.0, 0.0, 0.0)
    assert v[0] == approx(1.0)  # 0.25 * 2^2
    assert p[0] == approx(0.9)  # 1 - 0.1 * 2/(1 + 1)


def test_rmsprop_with_momentum() -> None:
    p, v, buffer = np.array([1.0]), np.zeros(1), np.zeros(1)
    optimizers.rmsprop_update(p, 2 * ONE, v, buffer, 0.1, 0.75, 1.0, 0.5, 0.0)
    assert (p[0], buffer[0]) == (approx(0.9), approx(1.0))
    g = np.array([13.0**0.5])  # v = 0.75*1 + 0.25*13 = 4, step = sqrt(13)/(2 + 1)
    optimizers.rmsprop_update(p, g, v, buffer, 0.1, 0.75, 1.0, 0.5, 0.0)
    assert v[0] == approx(4.0)
    assert buffer[0] == approx(0.5 + 13.0**0.5 / 3)
    assert p[0] == approx(0.9 - 0.1 * (0.5 + 13.0**0.5 / 3))


@pytest.mark.parametrize("gradient", [1e-3, 1.0, -1e3])
def test_adam_moves_by_the_learning_rate_at_first(gradient: float) -> None:
    p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    g = gradient * ONE
    for t in (1, 2, 3):  # with a constant gradient the corrected means are g and g^2 exactly
        optimizers.adam_update(p, g, m, v, t, 0.1, 0.9, 0.999, 0.0, 0.0, False)
        assert p[0] == approx(1.0 - 0.1 * t * np.sign(gradient))


def test_adam_epsilon_stands_outside_the_root() -> None:
    p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    optimizers.adam_update(p, 2 * ONE, m, v, 1, 0.1, 0.5, 0.5, 2.0, 0.0, False)
    assert (m[0], v[0]) == (approx(1.0), approx(2.0))
    assert p[0] == approx(0.95)  # 1 - 0.1 * 2/(2 + 2)


def test_decay_is_hidden_in_adam_and_seen_in_adamw() -> None:
    for decoupled, expected in [(False, 0.9), (True, 0.85)]:  # AdamW: 1 - 0.1*0.5 - 0.1
        p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
        optimizers.adam_update(p, ONE, m, v, 1, 0.1, 0.9, 0.99, 0.0, 0.5, decoupled)
        assert p[0] == approx(expected)
        assert m[0] == approx(0.1 if decoupled else 0.15)
