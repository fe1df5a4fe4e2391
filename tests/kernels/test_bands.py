"""Convolution and max pooling in one go: the bits of one after the other, and bands by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import convolutions, quick, sources

from nanocnn import config, kernels
from nanocnn.kernels import bands, choice, threads, winograd_loops
from nanocnn.kernels.jit import panel_width
from nanocnn.kernels.plan import Geometry
from tests.sizes import sized

from .cases import (
    CONVOLUTIONS,
    NO_PADDING,
    Array,
    Convolution,
    Pooling,
    Source,
    output_shape,
    untouched,
    wide_convolutions,
)

pytestmark = pytest.mark.usefixtures("dirty_memory")
ACTIVATIONS = [None, "relu", "sigmoid", "tanh"]
WHOLE = panel_width(4)  # filters that fill the panels of float32


@dataclass(frozen=True)
class Both:
    """A convolution, an activation, and a pooling of what they give."""

    conv: Convolution
    activation: str | None
    pool: Pooling
    with_bias: bool = True

    def arrays(self, source: Source, whole: bool = False, holes: bool = False) -> list[Any]:
        """Return x, w and b; small whole numbers make equal values, `holes` puts NaN into x."""
        numbers = source.integers if whole else source.normal
        x, w = numbers(*self.conv.x), numbers(*self.conv.w, salt=1)
        if holes:
            x = source.arrange(np.where(source.normal(*x.shape, salt=5) > 2.0, np.nan, x))
            x = source.arrange(x.astype(source.dtype))
        return [x, w, numbers(self.conv.w[3], salt=3) if self.with_bias else None]


def bits(array: Array) -> Array:
    """Return the numbers as whole numbers: -0 is not 0, and a NaN is equal to itself."""
    return array.view(f"u{array.itemsize}")


def compare(case: Both, x: Array, w: Array, b: Array | None) -> tuple[Array, Array]:
    """Fail unless values and winners are those of one operation after the other."""
    geometry, pool = case.conv.geometry, case.pool.geometry
    with untouched(x, w, b):
        found = kernels.conv2d_max_pool2d_forward(x, w, b, *geometry, case.activation, *pool)
    z = kernels.conv2d_forward(x, w, b, *geometry, case.activation)
    for ours, theirs in zip(found, kernels.max_pool2d_forward(z, *pool), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(bits(ours), bits(theirs), strict=True)
    return found


@contextmanager
def band_bytes(size: int) -> Iterator[None]:
    """Let a band be of so many bytes."""
    bands.band_plan.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "BAND_BYTES", size)
        yield
    bands.band_plan.cache_clear()


@contextmanager
def plans() -> Iterator[list[bands.BandPlan]]:
    """Take down the plans that are used."""
    found: list[bands.BandPlan] = []
    make = bands.band_plan

    def taken_down(*args: Any) -> bands.BandPlan:
        found.append(make(*args))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "band_plan", taken_down)
        yield found


@st.composite
def followed_by_pooling(draw: st.DrawFn, convs: st.SearchStrategy[Convolution]) -> Both:
    """Draw a convolution and a pooling: three in four without padding or rows in two windows."""
    conv = draw(convs)
    size = output_shape(conv)
    apart = draw(st.integers(0, 3)) > 0
    window = draw(st.tuples(*[st.integers(1, min(4, n)) for n in size[1:3]]))
    steps = draw(st.tuples(st.integers(window[0] if apart else 1, 5), st.integers(1, 4)))
    pads = st.tuples(*[st.tuples(*[st.integers(0, k - 1)] * 2) for k in window])
    padding = NO_PADDING if apart else draw(pads)
    pool = Pooling(size, window, steps, padding)
    return Both(conv, draw(st.sampled_from(ACTIVATIONS)), pool, draw(st.booleans()))


sizes = st.sampled_from([1, 2_000, bands.BAND_BYTES])  # a pooled row, a few, all of them
flags = st.booleans()


@quick
@given(followed_by_pooling(convolutions()), sources, flags, flags, sizes)
def test_any_geometry(case: Both, source: Source, whole: bool, holes: bool, size: int) -> None:
    with config.winograd(False), band_bytes(size):
        compare(case, *case.arrays(source, whole, holes))


@quick
@given(followed_by_pooling(wide_convolutions()), sources, flags, flags, sizes)
def test_many_channels(case: Both, source: Source, whole: bool, holes: bool, size: int) -> None:
    with config.winograd(False), band_bytes(size):
        compare(case, *case.arrays(source, whole, holes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 128 << 10])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_chosen_cases(name: str, size: int, dtype: type) -> None:
    conv = CONVOLUTIONS[name]
    shape = output_shape(conv)
    window = min(2, shape[1]), min(3, shape[2])
    pool = Pooling(shape, window, (window[0], 1), NO_PADDING)
    with config.winograd(False), band_bytes(size):
        for activation in ACTIVATIONS:
            case = Both(conv, activation, pool)
            compare(case, *case.arrays(Source(7, dtype, "C")))


@st.composite
def for_winograd(draw: st.DrawFn) -> Both:
    """Draw a 3x3 convolution with stride 1, and mostly the pooling that its tiles can do."""
    n, h, w = draw(st.tuples(st.integers(1, 3), *[st.integers(4, sized(15, 9))] * 2))
    c, f = draw(st.sampled_from([12, 17])), draw(st.sampled_from([WHOLE, 2 * WHOLE, WHOLE + 3]))
    pads = draw(st.tuples(*[st.tuples(*[st.integers(1, 2)] * 2)] * 2))
    conv = Convolution((n, h, w, c), (3, 3, c, f), (1, 1), pads, (1, 1), 1)
    window = draw(st.sampled_from([(2, 2), (2, 2), (2, 2), (3, 2)]))
    steps = draw(st.sampled_from([(2, 2), (2, 2), (2, 2), (1, 2)]))
    pool = Pooling(output_shape(conv), window, steps, NO_PADDING)
    return Both(conv, draw(st.sampled_from(ACTIVATIONS)), pool, draw(st.booleans()))


@quick
@given(for_winograd(), st.integers(0, 99), flags, flags)
def test_winograd(case: Both, seed: int, whole: bool, holes: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "_nearest_speedup", lambda *shape: 2.0)  # for every shape
        compare(case, *case.arrays(Source(seed, np.float32, "C"), whole, holes))


@pytest.mark.parametrize(
    ("f", "activation", "window", "steps", "pools"),
    [
        (WHOLE, None, (2, 2), (2, 2), True),
        (3 * WHOLE, "relu", (2, 2), (2, 2), True),
        (WHOLE + 1, "relu", (2, 2), (2, 2), False),  # the last panel is not full
        (WHOLE, "tanh", (2, 2), (2, 2), False),  # applied behind the tiles
        (WHOLE, "relu", (3, 3), (2, 2), False),
        (WHOLE, "relu", (2, 2), (2, 1), False),
    ],
)
def test_what_winograd_pools(f: int, activation: Any, window: Any, steps: Any, pools: bool) -> None:
    assert bands.winograd_pools(f, activation, window, steps) == pools


def odd(dtype: Any = np.float32, f: int = 5) -> tuple[Both, list[Any]]:
    """Return a convolution that gives 9 x 7 pixels, and a pooling that leaves one over each way."""
    conv = Convolution((2, 9, 7, 12), (3, 3, 12, f), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    case = Both(conv, "relu", Pooling(output_shape(conv), (2, 2), (2, 2), NO_PADDING))
    return case, case.arrays(Source(1, dtype, "C"))


def test_what_no_window_reads_is_not_computed() -> None:
    case, arrays = odd(np.float64)
    for size, count in ((1, 4), (4 * 6 * 5 * 8, 2), (1 << 20, 1)):
        with band_bytes(size), plans() as used:
            compare(case, *arrays)
        (plan,) = used
        assert len(plan.bands) == count
        pixels = [
            p1 - p0
            for _, _, first, last, *_ in plan.bands
            for _, p0, p1, *_ in plan.items[first:last]
        ]
        assert sum(pixels) == 8 * 6  # of 9 x 7


def test_what_no_window_reads_is_not_computed_by_winograd(monkeypatch: pytest.MonkeyPatch) -> None:
    case, arrays = odd(f=WHOLE)
    monkeypatch.setattr(choice, "_nearest_speedup", lambda *shape: 2.0)
    run, tiles = threads.run, []

    def taken_down(kernel: Any, n_items: int, args: tuple[Any, ...], seconds: float) -> None:
        if kernel is winograd_loops.forward:
            names = inspect.signature(getattr(kernel, "py_func", kernel))
            given = names.bind(0, n_items, *args).arguments
            tiles.append((given["th"], given["tw"]))
        run(kernel, n_items, args, seconds)

    monkeypatch.setattr(threads, "run", taken_down)
    compare(case, *arrays)
    assert tiles == [(2, 2), (3, 2)]  # in one go 8 x 6 pixels; alone 9 x 7


def test_padding_beyond_the_image_and_rows_between_windows() -> None:
    """Bands that see padding alone, above and below; pooling that leaves rows out."""
    conv = Convolution((2, 3, 4, 3), (2, 3, 3, 5), (1, 1), ((7, 9), (2, 1)), (2, 1), 1)
    pool = Pooling(output_shape(conv), (2, 2), (3, 3), NO_PADDING)
    for activation in ACTIVATIONS:
        case = Both(conv, activation, pool)
        with band_bytes(1), plans() as used:
            y, _ = compare(case, *case.arrays(Source(3, np.float32, "C")))
        assert len(used[0].bands) == 6
        for row in (0, -1):  # the bias alone
            assert (y[:, row] == y[0, 0, 0]).all()
        assert not (y[:, 2] == y[0, 0, 0]).all()


def test_a_window_of_more_than_256_cells_needs_two_bytes() -> None:
    conv = Convolution((1, 37, 19, 2), (1, 2, 2, 3), (1, 1), NO_PADDING, (1, 1), 1)
    case = Both(conv, None, Pooling(output_shape(conv), (17, 16), (18, 1), NO_PADDING))
    with band_bytes(1):
        _, winner = compare(case, *case.arrays(Source(2, np.float32, "C")))
    assert winner.dtype == np.uint16
    assert winner.max() > 255


def test_an_empty_batch() -> None:
    case, (x, w, b) = odd()
    y, winner = compare(case, x[:0], w, b)
    assert y.shape == winner.shape == (0, 4, 3, 5)


@pytest.mark.parametrize("f", [5, WHOLE])
def test_same_bits_on_any_number_of_threads(
    f: int, many_threads: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With bands of several kinds, and with Winograd's blocks."""
    monkeypatch.setattr(choice, "_nearest_speedup", lambda *shape: 2.0 if f == WHOLE else 0.0)
    case, arrays = odd(f=f)
    found = []
    with band_bytes(1):
        for count in (1, 2, 4):
            used = many_threads(count)
            found.append([bits(a).tobytes() for a in compare(case, *arrays)])
            assert bool(used) == (count > 1)
    assert found[0] == found[1] == found[2]


