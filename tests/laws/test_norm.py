"""Normalization takes off the mean and the scale: what x had of them does not matter."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
from vectorized.cases import Array, different

from nanocnn import ops

from .tools import Numbers, law, numbers

NORMS = ("batch_norm", "layer_norm", "group_norm")
TINY = 1e-9  # an epsilon that the laws cannot see
shapes = different(3, 3, 6)
shifts, scales = st.integers(-50, 50), st.sampled_from([0.25, 2.0, 8.0])


def doubles(make: Numbers, *shape: int, salt: int = 0) -> Array:
    """Return normal numbers in float64: no channel of them is constant."""
    seed = np.random.default_rng([make.source.seed, salt])
    return np.asarray(seed.standard_normal(shape))


def passes(op: str, x: Array, gamma: Array, beta: Array, dy: Array) -> tuple[Any, ...]:
    """Return y and the three gradients."""
    options = {"groups": 1} if op == "group_norm" else {}
    y, cache = getattr(ops, f"{op}_forward")(x, gamma, beta, epsilon=TINY, **options)
    return (y, *getattr(ops, f"{op}_backward")(dy, cache))


def drawn(make: Numbers, shape: list[int]) -> tuple[Array, Array, Array, Array]:
    """Return x, gamma, beta and dy; x goes up along each axis, so its variance is not small."""
    c = shape[-1:]
    return (
        np.indices(shape).sum(axis=0) + 0.2 * doubles(make, *shape),
        doubles(make, *c, salt=1),
        doubles(make, *c, salt=2),
        doubles(make, *shape, salt=3),
    )


def axes_of(op: str, x: Array) -> tuple[int, ...]:
    """Return the axes over which the operation takes its statistics."""
    every = tuple(range(x.ndim))
    return {"batch_norm": every[:-1], "layer_norm": every[-1:], "group_norm": every[1:]}[op]


def near(actual: Array, expected: Any) -> None:
    """Compare where an epsilon of 1e-9 and rounding are all that may differ."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-4)


@law(shapes, numbers, shifts, scales, over=NORMS)
def test_x_may_be_shifted_and_scaled(
    op: str, shape: list[int], make: Numbers, shift: int, scale: float
) -> None:
    """y does not change, and dx is divided by the scale."""
    x, gamma, beta, dy = drawn(make, shape)
    y, dx, *rest = passes(op, x, gamma, beta, dy)
    other_y, other_dx, *other = passes(op, scale * x + shift, gamma, beta, dy)
    near(other_y, y)
    size = 1 + np.abs(dx).max()
    near(scale * other_dx / size, dx / size)
    for a, b in zip(other, rest, strict=True):
        near(a, b)


@law(shapes, numbers, over=NORMS)
def test_the_output_has_mean_0_and_variance_1(op: str, shape: list[int], make: Numbers) -> None:
    x, gamma, beta, dy = drawn(make, shape)
    y = passes(op, x, np.ones_like(gamma), np.zeros_like(beta), dy)[0]
    near(y.mean(axis=axes_of(op, x)), 0)
    near(y.var(axis=axes_of(op, x)), 1)


@law(shapes, numbers, over=NORMS)
def test_dx_is_orthogonal_to_1_and_to_xhat(op: str, shape: list[int], make: Numbers) -> None:
    """The transposed law of shift and scale: the gradient does not point there."""
    x, gamma, beta, dy = drawn(make, shape)
    dx = passes(op, x, gamma, beta, dy)[1]
    xhat = passes(op, x, np.ones_like(gamma), np.zeros_like(beta), dy)[0]
    dx = dx / (1 + np.abs(dx).max())
    near(dx.sum(axis=axes_of(op, x)), 0)
    near((dx * xhat).sum(axis=axes_of(op, x)), 0)


@law(shapes, numbers, st.permutations(range(6)))
def test_exchanged_images_of_a_batch(shape: list[int], make: Numbers, order: list[int]) -> None:
    """Statistics of a batch do not know an order: results are exchanged alike."""
    x, gamma, beta, dy = drawn(make, shape)
    order = [k for k in order if k < len(x)]
    y, dx, *_ = passes("batch_norm", x, gamma, beta, dy)
    other_y, other_dx, *_ = passes("batch_norm", x[order], gamma, beta, dy[order])
    near(other_y, y[order])
    size = 1 + np.abs(dx).max()
    near(other_dx / size, dx[order] / size)


@law(shapes, numbers)
def test_given_its_own_statistics_a_batch_comes_out_the_same(
    shape: list[int], make: Numbers
) -> None:
    """Inference with the batch's mean and variance is training, forward; its dx is another."""
    x, gamma, beta, _ = drawn(make, shape)
    y, cache = ops.batch_norm_forward(x, gamma, beta)
    other, _ = ops.batch_norm_forward(x, gamma, beta, mean=cache.mean, variance=cache.variance)
    np.testing.assert_array_equal(other, y)


@law(shapes, numbers)
def test_a_group_for_each_channel_is_batch_norm_of_each_image(
    shape: list[int], make: Numbers
) -> None:
    x, gamma, beta, _ = drawn(make, shape)
    y, _ = ops.group_norm_forward(x, gamma, beta, groups=shape[-1])
    alone = [ops.batch_norm_forward(x[n : n + 1], gamma, beta)[0] for n in range(len(x))]
    near(y, np.concatenate(alone))
