"""The gradient of a convolution's input is a transposed convolution, its adjoint.

It is built here from the public forward pass alone: dy, with stride - 1 zeros between its pixels,
is convolved with the filters turned by 180 degrees, input and output channels exchanged.
"""

from __future__ import annotations

import numpy as np
from vectorized.cases import Array, Convolution, check, different_convolutions

from nanocnn import ops

from .tools import Numbers, inner, law, numbers, options


def turned(w: Array, groups: int) -> Array:
    """Turn filters (KH, KW, C/G, F) by 180 degrees and exchange channels: (KH, KW, F/G, C)."""
    parts = np.split(w[::-1, ::-1], groups, axis=3)
    return np.concatenate([part.swapaxes(2, 3) for part in parts], axis=3)


def transposed(dy: Array, w: Array, case: Convolution) -> Array:
    """Return the transposed convolution of dy, in x's shape."""
    n, oh, ow, f = dy.shape
    (sh, sw), (dh, dw) = case.stride, case.dilation
    spread = np.zeros((n, (oh - 1) * sh + 1, (ow - 1) * sw + 1, f), dy.dtype)
    spread[:, ::sh, ::sw] = dy
    (top, bottom), (left, right) = case.padding
    height, width = case.x[1] + top + bottom, case.x[2] + left + right
    around = (
        (dh * (w.shape[0] - 1), height - spread.shape[1]),
        (dw * (w.shape[1] - 1), width - spread.shape[2]),
    )
    dx, _ = ops.conv2d_forward(
        spread, turned(w, case.groups), padding=around, dilation=(dh, dw), groups=case.groups
    )
    return dx[:, top : top + case.x[1], left : left + case.x[2]]


@law(different_convolutions(), numbers)
def test_dx_is_a_convolution_with_the_filters_turned(case: Convolution, make: Numbers) -> None:
    x, w = make(*case.x), make(*case.w, salt=1)
    y, cache = ops.conv2d_forward(x, w, **options(case))
    dy = make(*y.shape, salt=2)
    dx, _, _ = ops.conv2d_backward(dy, cache, need_dw=False)
    check(dx, transposed(dy, w, case), make.terms(w.size // case.x[3] * case.groups))


@law(different_convolutions(), numbers)
def test_the_transposed_convolution_is_the_adjoint(case: Convolution, make: Numbers) -> None:
    """<dy, conv(x)> = <transposed(dy), x>: no backward pass takes part in this one."""
    x, w = make(*case.x), make(*case.w, salt=1)
    y, _ = ops.conv2d_forward(x, w, **options(case))
    dy = make(*y.shape, salt=2)
    actual, expected = inner(transposed(dy, w, case), x), inner(dy, y)
    assert abs(actual - expected) <= slack(dy, x, w, make)


@law(different_convolutions(), numbers)
def test_both_gradients_are_adjoints(case: Convolution, make: Numbers) -> None:
    """<dy, conv(x, w)> = <dx, x> = <dw, w>."""
    x, w = make(*case.x), make(*case.w, salt=1)
    y, cache = ops.conv2d_forward(x, w, **options(case))
    dy = make(*y.shape, salt=2)
    dx, dw, _ = ops.conv2d_backward(dy, cache)
    for actual in (inner(dx, x), inner(dw, w)):
        assert abs(actual - inner(dy, y)) <= slack(dy, x, w, make)


def slack(dy: Array, x: Array, w: Array, make: Numbers) -> float:
    """Return 8 sqrt(K) eps times the largest product, for the K products dy x w of the sum.

    The longest sum that is rounded to the arrays' dtype, over w's or dy's numbers, multiplies it:
    each of its partial sums is rounded, and grows as the root of their number.
    """
    if make.whole:
        return 0.0
    largest = float(np.abs(dy).max() * np.abs(x).max() * np.abs(w).max())
    taps = w[..., 0].size
    longest = max(w.size, dy[..., 0].size)
    return float(8 * np.sqrt(dy.size * taps * longest) * np.finfo(dy.dtype).eps * largest)