def test_the_bands_of_the_docstring() -> None:
    """8 rows of 4 pixels, a 3x3 filter with padding 1, windows of 2 x 2, a pooled row a band."""
    g = Geometry(1, 8, 4, 1, 8, 4, 1, 3, 3, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    with band_bytes(2 * 4 * 4):  # two rows of four float32
        plan = bands.band_plan(g, 2, 2, 4, 2, panel=4, itemsize=4)
    # Start in x and y; items; rows; pooled rows. Columns see taps 1 2, 0 1 2 and 0 1; so do rows at
    # the top and the bottom, which makes 2 x 3 rectangles, and 1 x 3 in between.
    assert plan.bands.tolist() == [
        [0, 0, 0, 6, 2, 1],  # image rows 0 to 2
        [4, 2, 6, 9, 2, 1],  # 1 to 4
        [12, 4, 6, 9, 2, 1],  # 3 to 6: the same kind, so the same items
        [20, 6, 9, 15, 2, 1],  # 5 to 7
    ]
    # Rows and columns; first number that is read; first that is written, in the band; taps.
    seen = []
    for r, p0, p1, q0, q1 in plan.items:
        rows, cols, source, *_, target = plan.rectangles[r, :7]
        assert (p0, p1, q0, q1) == (0, rows * cols, 0, 1)  # one block of pixels, one panel
        chunk = plan.rectangles[r, 10:]
        assert chunk.tolist() == [r, r + 1]  # one each
        first, last = plan.chunks[r]
        seen.append((rows, cols, source, target, plan.segments[first:last, 2].tolist()))
    top = [
        (1, 1, 0, 0, [2, 2]), (1, 2, 0, 1, [3, 3]), (1, 1, 2, 3, [2, 2]),
        (1, 1, 0, 4, [2, 2, 2]), (1, 2, 0, 5, [3, 3, 3]), (1, 1, 2, 7, [2, 2, 2]),
    ]  # fmt: skip
    middle = [(2, 1, 0, 0, [2, 2, 2]), (2, 2, 0, 1, [3, 3, 3]), (2, 1, 2, 3, [2, 2, 2])]
    bottom = [
        (1, 1, 0, 0, [2, 2, 2]), (1, 2, 0, 1, [3, 3, 3]), (1, 1, 2, 3, [2, 2, 2]),
        (1, 1, 4, 4, [2, 2]), (1, 2, 4, 5, [3, 3]), (1, 1, 6, 7, [2, 2]),
    ]  # fmt: skip
    assert seen == top + middle + bottom


def test_bands_are_as_large_as_they_may_be_and_about_equal() -> None:
    g = Geometry(1, 22, 10, 3, 22, 10, 8, 3, 3, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    pooled_row = 2 * 10 * 8 * 4
    for size, pooled in (
        (pooled_row, [1] * 11),
        (4 * pooled_row - 1, [2, 3, 3, 3]),
        (4 * pooled_row, [3, 4, 4]),
        (11 * pooled_row, [11]),
    ):
        with band_bytes(size):
            plan = bands.band_plan(g, 2, 2, 11, 5, panel=4, itemsize=4)
        assert plan.bands[:, 5].tolist() == pooled
        assert plan.bands[:, 4].tolist() == [2 * p for p in pooled]
        assert max(plan.bands[:, 4]) * 10 * 8 * 4 <= size
        starts = np.cumsum([0, *pooled])[:-1]
        assert plan.bands[:, 1].tolist() == (starts * 5 * 8).tolist()
