"""Random cases for comparing one rung with another: sizes, geometry, memory layout, tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
dtypes = st.sampled_from([np.float32, np.float64])
layouts = st.sampled_from(["C", "Fortran", "gaps", "reversed", "broadcast axis"])


@dataclass(frozen=True)
class Source:
    """Makes arrays of random numbers: read-only, of one dtype, in one memory layout."""

    seed: int
    dtype: Any
    layout: str

    def normal(self, *shape: int, salt: int = 0) -> Array:
        """Return standard normal numbers; another `salt` gives other numbers."""
        values = np.random.default_rng([self.seed, salt]).normal(size=shape).astype(self.dtype)
        return self.arrange(values)

    def integers(self, *shape: int, salt: int = 0) -> Array:
        """Return small integers as floats, so that many are equal."""
        values = np.random.default_rng([self.seed, salt]).integers(-2, 3, size=shape)
        return self.arrange(values.astype(self.dtype))

    def arrange(self, values: Array) -> Array:
        """Lay the same values out in another way in memory."""
        if self.layout == "Fortran":
            values = np.asfortranarray(values)
        elif self.layout == "gaps":
            wide = np.full([2 * size for size in values.shape], np.nan, values.dtype)
            view = wide[tuple(slice(1, None, 2) for _ in values.shape)]
            view[...] = values
            values = view
        elif self.layout == "reversed":
            back = (slice(None, None, -1),) * values.ndim
            values = np.ascontiguousarray(values[back])[back]
        elif self.layout == "broadcast axis":
            values = np.broadcast_to(values[:1], values.shape)  # stride 0: all images are one
        values.setflags(write=False)
        return values


sources = st.builds(Source, st.integers(0, 2**32 - 1), dtypes, layouts)


@dataclass(frozen=True)
class Convolution:
    """Shapes and options of one convolution."""

    x: tuple[int, int, int, int]
    w: tuple[int, int, int, int]
    stride: Pair
    padding: Padding
    dilation: Pair
    groups: int

    @property
    def geometry(self) -> tuple[Pair, Padding, Pair, int]:
        """The last four arguments of the convolution functions."""
        return self.stride, self.padding, self.dilation, self.groups


@dataclass(frozen=True)
class Pooling:
    """Shape and options of one pooling."""

    x: tuple[int, int, int, int]
    window: Pair
    stride: Pair
    padding: Padding

    @property
    def geometry(self) -> tuple[Pair, Pair, Padding]:
        """The last three arguments of the pooling functions."""
        return self.window, self.stride, self.padding


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    """Draw a convolution whose filter fits at least once."""
    small = st.integers(1, 3)
    groups = draw(small)
    kernel, dilation = draw(st.tuples(small, st.integers(1, 4))), draw(st.tuples(small, small))
    padding = draw(st.tuples(*[st.tuples(*[st.integers(0, 3)] * 2)] * 2))
    sizes = []
    for k, d, around in zip(kernel, dilation, padding, strict=True):
        fits = max(1, d * (k - 1) + 1 - sum(around))
        sizes.append(draw(st.integers(fits, fits + 5)))
    channels, filters = draw(small), draw(small)
    return Convolution(
        x=(draw(small), sizes[0], sizes[1], groups * channels),
        w=(kernel[0], kernel[1], channels, groups * filters),
        stride=draw(st.tuples(small, small)),
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@st.composite
def poolings(draw: st.DrawFn) -> Pooling:
    """Draw a pooling whose padding is smaller than its window, so every window holds a pixel."""
    small = st.integers(1, 3)
    window = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.tuples(*[st.integers(0, size - 1)] * 2)) for size in window)
    fits = [max(1, size - sum(around)) for size, around in zip(window, padding, strict=True)]
    height, width = (draw(st.integers(size, size + 5)) for size in fits)
    return Pooling(
        x=(draw(small), height, width, draw(small)),
        window=window,
        stride=draw(st.tuples(small, small)),
        padding=(padding[0], padding[1]),
    )


@st.composite
def different_convolutions(draw: st.DrawFn) -> Convolution:
    """Draw a convolution of which N, H, W, C, F, KH and KW all differ from each other.

    The two strides, the two dilations and the four paddings differ as well, so that no exchange of
    two axes or sides can hide. Groups: none, some, or one for each input channel (depthwise).
    """
    n, kh, kw = draw(different(3, 1, 4))
    stride, dilation = draw(different(2, 1, 3)), draw(different(2, 1, 3))
    top, bottom, left, right = draw(different(4, 0, 4))
    groups = draw(st.sampled_from([1, 2, 3, 0]))
    if groups:
        multiples = [m for m in range(groups, 10, groups) if m not in (n, kh, kw)]
        c, f = draw(st.permutations(multiples))[:2]
    else:
        c = groups = draw(st.sampled_from([m for m in range(2, 7) if m not in (n, kh, kw)]))
        f = draw(st.sampled_from([m for m in (2 * c, 3 * c) if m not in (n, kh, kw)]))
    used, size = [n, kh, kw, c, f], []
    for k, d, around in zip((kh, kw), dilation, (top + bottom, left + right), strict=True):
        fits = max(1, d * (k - 1) + 1 - around)
        size.append(draw(st.sampled_from(free(fits, used + size))))
    return Convolution(
        x=(n, size[0], size[1], c),
        w=(kh, kw, c // groups, f),
        stride=(stride[0], stride[1]),
        padding=((top, bottom), (left, right)),
        dilation=(dilation[0], dilation[1]),
        groups=groups,
    )


@st.composite
def different_poolings(draw: st.DrawFn) -> Pooling:
    """Draw a pooling of which N, H, W, C, KH and KW all differ, and as many paddings as can."""
    n, c, kh, kw = draw(different(4, 1, 5))
    stride = draw(different(2, 1, 4))
    sides = list(product(range(kh), range(kh), range(kw), range(kw)))
    most = max(len(set(four)) for four in sides)
    top, bottom, left, right = draw(st.sampled_from([s for s in sides if len(set(s)) == most]))
    used, size = [n, c, kh, kw], []
    for k, around in zip((kh, kw), (top + bottom, left + right), strict=True):
        size.append(draw(st.sampled_from(free(max(1, k - around), used + size))))
    return Pooling(
        x=(n, size[0], size[1], c),
        window=(kh, kw),
        stride=(stride[0], stride[1]),
        padding=((top, bottom), (left, right)),
    )


def different(count: int, low: int, high: int) -> st.SearchStrategy[list[int]]:
    """Draw `count` whole numbers from `low` to `high`, no two of them equal."""
    return st.lists(st.integers(low, high), min_size=count, max_size=count, unique=True)


def free(least: int, used: list[int]) -> list[int]:
    """Return the first six whole numbers from `least` that are not in `used`."""
    return [size for size in range(least, least + 6 + len(used)) if size not in used][:6]


def check(actual: Array, expected: Array, terms: float = 1) -> None:
    """Compare within a multiple of sqrt(terms) * eps of the largest value, and in dtype and shape.

    Rounding errors of a sum of `terms` products walk at random: their size grows as its root.
    With `terms=0` the two must be equal. NaN and infinities must stand in the same places.
    """
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, float(finite.max(initial=0)))
    room = 8 * np.sqrt(terms) * np.finfo(expected.dtype).eps * scale
    np.testing.assert_allclose(actual, expected, rtol=0, atol=room)
