"""Initializers: fans, bounds, variances, and the same weights from the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanocnn import initializers

DRAWN = {
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((7,), (7, 7)), ((5, 3), (5, 3)), ((3, 2, 4, 8), (24, 48)), ((1, 1, 6, 2), (6, 2))],
)
def test_fans(shape, expected):
    assert initializers.fans(shape) == expected


@pytest.mark.parametrize("shape", [(400, 250), (3, 5, 40, 160)])
@pytest.mark.parametrize("name", DRAWN)
def test_mean_and_variance(name, shape):
    w = initializers.get(name)(shape, np.random.default_rng(3), np.float64)
    expected = DRAWN[name](*initializers.fans(shape))
    assert w.shape == shape
    # The mean of n draws strays by sigma/sqrt(n), the variance by at most sqrt(2/n) of itself.
    assert abs(w.mean()) < 4 * math.sqrt(expected / w.size)
    assert w.var() == pytest.approx(expected, rel=4 * math.sqrt(2 / w.size))


@pytest.mark.parametrize(
    ("name", "bound"),
    [("glorot_uniform", math.sqrt(6 / 650)), ("he_uniform", math.sqrt(6 / 400))],
)
def test_bounds_of_the_uniform_ones(name, bound):
    w = initializers.get(name)((400, 250), 0, np.float64)
    assert bound * 0.999 < np.abs(w).max() <= bound


@pytest.mark.parametrize("name", DRAWN)
def test_one_seed_one_array_in_both_dtypes(name):
    draw = initializers.get(name)
    a = draw((4, 5), np.random.default_rng(1), "float64")
    b = draw((4, 5), np.random.default_rng(1), "float32")
    c = draw((4, 5), 1, "float32")
    other = draw((4, 5), np.random.default_rng(2), "float64")
    assert a.dtype == np.float64
    assert b.dtype == np.float32
    np.testing.assert_array_equal(a.astype(np.float32), b)
    np.testing.assert_array_equal(b, c)
    assert not np.array_equal(a, other)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_a_block_at_a_time_as_at_once(name, monkeypatch):
    draw = initializers.get(name)
    whole = draw((9, 5, 7), 3)
    monkeypatch.setattr(initializers, "BLOCK", 64)
    np.testing.assert_array_equal(draw((9, 5, 7), 3), whole, strict=True)


def test_two_draws_from_one_generator_differ():
    rng = np.random.default_rng(0)
    assert not np.array_equal(
        initializers.glorot_uniform((3, 3), rng), initializers.glorot_uniform((3, 3), rng)
    )


def test_zeros_and_names():
    assert not initializers.zeros((3,), np.random.default_rng(0), np.float32).any()
    assert initializers.get(initializers.zeros) is initializers.zeros
    with pytest.raises(ValueError, match=r"'xavier' is unknown.*glorot_uniform.*zeros"):
        initializers.get("xavier")
    with pytest.raises(TypeError, match="name or a function"):
        initializers.get(None)
    with pytest.raises(ValueError, match="no fan"):
        initializers.fans(())
