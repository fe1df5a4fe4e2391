"""Dropout draws from a key, and only in training."""

from __future__ import annotations

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.keys import as_key, derive

ONES = np.ones((64, 50), np.float32)


def test_inference_does_nothing() -> None:
    y, cache = nc.Dropout(0.5).forward(ONES)
    np.testing.assert_array_equal(y, ONES)
    assert cache is None
    dx, _ = nc.Dropout(0.5).backward(ONES * 2, cache)
    np.testing.assert_array_equal(dx, ONES * 2)


def test_training_needs_a_key() -> None:
    with pytest.raises(ValueError, match="Dropout 'd' draws at random in training: give forward a"):
        nc.Dropout(0.5, name="d").forward(ONES, training=True)
    model = nc.Sequential([nc.Dropout(0.5)], input_shape=(50,))
    with pytest.raises(ValueError, match="Dropout 'dropout_1' draws"):
        model.forward(ONES, training=True)
    nc.Dropout(0).forward(ONES, training=True)  # draws nothing


@pytest.mark.parametrize("key", ["0", 1.5, -1, True])
def test_what_is_no_key(key: object) -> None:
    with pytest.raises(TypeError, match="rng must be a whole number from 0 or a numpy"):
        nc.Dropout(0.5).forward(ONES, training=True, rng=key)  # type: ignore[arg-type]


def test_the_key_decides() -> None:
    layer = nc.Dropout(0.5)
    first, cache = layer.forward(ONES, training=True, rng=3)
    np.testing.assert_array_equal(first, layer.forward(ONES, training=True, rng=3)[0])
    other = layer.forward(ONES, training=True, rng=4)[0]
    assert 0.4 < np.mean((first > 0) != (other > 0)) < 0.6
    np.testing.assert_array_equal(layer.backward(ONES, cache)[0], first)


def test_generators_move_on_and_can_be_repeated() -> None:
    layer, rng = nc.Dropout(0.5), np.random.default_rng(0)
    first = layer.forward(ONES, training=True, rng=rng)[0]
    second = layer.forward(ONES, training=True, rng=rng)[0]
    assert (first != second).any()
    again = layer.forward(ONES, training=True, rng=np.random.default_rng(0))[0]
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate_and_mean(rate: float) -> None:
    x = np.ones((400, 500), np.float64)
    y = nc.Dropout(rate).forward(x, training=True, rng=11)[0]
    sd = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(np.mean(y == 0) - rate) < 5 * sd
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate))
    for axis in (0, 1):  # no row or column is favoured
        spread = (y == 0).mean(axis).std()
        expected = np.sqrt(rate * (1 - rate) / x.shape[axis])
        assert 0.8 < spread / expected < 1.2


def test_masks_differ_by_layer_and_follow_the_name() -> None:
    model = nc.Sequential([nc.Dropout(0.5, name="a"), nc.Dropout(0.5, name="b")])
    y, _ = model.forward(ONES, training=True, rng=5)
    assert 0.2 < np.mean(y > 0) < 0.3, "two masks that are equal would keep one half"
    a = model[0].forward(ONES, training=True, rng=derive(5, "a"))[0]
    b = model[1].forward(ONES, training=True, rng=derive(5, "b"))[0]
    np.testing.assert_array_equal(y, a * b)
    more = nc.Sequential([nc.ReLU(), nc.Dropout(0.5, name="a")])
    np.testing.assert_array_equal(more.forward(ONES, training=True, rng=5)[0], a)


def test_keys() -> None:
    assert as_key(None) is None
    assert as_key(np.int64(5)) == 5
    assert as_key(2**64 + 5) == 5
    derived = {derive(k, label) for k in range(20) for label in ("a", "b", 0, 1, 11)}
    assert len(derived) == 100
    assert all(0 <= key < 2**64 for key in derived)
    assert derive(1, "11") == derive(1, 11)
    # Frozen: another value would change every run with dropout that anyone has recorded.
    assert derive(0, "dropout_1") == 0xFFF8E0C56B717FC


def test_a_layer_that_stands_twice_drops_twice() -> None:
    """With one mask for both, a half would be left; with two, a quarter."""
    dropout = nc.Dropout(0.5)
    model = nc.Sequential([dropout, dropout], input_shape=(40_000,))
    y, _ = model.forward(np.ones((1, 40_000), np.float32), training=True, rng=1)
    assert abs((y > 0).mean() - 0.25) < 0.02
