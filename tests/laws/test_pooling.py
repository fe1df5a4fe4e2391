"""Pooling loses nothing of a gradient and adds nothing to it."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
from vectorized.cases import Array, Pooling, check, different, different_poolings

from nanocnn import ops

from .tools import Numbers, law, numbers


def geometry(case: Pooling) -> dict[str, Any]:
    """Return the geometry by the names that the operations give it."""
    return {"window": case.window, "stride": case.stride, "padding": case.padding}


def over_pixels(values: Array) -> Array:
    """Sum each channel of each image, in float64 and then in the array's dtype."""
    return values.sum(axis=(1, 2), dtype=float).astype(values.dtype)


@law(different_poolings(), numbers)
def test_max_conserves_the_gradient(case: Pooling, make: Numbers) -> None:
    """Each window has one winner, so the dx of a channel sum to its dy."""
    x = make.source.integers(*case.x)  # many ties: the gradient must not be split or doubled
    y, cache = ops.max_pool2d_forward(x, **geometry(case))
    dy = make(*y.shape, salt=1)
    dx = ops.max_pool2d_backward(dy, cache)
    check(over_pixels(dx), over_pixels(dy), make.terms(dy[..., 0].size * np.prod(case.window)))


@law(different_poolings(), numbers)
def test_average_conserves_the_gradient(case: Pooling, make: Numbers) -> None:
    """The shares of a window's real pixels sum to 1, at the borders too."""
    x = make(*case.x)
    y, cache = ops.average_pool2d_forward(x, **geometry(case))
    dy = make(*y.shape, salt=1)
    dx = ops.average_pool2d_backward(dy, cache)
    check(over_pixels(dx), over_pixels(dy), dy[..., 0].size * np.prod(case.window))


@law(different(4, 1, 7), numbers)
def test_global_average_conserves_the_gradient(shape: list[int], make: Numbers) -> None:
    y, cache = ops.global_average_pool2d_forward(make(*shape))
    dy = make(*y.shape, salt=1)
    dx = ops.global_average_pool2d_backward(dy, cache)
    check(over_pixels(dx), dy, shape[1] * shape[2])
    np.testing.assert_array_equal(dx, np.broadcast_to(dx[:, :1, :1], dx.shape))


@law(different_poolings(), numbers)
def test_only_a_maximum_gets_a_gradient(case: Pooling, make: Numbers) -> None:
    """dx is not 0 only where x is the largest number of a window that sees it."""
    x = make(*case.x)
    y, cache = ops.max_pool2d_forward(x, **geometry(case))
    dx = ops.max_pool2d_backward(np.ones_like(y), cache)
    largest = np.zeros(x.shape, bool)
    (kh, kw), (sh, sw), ((top, _), (left, _)) = case.geometry
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            rows = slice(max(0, i * sh - top), max(0, i * sh - top + kh))
            cols = slice(max(0, j * sw - left), max(0, j * sw - left + kw))
            seen = x[:, rows, cols] == y[:, i : i + 1, j : j + 1]
            assert seen.any(axis=(1, 2)).all()  # y is one of the numbers that the window sees
            largest[:, rows, cols] |= seen
    assert not dx[~largest].any()
    assert (dx >= 0).all()


@law(different_poolings(), numbers, st.integers(-100, 100))
def test_a_constant_goes_through(case: Pooling, make: Numbers, constant: int) -> None:
    """max(x + c) = max(x) + c, and the mean of c is c: padding takes no part in either."""
    shift = make.source.dtype(constant)
    x = make.source.integers(*case.x)
    y, _ = ops.max_pool2d_forward(x, **geometry(case))
    other, _ = ops.max_pool2d_forward(x + shift, **geometry(case))
    np.testing.assert_array_equal(other, y + shift, strict=True)
    full = np.full(case.x, shift)
    mean, _ = ops.average_pool2d_forward(full, **geometry(case))
    check(mean, np.full_like(y, shift), np.prod(case.window))
    mean, _ = ops.global_average_pool2d_forward(full)
    check(mean, full[:, 0, 0], full[0, :, :, 0].size)


@law(different_poolings(), numbers)
def test_the_mean_lies_below_the_maximum(case: Pooling, make: Numbers) -> None:
    """And -max(-x), the least number, below the mean."""
    x = make(*case.x)
    highest, _ = ops.max_pool2d_forward(x, **geometry(case))
    lowest, _ = ops.max_pool2d_forward(-x, **geometry(case))
    mean, _ = ops.average_pool2d_forward(x, **geometry(case))
    room = 2 * np.finfo(x.dtype).eps * np.abs(x).max()
    assert (-lowest - room <= mean).all()
    assert (mean <= highest + room).all()


@law(different_poolings(), numbers)
def test_the_whole_image_as_a_window_is_the_global_average(case: Pooling, make: Numbers) -> None:
    x = make(*case.x)
    y, cache = ops.average_pool2d_forward(x, x.shape[1:3])
    other, global_cache = ops.global_average_pool2d_forward(x)
    check(y[:, 0, 0], other)
    dy = make(*other.shape, salt=1)
    dx = ops.average_pool2d_backward(dy[:, None, None], cache)
    check(dx, ops.global_average_pool2d_backward(dy, global_cache))
