"""Cases for the kernels: channels that do not fill a register, images of more than one block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis.strategies as st
import numpy as np
from numpy.typing import NDArray
from vectorized.cases import Convolution, Pooling, Source

from nanocnn.kernels.jit import TILE_ROWS, panel_width
from nanocnn.vectorized import conv_output_size

Array = NDArray[Any]
odd_channels = st.sampled_from([1, 2, 3, 5, 17, 33])


@st.composite
def wide_convolutions(draw: st.DrawFn) -> Convolution:
    """Draw a convolution with up to 66 channels, some of them whole panels and some not."""
    groups = draw(st.integers(1, 2))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
    padding = draw(st.tuples(*[st.tuples(*[st.integers(0, 5)] * 2)] * 2))
    sizes = []
    for k, d, around in zip(kernel, dilation, padding, strict=True):
        fits = max(1, d * (k - 1) + 1 - sum(around))  # a filter may be larger than the image
        sizes.append(draw(st.integers(fits, fits + 14)))
    channels, filters = draw(odd_channels), draw(odd_channels)
    return Convolution(
        x=(draw(st.integers(1, 4)), sizes[0], sizes[1], groups * channels),
        w=(kernel[0], kernel[1], channels, groups * filters),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


NO_PADDING = ((0, 0), (0, 0))
# Each is there for a branch of the tables or the loops that small random cases may miss.
DEEP = 4 * TILE_ROWS + 3  # channels: the last rows of dw for a tap share a tile with the next tap
CONVOLUTIONS = {
    "tiles of two taps under many panels": Convolution(
        (1, 2, 3, DEEP), (1, 2, DEEP, 4 * panel_width(4)), (1, 1), NO_PADDING, (1, 1), 1
    ),
    "1x1": Convolution((3, 5, 4, 2), (1, 1, 2, 7), (1, 1), NO_PADDING, (1, 1), 1),
    "1x1 with stride": Convolution((2, 7, 6, 3), (1, 1, 3, 5), (3, 2), NO_PADDING, (1, 1), 1),
    "stride beyond the filter": Convolution(
        (2, 11, 13, 3), (2, 1, 3, 5), (5, 3), ((0, 1), (2, 0)), (1, 1), 1
    ),
    "a filter larger than the image": Convolution(
        (2, 2, 3, 5), (7, 6, 5, 3), (1, 2), ((4, 3), (2, 5)), (1, 1), 1
    ),
    "taps that see no pixel": Convolution(
        (2, 2, 3, 3), (3, 3, 3, 5), (1, 1), ((5, 5), (5, 5)), (5, 5), 1
    ),
    "outputs that see no pixel": Convolution(
        (2, 3, 2, 3), (2, 3, 3, 5), (1, 1), ((4, 3), (6, 5)), (1, 1), 1
    ),
    "blocks that end inside rows": Convolution(
        (3, 23, 17, 5), (2, 3, 5, 7), (1, 1), ((1, 0), (1, 2)), (1, 1), 1
    ),
    "a deep sum in chunks, a part of a panel": Convolution(
        (2, 6, 7, 131), (3, 2, 131, 19), (1, 1), ((1, 1), (0, 1)), (1, 1), 1
    ),
    "a deep sum in chunks, groups": Convolution(
        (2, 5, 4, 340), (2, 2, 170, 34), (1, 1), ((0, 1), (1, 0)), (1, 1), 2
    ),
    "filters beyond the second-level cache": Convolution(
        (2, 6, 5, 64), (3, 3, 64, 133), (1, 1), ((1, 1), (1, 1)), (1, 1), 1
    ),
    "filters beyond it, one rectangle": Convolution(
        (2, 6, 5, 64), (3, 3, 64, 160), (1, 1), NO_PADDING, (1, 1), 1
    ),
    "a long line": Convolution((1, 3, 600, 2), (2, 3, 2, 5), (1, 1), NO_PADDING, (1, 1), 1),
    "depthwise": Convolution((2, 7, 6, 17), (3, 2, 1, 17), (2, 1), ((1, 2), (1, 0)), (1, 1), 17),
    "groups of odd size": Convolution(
        (2, 6, 7, 15), (3, 3, 3, 35), (1, 2), ((2, 0), (1, 1)), (2, 1), 5
    ),
}


def output_shape(case: Convolution) -> tuple[int, int, int, int]:
    """Return the shape of y by (C0)."""
    around = zip(case.x[1:3], case.w[:2], case.stride, case.padding, case.dilation, strict=True)
    oh, ow = (conv_output_size(n, k, s, *p, d) for n, k, s, p, d in around)
    return case.x[0], oh, ow, case.w[3]


@contextmanager
def untouched(*arrays: Array | None) -> Iterator[None]:
    """Fail if an input is written to; the kernels see read-only inputs as writeable."""
    before = [None if a is None else a.copy() for a in arrays]
    yield
    for array, copy in zip(arrays, before, strict=True):
        if array is not None and copy is not None:
            np.testing.assert_array_equal(array, copy)


__all__ = [
    "CONVOLUTIONS",
    "Convolution",
    "Pooling",
    "Source",
    "output_shape",
    "untouched",
    "wide_convolutions",
]
