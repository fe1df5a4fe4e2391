"""A shifted image gives a shifted result, where windows stay away from the borders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
from vectorized.cases import (
    Array,
    Convolution,
    Pooling,
    check,
    different_convolutions,
    different_poolings,
)

from nanocnn import ops

from .tools import Numbers, law, numbers, options

steps = st.integers(0, 2)


def shifted(
    function: Callable[[Array], Array],
    x: Array,
    case: Convolution | Pooling,
    reach: tuple[int, int],
    by: tuple[int, int],
) -> tuple[Array, Array]:
    """Return the results of x without its first `by` strides, and the same windows of all of x.

    Only windows inside of the smaller image are kept: at a border padding comes in.
    """
    near, far = [slice(None)] * 4, [slice(None)] * 4
    rest = [slice(None)] * 4
    for axis in (0, 1):
        s, before = case.stride[axis], case.padding[axis][0]
        size = x.shape[1 + axis] - by[axis] * s
        first = -(-before // s)
        last = (size - reach[axis] + before) // s
        assert last >= first
        near[1 + axis] = slice(first, last + 1)
        far[1 + axis] = slice(first + by[axis], last + 1 + by[axis])
        rest[1 + axis] = slice(by[axis] * s, None)
    return function(x[tuple(rest)])[tuple(near)], function(x)[tuple(far)]


def room(case: Any, reach: tuple[int, int], by: tuple[int, int]) -> list[int]:
    """Return H and W of an image with a window or two away from its borders, after the shift."""
    sides = zip(reach, case.stride, case.padding, by, strict=True)
    return [r + s * (1 + b) + s * -(-p[0] // s) - p[0] for r, s, p, b in sides]


@law(different_convolutions(), numbers, steps, steps)
def test_convolution(case: Convolution, make: Numbers, down: int, across: int) -> None:
    reach = tuple(d * (k - 1) + 1 for d, k in zip(case.dilation, case.w[:2], strict=True))
    height, width = room(case, reach, (down, across))
    x, w = make(case.x[0], height, width, case.x[3]), make(*case.w, salt=1)
    b = make(case.w[3], salt=2)
    actual, expected = shifted(
        lambda image: ops.conv2d_forward(image, w, b, **options(case))[0],
        x,
        case,
        reach,
        (down, across),
    )
    check(actual, expected, make.terms(np.prod(case.w[:3]) + 1))


@law(st.sampled_from(["max_pool2d", "average_pool2d"]), different_poolings(), numbers, steps, steps)
def test_pooling(op: str, case: Pooling, make: Numbers, down: int, across: int) -> None:
    height, width = room(case, case.window, (down, across))
    x = make(case.x[0], height, width, case.x[3])
    geometry = {"window": case.window, "stride": case.stride, "padding": case.padding}
    actual, expected = shifted(
        lambda image: getattr(ops, f"{op}_forward")(image, **geometry)[0],
        x,
        case,
        case.window,
        (down, across),
    )
    check(actual, expected, 0 if op == "max_pool2d" else 1)


@law(different_convolutions(), numbers, st.permutations(range(9)))
def test_exchanged_filters_exchange_channels(
    case: Convolution, make: Numbers, order: list[int]
) -> None:
    """Without groups, y's channels follow the filters and x's channels the filters' depth."""
    x, w = make(*case.x), make(*case.w[:2], case.x[3], case.w[3], salt=1)
    geometry = {**options(case), "groups": 1}
    y, _ = ops.conv2d_forward(x, w, **geometry)
    filters = [f for f in order if f < w.shape[3]]
    filters += range(9, w.shape[3])
    channels = [c for c in order if c < w.shape[2]]
    terms = make.terms(np.prod(w.shape[:3]))
    check(ops.conv2d_forward(x, w[..., filters], **geometry)[0], y[..., filters], terms)
    other, _ = ops.conv2d_forward(x[..., channels], w[:, :, channels], **geometry)
    check(other, y, terms)
