"""Symmetries of the activations and of their slopes; what dropout does on the average."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from vectorized.cases import Array, check, different

from nanocnn import ops

from .tools import Numbers, law, numbers

shapes = st.integers(1, 4).flatmap(lambda axes: different(axes, 1, 6))
scales = st.sampled_from([0.01, 1.0, 30.0])
rates = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9])
keys = st.integers(0, 2**64 - 1)


def draw(shape: list[int], make: Numbers, scale: float) -> tuple[Array, Array]:
    """Return x of some size, and a dy."""
    return make.source.dtype(scale) * make(*shape), make(*shape, salt=1)


@law(shapes, numbers, scales)
def test_sigmoid(shape: list[int], make: Numbers, scale: float) -> None:
    """sigmoid(-x) = 1 - sigmoid(x), so the slope is even."""
    x, dy = draw(shape, make, scale)
    (y, cache), (other, other_cache) = ops.sigmoid_forward(x), ops.sigmoid_forward(-x)
    check(other, 1 - y)
    check(ops.sigmoid_backward(dy, other_cache), ops.sigmoid_backward(dy, cache))


@law(shapes, numbers, scales)
def test_tanh(shape: list[int], make: Numbers, scale: float) -> None:
    """tanh is odd, its slope even, and tanh(x) = 2 sigmoid(2 x) - 1."""
    x, dy = draw(shape, make, scale)
    (y, cache), (other, other_cache) = ops.tanh_forward(x), ops.tanh_forward(-x)
    check(other, -y)
    dx = ops.tanh_backward(dy, cache)
    check(ops.tanh_backward(dy, other_cache), dx)
    twice, sigmoid_cache = ops.sigmoid_forward(2 * x)
    check(y, 2 * twice - 1)
    check(dx, 4 * ops.sigmoid_backward(dy, sigmoid_cache), 4)


@law(shapes, numbers, scales)
def test_relu(shape: list[int], make: Numbers, scale: float) -> None:
    """Once is enough; relu(x) - relu(-x) = x; relu(2 x) = 2 relu(x); |x| lets dy through once."""
    x, dy = draw(shape, make, scale)
    (y, cache), (other, other_cache) = ops.relu_forward(x), ops.relu_forward(-x)
    assert (y >= 0).all()
    for actual, expected in (
        (ops.relu_forward(y)[0], y),
        (y - other, x),
        (ops.relu_forward(2 * x)[0], 2 * y),
        (ops.relu_backward(dy, cache) + ops.relu_backward(dy, other_cache), dy * (x != 0)),
    ):
        np.testing.assert_array_equal(actual, expected)


@law(shapes, numbers, scales, st.sampled_from([0.125, 0.5, 2.0]))
def test_leaky_relu(shape: list[int], make: Numbers, scale: float, slope: float) -> None:
    """Slope 1 changes nothing, slope 0 is relu, and in between it is a mixture of the two."""
    x, dy = draw(shape, make, scale)
    (y, cache), (rest, rest_cache) = ops.relu_forward(x), ops.relu_forward(-x)
    leaky, leaky_cache = ops.leaky_relu_forward(x, slope)
    none, none_cache = ops.leaky_relu_forward(x, 0.0)
    same, same_cache = ops.leaky_relu_forward(x, 1.0)
    part = x.dtype.type(slope)  # a power of 2: nothing is rounded
    np.testing.assert_array_equal(leaky, y - part * rest)
    np.testing.assert_array_equal(none, y)
    np.testing.assert_array_equal(same, x)
    through = ops.relu_backward(dy, cache)
    kept = ops.relu_backward(dy, rest_cache) + dy * (x == 0)  # at the kink: the slope below
    np.testing.assert_array_equal(ops.leaky_relu_backward(dy, leaky_cache), through + part * kept)
    np.testing.assert_array_equal(ops.leaky_relu_backward(dy, none_cache), through)
    np.testing.assert_array_equal(ops.leaky_relu_backward(dy, same_cache), dy)


@law(shapes, numbers, scales)
def test_gelu(shape: list[int], make: Numbers, scale: float) -> None:
    """gelu(x) = x times a gate g with g(x) + g(-x) = 1: so gelu(x) - gelu(-x) = x."""
    x, dy = draw(shape, make, scale)
    (y, cache), (other, other_cache) = ops.gelu_forward(x), ops.gelu_forward(-x)
    check(y - other, x)
    check(ops.gelu_backward(dy, cache) + ops.gelu_backward(dy, other_cache), dy, 16)


@law(shapes, numbers, rates, keys)
def test_dropout_zeroes_or_scales(shape: list[int], make: Numbers, rate: float, key: int) -> None:
    """Forward and backward are one diagonal matrix, with 0 or 1/(1 - rate) on the diagonal."""
    x = make(*shape)
    y, cache = ops.dropout_forward(x, rate, key)
    gate, _ = ops.dropout_forward(np.ones_like(x), rate, key)
    assert set(np.unique(gate)) <= {0, x.dtype.type(1 / (1 - rate))}
    np.testing.assert_array_equal(y != 0, (gate != 0) & (x != 0))
    check(y, gate * x)
    np.testing.assert_array_equal(ops.dropout_backward(x, cache), y)
    if rate == 0:
        np.testing.assert_array_equal(y, x)


@law(numbers, rates, keys)
def test_dropout_keeps_the_mean(make: Numbers, rate: float, key: int) -> None:
    """The mean of M gates is 1 within six times its deviation, sqrt(rate / (1 - rate) / M).

    Beyond that lies one key in 500 million.
    """
    count = 2000
    gate, _ = ops.dropout_forward(np.ones(count, make.source.dtype), rate, key)
    deviation = np.sqrt(rate / (1 - rate) / count)
    assert abs(gate.mean(dtype=float) - 1) <= 6 * deviation + np.finfo(gate.dtype).eps
