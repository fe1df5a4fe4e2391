"""What layers say to arguments and inputs that they cannot take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.base import Layer
from tests.layers.examples import images, same

ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "relu": nc.ReLU,
    "leaky_relu": nc.LeakyReLU,
    "sigmoid": nc.Sigmoid,
    "tanh": nc.Tanh,
    "gelu": nc.GELU,
    "softmax": nc.Softmax,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rung", ["vectorized", "numba"])
@pytest.mark.parametrize(
    ("layer", "shape", "out"),
    [(nc.Conv2D(3, 2, initializer="he_uniform"), (5, 4, 2), (4, 3, 3)), (nc.Dense(6), (5,), (6,))],
)
def test_activation_argument_equals_the_layer_behind(
    activation: str, rung: str, layer: Any, shape: tuple[int, ...], out: tuple[int, ...]
) -> None:
    make = type(layer)
    plain = make(**{**layer.get_config(), "name": None})
    fused = make(**{**layer.get_config(), "activation": activation, "name": None})
    for each in (plain, fused):
        each.dtype = "float64"
        each.build(shape, np.random.default_rng(3))
    two = nc.Sequential([plain, ACTIVATIONS[activation]()], input_shape=shape, dtype="float64")
    x, dy = images(shape, "float64"), images(out, "float64", seed=1)
    with nc.backend(rung):
        y, cache = fused.forward(x, training=True)
        dx, grads = fused.backward(dy, cache)
        y2, cache2 = two.forward(x, training=True)
        dx2, grads2 = two.backward(dy, cache2)
    np.testing.assert_allclose(y, y2, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dx, dx2, rtol=1e-12, atol=1e-14)
    for key, g in grads.items():
        np.testing.assert_allclose(g, grads2[f"{plain.name}.{key}"], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nc.Conv2D(0, 3), "filters must be a whole number from 1, got 0"),
        (lambda: nc.Conv2D(2.5, 3), "filters must be a whole number from 1, got 2.5"),
        (lambda: nc.Conv2D(True, 3), "filters must be a whole number from 1, got True"),
        (lambda: nc.Conv2D(4, 0), "kernel_size must be a whole number from 1"),
        (lambda: nc.Conv2D(4, (3, 3, 3)), "kernel_size must be a whole number from 1"),
        (lambda: nc.Conv2D(4, 3, stride=0), "stride must be"),
        (lambda: nc.Conv2D(4, 3, dilation=-1), "dilation must be"),
        (lambda: nc.Conv2D(4, 3, padding="full"), "padding must be 'valid', 'same'.*got 'full'"),
        (lambda: nc.Conv2D(4, 3, padding=-1), "padding must be.*got -1"),
        (lambda: nc.Conv2D(4, 3, groups=3), "multiple of groups=3, got 4"),
        (lambda: nc.Conv2D(4, 3, activation="swish"), "activation 'swish' is unknown; use None or"),
        (lambda: nc.Conv2D(4, 3, initializer="xavier"), "initializer 'xavier' is unknown"),
        (lambda: nc.Conv2D(4, 3, name="a.b"), "without a dot, got 'a.b'"),
        (lambda: nc.Dense(-1), "units must be a whole number from 1, got -1"),
        (lambda: nc.Dense(3, name=""), "name must be a text without a dot"),
        (lambda: nc.Dropout(1), "rate must be a number from 0 to below 1, got 1"),
        (lambda: nc.Dropout(float("nan")), "rate must be a number from 0 to below 1"),
        (lambda: nc.LeakyReLU(-0.1), "slope must be a finite number from 0, got -0.1"),
        (lambda: nc.LeakyReLU("a"), "slope must be a finite number from 0, got 'a'"),
        (lambda: nc.MaxPool2D(0), "window must be"),
        (lambda: nc.MaxPool2D(2, padding=2), "padding must be smaller than the window"),
        (lambda: nc.AveragePool2D(2, stride="a"), "stride must be"),
    ],
)
def test_wrong_arguments(make: Callable[[], Layer], message: str) -> None:
    with pytest.raises(ValueError, match=message) as told:
        make()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nc.Conv2D(4, 3), (9,), r"Conv2D needs images \(H, W, C\), got shape \(9,\)"),
        (nc.Conv2D(4, 3, name="first"), (2, 9, 1), "Conv2D 'first': the image is 2x9, .* 3x3; use"),
        (nc.Conv2D(4, 3, dilation=4), (8, 9, 1), "smaller than the window of 9x9"),
        (nc.Conv2D(4, 3, groups=2), (9, 9, 3), "multiple of groups=2, got 3"),
        (nc.MaxPool2D(3), (2, 2, 1), "MaxPool2D: the image is 2x2"),
        (nc.AveragePool2D(3), (9,), "AveragePool2D needs images"),
        (nc.GlobalAveragePool2D(), (9,), "GlobalAveragePool2D needs images"),
        (nc.Dense(3), (4, 4, 1), r"Dense needs rows of numbers \(D,\), .*put Flatten\(\)"),
    ],
)
def test_inputs_that_do_not_fit(layer: Layer, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.build(shape, np.random.default_rng(0))
    assert layer.params == {}


def test_a_layer_serves_two_inputs_only_with_the_same_channels() -> None:
    layer = nc.Conv2D(2, 3)
    layer.build((8, 8, 3), np.random.default_rng(0))
    before = {k: p.copy() for k, p in layer.params.items()}
    assert layer.build((20, 9, 3), np.random.default_rng(1)) == (18, 7, 2)
    assert same(layer.params, before)
    with pytest.raises(ValueError, match="only on inputs with the same channels"):
        layer.build((8, 8, 4), np.random.default_rng(0))


def test_an_initializer_may_be_a_function_of_ones_own() -> None:
    def threes(shape: tuple[int, ...], rng: np.random.Generator, dtype: str) -> Any:
        return np.full(shape, 3, dtype)

    layer = nc.Dense(2, initializer=threes)
    layer.build((4,), np.random.default_rng(0))
    assert (layer.params["w"] == 3).all()
    assert layer.get_config()["initializer"] == "threes"
    assert nc.Dense(2, initializer=nc.initializers.zeros).get_config()["initializer"] == "zeros"
