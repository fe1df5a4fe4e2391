"""Transposed convolution is convolution's adjoint; upsampling keeps constants and sums."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from ops.calls import CALLS, Call, values
from vectorized.cases import check

from nanocnn import ops

from .tools import law


@law(CALLS["conv_transpose2d"])
def test_it_is_a_convolution_s_dx_and_its_dx_and_dw_are_that_convolution_s(call: Call) -> None:
    """<conv(z, w), x> = <z, transposed(x, w)>, pass by pass: same w, roles of x and y exchanged."""
    x, w = call.arrays[:2]
    stride, padding = call.options["stride"], call.options["padding"]
    y, cache = ops.conv_transpose2d_forward(x, w, stride=stride, padding=padding)
    dy = call.upstream(y.shape)
    dx, dw, _ = ops.conv_transpose2d_backward(dy, cache)
    z, conv_cache = ops.conv2d_forward(dy, w, stride=stride, padding=cache.padding)
    assert z.shape == x.shape
    dz, conv_dw, _ = ops.conv2d_backward(x, conv_cache)
    terms = (w.size, w.size, x.size)
    for actual, expected, count in zip((y, dx, dw), (dz, z, conv_dw), terms, strict=True):
        check(actual, expected, count)
    left, right = (float((a.astype(float) * b).sum()) for a, b in ((z, x), (dy, y)))
    room = 8 * np.finfo(x.dtype).eps * np.sqrt(x.size * w.size) * w.size
    assert abs(left - right) <= room * float(abs(w).max() * abs(x).max() * abs(dy).max())


@law(CALLS["upsample2d"], st.integers(-3, 3))
def test_upsampling_keeps_constants_and_its_gradient_the_sum(call: Call, level: int) -> None:
    x = np.full_like(call.arrays[0], level)
    y, cache = call.forward(x)
    check(y, np.full_like(y, level), 4)
    dy = call.upstream(y.shape)
    (dx,) = call.backward(dy, cache)
    total, expected = dx.astype(float).sum((1, 2)), dy.astype(float).sum((1, 2))
    room = 8 * np.finfo(dy.dtype).eps * dy[0, :, :, 0].size * float(abs(dy).max())
    np.testing.assert_allclose(total, expected, rtol=0, atol=room)


@law(CALLS["zero_pad2d"])
def test_padding_keeps_the_sum_and_cropping_undoes_it(call: Call) -> None:
    (x,) = call.arrays
    y, cache = call.forward()
    (back,) = call.backward(y, cache)
    np.testing.assert_array_equal(back, x)
    assert np.count_nonzero(y) == np.count_nonzero(x)


@law(CALLS["upsample2d"])
def test_the_gradient_is_the_adjoint(call: Call) -> None:
    (x,) = call.arrays
    y, cache = call.forward()
    dy = values(call.source, call.whole, y.shape, salt=3)
    (dx,) = call.backward(dy, cache)
    left, right = (float((a.astype(float) * b).sum()) for a, b in ((dx, x), (dy, y)))
    room = 16 * np.finfo(x.dtype).eps * dy.size
    assert abs(left - right) <= room * float(abs(x).max() * abs(dy).max())
