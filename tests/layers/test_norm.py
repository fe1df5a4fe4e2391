"""Batch normalization's three modes and its running statistics; what the layers refuse."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.base import Array

from .examples import same

SHAPE = (4, 3, 5, 2)


def drawn(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> Array:
    rng = np.random.default_rng(seed)
    return np.asarray(3 + 2 * rng.standard_normal(shape))


def built(**options: Any) -> nc.BatchNorm:
    layer = nc.BatchNorm(**options)
    layer.dtype = "float64"
    layer.build(SHAPE[1:], np.random.default_rng(0))
    return layer


def test_running_statistics_by_hand() -> None:
    layer, momentum = built(momentum=0.75), 0.75
    mean, variance, m = np.zeros(2), np.ones(2), 4 * 3 * 5
    for seed in range(5):
        x = drawn(seed)
        _, cache = layer.forward(x, training=True)
        layer.update_state(cache)
        flat = x.reshape(m, 2)
        mean = momentum * mean + (1 - momentum) * flat.mean(axis=0)
        variance = momentum * variance + (1 - momentum) * flat.var(axis=0, ddof=1)
    np.testing.assert_allclose(layer.state["mean"], mean, rtol=1e-13)
    np.testing.assert_allclose(layer.state["variance"], variance, rtol=1e-13)
    assert {s.dtype for s in layer.state.values()} == {np.dtype("float64")}


def test_state_is_float64_in_a_float32_layer() -> None:
    layer = nc.BatchNorm()
    layer.build((2,), np.random.default_rng(0))
    _, cache = layer.forward(np.float32([[0.1, 1], [0.3, 2]]), training=True)
    layer.update_state(cache)
    right = 0.1 * (float(np.float32(0.1)) + float(np.float32(0.3))) / 2
    assert layer.state["mean"].dtype == np.float64
    assert layer.state["mean"][0] == pytest.approx(right, rel=1e-14)
    assert layer.params["gamma"].dtype == np.float32


def test_forward_never_writes_to_state() -> None:
    layer = built()
    before = copy.deepcopy(layer.state)
    for training in (False, True):
        y, cache = layer.forward(drawn(), training=training)
        layer.backward(y, cache)
        layer(drawn())
    assert same(layer.state, before)


def test_a_pass_in_inference_moves_no_statistics() -> None:
    layer = built()
    before = copy.deepcopy(layer.state)
    layer.update_state(layer.forward(drawn(), training=False)[1])
    assert same(layer.state, before)


def test_inference_uses_the_running_statistics() -> None:
    layer = built(epsilon=0.5)
    layer.state = {"mean": np.array([1.0, 2]), "variance": np.array([0.5, 3.5])}
    layer.params["gamma"][...], layer.params["beta"][...] = (3, 4), (5, 6)
    right = (drawn() - [1, 2]) / [1, 2] * [3, 4] + [5, 6]
    np.testing.assert_allclose(layer(drawn()), right, rtol=1e-14)


def test_frozen_uses_the_running_statistics_in_training_too() -> None:
    layer = built()
    layer.update_state(layer.forward(drawn(1), training=True)[1])
    trained = layer.forward(drawn(), training=True)[0]
    layer.freeze()
    before = copy.deepcopy(layer.state)
    y, cache = layer.forward(drawn(), training=True)
    np.testing.assert_array_equal(y, layer(drawn()))
    assert not np.allclose(y, trained)
    layer.update_state(cache)
    assert same(layer.state, before)
    dx, grads = layer.backward(np.ones(SHAPE), cache)
    assert grads == {}
    scale = 1 / np.sqrt(layer.state["variance"] + layer.epsilon)
    np.testing.assert_allclose(dx, np.broadcast_to(scale, SHAPE), rtol=1e-14)  # constants
    layer.unfreeze()
    np.testing.assert_array_equal(layer.forward(drawn(), training=True)[0], trained)


def test_gradients_of_a_frozen_layer() -> None:
    layer = built(activation="relu")
    layer.update_state(layer.forward(drawn(1), training=True)[1])
    layer.freeze()
    nc.gradcheck.check_layer(layer, SHAPE[1:]).raise_if_failed()


def test_one_value_a_channel_in_training() -> None:
    layer = nc.BatchNorm(name="b")
    layer.build((2,), np.random.default_rng(0))
    x = np.ones((1, 2), np.float32)
    with pytest.raises(ValueError, match=r"'b'.*\(1, 2\) has one value a channel.*freeze"):
        layer.forward(x, training=True)
    assert layer(x).shape == (1, 2)
    layer.freeze()
    assert layer.forward(x, training=True)[0].shape == (1, 2)


def test_an_empty_batch_moves_no_statistics() -> None:
    layer = built()
    before = copy.deepcopy(layer.state)
    layer.update_state(layer.forward(drawn(shape=(0, 3, 5, 2)), training=True)[1])
    assert same(layer.state, before)


@pytest.mark.parametrize("rung", nc.BACKENDS)
def test_relu_inside_is_relu_behind(rung: str) -> None:
    fused, plain = built(activation="relu"), built()
    dy = drawn(3) - 3
    with nc.backend(rung):
        y, cache = fused.forward(drawn(), training=True)
        z, plain_cache = plain.forward(drawn(), training=True)
        np.testing.assert_array_equal(y, np.maximum(z, 0))
        dx, grads = fused.backward(dy, cache)
        right, right_grads = plain.backward(dy * (z > 0), plain_cache)
    np.testing.assert_allclose(dx, right, rtol=0, atol=1e-13)
    for key, g in grads.items():
        np.testing.assert_allclose(g, right_grads[key], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: nc.BatchNorm(1.5), "momentum must be a number from 0 to 1, got 1.5"),
        (lambda: nc.BatchNorm("0.9"), "momentum must be a number from 0 to 1, got '0.9'"),
        (lambda: nc.BatchNorm(epsilon=0), "BatchNorm: epsilon must be a finite number above 0"),
        (lambda: nc.LayerNorm(-1.0), "LayerNorm: epsilon must be a finite number above 0"),
        (lambda: nc.BatchNorm(activation="nothing"), "activation 'nothing' is unknown"),
        (lambda: nc.GroupNorm(0), "groups must be a whole number from 1, got 0"),
    ],
)
def test_arguments(make: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"must divide the channels, got 4 groups and an input"):
        nc.GroupNorm(4).build((5, 5, 6), np.random.default_rng(0))
    layer = built()
    with pytest.raises(ValueError, match=r"a layer can be used twice only on inputs with the same"):
        layer.build((3, 5, 7), np.random.default_rng(0))
    with pytest.raises(ValueError, match="a running variance is negative, -1"):
        layer.state = {"mean": np.zeros(2), "variance": np.array([1.0, -1])}
    layer.state = {"mean": np.zeros(3), "variance": np.ones(3)}
    with pytest.raises(ValueError, match=r"running statistics of shapes .*needed a mean and a"):
        layer.build(SHAPE[1:], np.random.default_rng(0))
    with pytest.raises(ValueError, match="GroupNorm has no parameters yet"):
        nc.GroupNorm(2).forward(drawn())


def test_parameters_come_in_one_order() -> None:
    layer = nc.LayerNorm()
    layer.params = {"beta": np.zeros(2, np.float32), "gamma": np.ones(2, np.float32)}
    layer.build((2,), np.random.default_rng(0))
    assert list(layer.params) == ["gamma", "beta"]
