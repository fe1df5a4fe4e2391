"""Activations at points where the answer is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanocnn.reference import activations

DY = np.array([[10.0, 20.0, 30.0]])


def test_relu() -> None:
    y = activations.relu_forward(np.array([[-2.0, 0.0, 3.0]]))
    assert y.tolist() == [[0, 0, 3]]
    assert activations.relu_backward(DY, y).tolist() == [[0, 0, 30]]


def test_relu_shows_a_nan() -> None:
    assert np.isnan(activations.relu_forward(np.array([np.nan]))[0])


def test_leaky_relu() -> None:
    x = np.array([[-2.0, 0.0, 3.0]])
    assert activations.leaky_relu_forward(x, 0.5).tolist() == [[-1, 0, 3]]
    assert activations.leaky_relu_backward(DY, x, 0.5).tolist() == [[5, 10, 30]]


def test_sigmoid() -> None:
    # 1/(1 + e^-ln 3) = 3/4, and 1/(1 + e^ln 3) = 1/4; slopes 1/4, 3/16, 3/16.
    y = activations.sigmoid_forward(np.array([[0.0, math.log(3), -math.log(3)]]))
    np.testing.assert_allclose(y, [[0.5, 0.75, 0.25]], rtol=1e-15)
    dx = activations.sigmoid_backward(DY, y)
    np.testing.assert_allclose(dx, [[2.5, 3.75, 5.625]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_far_out(dtype: type) -> None:
    x = np.array([-1e4, -100.0, 100.0, 1e4], dtype)
    y = activations.sigmoid_forward(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, [0.0, math.exp(-100), 1.0, 1.0], rtol=1e-6, atol=1e-45)


def test_tanh() -> None:
    # tanh(ln 2) = (4 - 1)/(4 + 1); slope 1 - 9/25.
    y = activations.tanh_forward(np.array([[0.0, math.log(2), -math.log(2)]]))
    np.testing.assert_allclose(y, [[0.0, 0.6, -0.6]], rtol=1e-15)
    dx = activations.tanh_backward(DY, y)
    np.testing.assert_allclose(dx, [[10.0, 20 * 0.64, 30 * 0.64]], rtol=1e-15)


def test_gelu() -> None:
    # At 1: h = sqrt(2/pi) * 1.044715 = 0.83356, tanh(h) = 0.68238, y = 0.5 * 1.68238.
    # At 0 the gate is half open, so the slope is 1/2. Far out it is 0 or 1.
    x = np.array([[1.0, 0.0, -30.0]])
    np.testing.assert_allclose(activations.gelu_forward(x), [[0.841192, 0.0, 0.0]], atol=1e-6)
    # Slope at 1: 1.68238/2 + (1 - 0.68238^2)/2 * 0.797885 * (1 + 0.134145) = 1.08296
    dx = activations.gelu_backward(DY, x)
    np.testing.assert_allclose(dx, [[10.8296, 10.0, 0.0]], atol=1e-4)


def test_gelu_is_near_the_exact_form() -> None:
    x = np.linspace(-5, 5, 101)
    exact = np.array([a * (1 + math.erf(a / math.sqrt(2))) / 2 for a in x])
    error = np.abs(activations.gelu_forward(x) - exact).max()
    assert error < 5e-4
