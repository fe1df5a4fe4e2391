"""Padding in all its spellings, "same" as in TensorFlow, and the sizes that come out."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nanocnn import ops
from nanocnn.ops._checks import output_size, pair, resolve_padding, same_padding


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "expected"),
    [  # by hand, from TensorFlow's rule: out = ceil(size / stride); the odd pixel goes behind
        (5, 3, 1, 1, (1, 1)),
        (5, 2, 1, 1, (0, 1)),
        (5, 4, 1, 1, (1, 2)),
        (6, 3, 2, 1, (0, 1)),  # 3 outputs reach 2*2 + 3 = 7 pixels
        (7, 3, 2, 1, (1, 1)),  # 4 outputs reach 9
        (224, 7, 2, 1, (2, 3)),
        (5, 1, 2, 1, (0, 0)),
        (8, 2, 3, 1, (0, 0)),  # 3 outputs reach 8
        (9, 2, 4, 1, (0, 1)),  # 3 outputs reach 10
        (10, 1, 4, 1, (0, 0)),  # 3 outputs reach 9: nothing, not less than nothing
        (5, 3, 1, 2, (2, 2)),
        (6, 2, 1, 3, (1, 2)),
        (1, 5, 1, 1, (2, 2)),
    ],
)
def test_same_by_hand(
    size: int, kernel: int, stride: int, dilation: int, expected: tuple[int, int]
) -> None:
    assert same_padding(size, kernel, stride, dilation) == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(1, 3))
def test_same_gives_as_many_outputs_as_strides_fit(
    size: int, kernel: int, stride: int, dilation: int
) -> None:
    before, after = same_padding(size, kernel, stride, dilation)
    assert 0 <= before <= after <= before + 1
    around = ((before, after), (before, after))
    one, two = ((n, n) for n in (size, kernel))
    out = output_size("conv2d", one, two, (stride, stride), around, (dilation, dilation))
    assert out == (-(-size // stride),) * 2


@pytest.mark.parametrize(
    ("given_as", "expected"),
    [
        ("valid", ((0, 0), (0, 0))),
        ("same", ((1, 1), (0, 1))),
        (2, ((2, 2), (2, 2))),
        (0, ((0, 0), (0, 0))),
        ((1, 2), ((1, 1), (2, 2))),
        ([1, 2], ((1, 1), (2, 2))),
        (((1, 2), (3, 4)), ((1, 2), (3, 4))),
        ([[1, 2], (3, 4)], ((1, 2), (3, 4))),
        (np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4))),
        (np.array(3), ((3, 3), (3, 3))),
        ((np.int8(1), np.int64(2)), ((1, 1), (2, 2))),
    ],
)
def test_spellings(given_as: Any, expected: Any) -> None:
    padding = resolve_padding(given_as, (5, 6), (3, 2), (1, 1))
    assert padding == expected
    assert all(type(p) is int for side in padding for p in side)


@pytest.mark.parametrize("value", [3, (3, 3), [3, 3], np.int64(3), (np.int64(3), 3)])
def test_pairs(value: Any) -> None:
    assert pair("stride", value) == (3, 3)
    assert all(type(v) is int for v in pair("stride", value))


@pytest.mark.parametrize("value", [0, -1, 1.0, "3", None, True, (3,), (3, 0), (3, 1.0), {3, 4}])
def test_what_is_no_pair(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^stride must be a whole number from 1, or a pair"):
        pair("stride", value)


def test_output_sizes_floor() -> None:
    x, w = np.ones((1, 8, 9, 1)), np.ones((3, 2, 1, 1))
    assert ops.conv2d_forward(x, w)[0].shape == (1, 6, 8, 1)
    assert ops.conv2d_forward(x, w, stride=2)[0].shape == (1, 3, 4, 1)
    assert ops.conv2d_forward(x, w, stride=(4, 5))[0].shape == (1, 2, 2, 1)
    assert ops.conv2d_forward(x, w, padding="same", stride=2)[0].shape == (1, 4, 5, 1)
    assert ops.conv2d_forward(x, w, padding=1, dilation=(4, 9))[0].shape == (1, 2, 2, 1)
    assert ops.max_pool2d_forward(x, 3)[0].shape == (1, 2, 3, 1)
    assert ops.max_pool2d_forward(x, 3, stride=2)[0].shape == (1, 3, 4, 1)
    assert ops.max_pool2d_forward(x, 3, padding="same")[0].shape == (1, 3, 3, 1)
    assert ops.average_pool2d_forward(x, (2, 1), stride=(3, 4))[0].shape == (1, 3, 3, 1)


def test_same_padding_puts_the_odd_pixel_behind() -> None:
    x = np.arange(1.0, 5).reshape(1, 4, 1, 1)
    w = np.array([1.0, 10.0]).reshape(2, 1, 1, 1)
    y, cache = ops.conv2d_forward(x, w, padding="same")
    assert y.ravel().tolist() == [21, 32, 43, 4]
    assert cache.padding == ((0, 1), (0, 0))
