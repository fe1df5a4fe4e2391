"""Filters made of others: a single one, zeros between taps, groups, outer products."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
from vectorized.cases import Convolution, check, different_convolutions

from nanocnn import ops

from .tools import Numbers, law, numbers, options


@law(different_convolutions(), numbers, st.integers(0, 3), st.integers(0, 3))
def test_a_filter_with_a_single_one_shifts(
    case: Convolution, make: Numbers, u: int, v: int
) -> None:
    """With stride 1, tap (u, v) alone reads the pixel u*d - p away; outside are zeros."""
    kh, kw, channels = *case.w[:2], case.x[3]
    u, v = u % kh, v % kw
    x, w = make(*case.x), np.zeros((kh, kw, channels, channels), make.source.dtype)
    w[u, v] = np.eye(channels)
    y, _ = ops.conv2d_forward(x, w, padding=case.padding, dilation=case.dilation)
    padded = np.pad(x, ((0, 0), *case.padding, (0, 0)))
    top, left = u * case.dilation[0], v * case.dilation[1]
    expected = padded[:, top : top + y.shape[1], left : left + y.shape[2]]
    np.testing.assert_array_equal(y, expected, strict=True)


@law(different_convolutions(), numbers)
def test_dilation_is_zeros_between_taps(case: Convolution, make: Numbers) -> None:
    x, w = make(*case.x), make(*case.w, salt=1)
    (dh, dw), (kh, kw) = case.dilation, case.w[:2]
    wide = np.zeros((dh * (kh - 1) + 1, dw * (kw - 1) + 1, *case.w[2:]), w.dtype)
    wide[::dh, ::dw] = w
    y, cache = ops.conv2d_forward(x, w, **options(case))
    other, other_cache = ops.conv2d_forward(x, wide, **{**options(case), "dilation": 1})
    terms = make.terms(w[..., 0].size)
    check(y, other, terms)
    dy = make(*y.shape, salt=2)
    dx, grad, _ = ops.conv2d_backward(dy, cache)
    other_dx, other_grad, _ = ops.conv2d_backward(dy, other_cache)
    check(dx, other_dx, make.terms(w[:, :, 0].size))
    check(grad, other_grad[::dh, ::dw], make.terms(dy[..., 0].size))


@law(different_convolutions(), numbers)
def test_groups_are_convolutions_side_by_side(case: Convolution, make: Numbers) -> None:
    x, w = make(*case.x), make(*case.w, salt=1)
    y, cache = ops.conv2d_forward(x, w, **options(case))
    dy = make(*y.shape, salt=2)
    dx, dw, _ = ops.conv2d_backward(dy, cache)
    parts = []
    pieces = zip(
        np.split(x, case.groups, axis=3),
        np.split(w, case.groups, axis=3),
        np.split(dy, case.groups, axis=3),
        strict=True,
    )
    for some_x, some_w, some_dy in pieces:
        some_y, cache = ops.conv2d_forward(some_x, some_w, **{**options(case), "groups": 1})
        parts.append([some_y, *ops.conv2d_backward(some_dy, cache)[:2]])
    counts = (w[..., 0].size, w[:, :, 0].size, dy[..., 0].size)
    for whole, part, count in zip((y, dx, dw), zip(*parts, strict=True), counts, strict=True):
        check(whole, np.concatenate(part, axis=3), make.terms(count))


def depthwise(case: Convolution) -> Convolution:
    """Return the case with one filter for each channel."""
    channels = case.x[3]
    return replace(case, w=(*case.w[:2], 1, channels), groups=channels)


@law(different_convolutions(), numbers)
def test_an_outer_product_is_a_column_and_then_a_row(case: Convolution, make: Numbers) -> None:
    """A depthwise filter u v^T does the same as u and then v, and so do its gradients.

    With w = u v^T, the chain rule gives du = sum over the row of dw * v, and dv likewise.
    """
    case = depthwise(case)
    (kh, kw), c = case.w[:2], case.x[3]
    x, u, v = make(*case.x), make(kh, 1, 1, c, salt=1), make(1, kw, 1, c, salt=2)
    down, across = (
        {
            "stride": (case.stride[0], 1),
            "padding": (case.padding[0], (0, 0)),
            "dilation": (case.dilation[0], 1),
            "groups": c,
        },
        {
            "stride": (1, case.stride[1]),
            "padding": ((0, 0), case.padding[1]),
            "dilation": (1, case.dilation[1]),
            "groups": c,
        },
    )
    y, cache = ops.conv2d_forward(x, u * v, **options(case))
    between, first = ops.conv2d_forward(x, u, **down)
    other, second = ops.conv2d_forward(between, v, **across)
    # Each of the two steps rounds, and both factors are larger than 1 at times.
    size = 1 + max(float(np.abs(a).max()) for a in (u, v, between)) ** 2
    check(y, other, make.terms(kh * kw * size))
    dy = make(*y.shape, salt=3)
    dx, dw, _ = ops.conv2d_backward(dy, cache)
    back, dv, _ = ops.conv2d_backward(dy, second)
    other_dx, du, _ = ops.conv2d_backward(back, first)
    check(dx, other_dx, make.terms(kh * kw * size))
    many = make.terms(dy[..., 0].size * kh * kw * (size + float(np.abs(back).max()) ** 2))
    check(du, (dw * v).sum(axis=1, keepdims=True), many)
    check(dv, (dw * u).sum(axis=0, keepdims=True), many)


@law(different_convolutions(), numbers)
def test_depthwise_and_then_1x1_is_one_convolution(case: Convolution, make: Numbers) -> None:
    f, case = case.w[3], depthwise(case)
    x, w = make(*case.x), make(*case.w, salt=1)
    mix = make(1, 1, case.x[3], f, salt=2)
    between, _ = ops.conv2d_forward(x, w, **options(case))
    y, _ = ops.conv2d_forward(between, mix)
    full = w.swapaxes(2, 3) * mix  # (KH, KW, C, 1) times (1, 1, C, F)
    expected, _ = ops.conv2d_forward(x, full, **{**options(case), "groups": 1})
    size = 1 + max(float(np.abs(a).max()) for a in (w, mix, between)) ** 2
    check(y, expected, make.terms(full[..., 0].size * size))


@law(different_convolutions(), numbers)
def test_1x1_is_a_dense_layer_for_each_pixel(case: Convolution, make: Numbers) -> None:
    x, w, b = make(*case.x), make(case.x[3], case.w[3], salt=1), make(case.w[3], salt=2)
    y, cache = ops.conv2d_forward(x, w[None, None], b)
    rows, dense_cache = ops.dense_forward(x.reshape(-1, x.shape[3]), w, b)
    check(y, rows.reshape(y.shape), make.terms(x.shape[3] + 1))
    dy = make(*y.shape, salt=3)
    dx, dw, db = ops.conv2d_backward(dy, cache)
    others = ops.dense_backward(dy.reshape(rows.shape), dense_cache)
    counts = (w.shape[1], dy[..., 0].size, dy[..., 0].size)
    for actual, other, count in zip((dx, dw, db), others, counts, strict=True):
        check(actual, other.reshape(actual.shape), make.terms(count))
