"""Complex numbers pass through both readable rungs, and give derivatives without cancellation.

For a smooth f and tiny h, f(x + ih) = f(x) + ih f'(x) up to h^2 (Squire and Trapp 1998), so the
imaginary part divided by h is the derivative to the last digits: no difference is taken. The
loss is sum(dy * y) with a random dy, and x moves along a random direction.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[Any]
STEP = 1e-30
RNG_SEED = 11
CONV = ((2, 1), ((1, 0), (2, 1)), (1, 2), 2)
POOL = ((3, 2), (2, 1), ((1, 0), (0, 1)))


@pytest.fixture(params=["reference", "vectorized"])
def rung(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"nanocnn.{request.param}")


def check(
    forward: Callable[[Array], Array], backward: Callable[[Array, Array], Array], *shape: int
) -> None:
    """Compare backward(dy, x) with the complex step along a random direction."""
    rng = np.random.default_rng(RNG_SEED)
    x, direction = rng.normal(size=shape), rng.normal(size=shape)
    y = forward(x + 1j * STEP * direction)
    assert y.dtype == np.complex128
    np.testing.assert_allclose(y.real, forward(x), rtol=1e-13, atol=1e-14)
    dy = rng.normal(size=y.shape)
    expected = float((dy * y).sum().imag) / STEP
    actual = float((backward(dy, x) * direction).sum())
    assert actual == pytest.approx(expected, rel=1e-12)
    assert backward(dy + 0j, x + 0j).dtype == np.complex128


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softmax"])
def test_activations_whose_slope_follows_from_the_output(rung: ModuleType, name: str) -> None:
    forward, backward = getattr(rung, f"{name}_forward"), getattr(rung, f"{name}_backward")
    check(forward, lambda dy, x: backward(dy, forward(x)), 3, 4, 5)


def test_activations_whose_slope_needs_the_input(rung: ModuleType) -> None:
    check(rung.gelu_forward, rung.gelu_backward, 4, 5)
    check(
        lambda x: rung.leaky_relu_forward(x, 0.1),
        lambda dy, x: rung.leaky_relu_backward(dy, x, 0.1),
        *(4, 5),
    )


def test_conv2d_by_image_and_filter(rung: ModuleType) -> None:
    rng = np.random.default_rng(5)
    image, filters = rng.normal(size=(2, 5, 6, 4)), rng.normal(size=(3, 2, 2, 6))
    check(
        lambda x: rung.conv2d_forward(x, filters.astype(x.dtype), None, *CONV),
        lambda dy, x: rung.conv2d_backward_input(dy, filters.astype(dy.dtype), x.shape, *CONV),
        *image.shape,
    )
    check(
        lambda w: rung.conv2d_forward(image.astype(w.dtype), w, None, *CONV),
        lambda dy, w: rung.conv2d_backward_weight(dy, image.astype(dy.dtype), w.shape, *CONV),
        *filters.shape,
    )


def test_biases(rung: ModuleType) -> None:
    image, filters = np.ones((2, 5, 6, 4)), np.ones((3, 2, 2, 6))
    check(
        lambda b: rung.conv2d_forward(image.astype(b.dtype), filters.astype(b.dtype), b, *CONV),
        lambda dy, _: rung.conv2d_backward_bias(dy),
        *(6,),
    )
    rows, weights = np.ones((3, 4)), np.ones((4, 5))
    check(
        lambda b: rung.dense_forward(rows.astype(b.dtype), weights.astype(b.dtype), b),
        lambda dy, _: rung.dense_backward_bias(dy),
        *(5,),
    )


def test_dense_by_input_and_weight(rung: ModuleType) -> None:
    rng = np.random.default_rng(6)
    inputs, weights = rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
    check(
        lambda x: rung.dense_forward(x, weights.astype(x.dtype), None),
        lambda dy, _: rung.dense_backward_input(dy, weights.astype(dy.dtype)),
        *inputs.shape,
    )
    check(
        lambda w: rung.dense_forward(inputs.astype(w.dtype), w, None),
        lambda dy, _: rung.dense_backward_weight(dy, inputs.astype(dy.dtype)),
        *weights.shape,
    )


def test_pooling(rung: ModuleType) -> None:
    def max_backward(dy: Array, x: Array) -> Any:
        winner = rung.max_pool2d_forward(x, *POOL)[1]
        return rung.max_pool2d_backward(dy, winner, x.shape, *POOL)

    check(lambda x: rung.max_pool2d_forward(x, *POOL)[0], max_backward, 2, 5, 6, 3)
    check(
        lambda x: rung.average_pool2d_forward(x, *POOL),
        lambda dy, x: rung.average_pool2d_backward(dy, x.shape, *POOL),
        *(2, 5, 6, 3),
    )
    check(
        rung.global_average_pool2d_forward,
        lambda dy, x: rung.global_average_pool2d_backward(dy, x.shape),
        *(2, 5, 6, 3),
    )


def test_dropout_and_flatten(rung: ModuleType) -> None:
    check(
        lambda x: rung.dropout_forward(x, 0.3, 77),
        lambda dy, _: rung.dropout_backward(dy, 0.3, 77),
        *(3, 4),
    )
    check(rung.flatten_forward, lambda dy, x: rung.flatten_backward(dy, x.shape), 2, 3, 4, 5)
