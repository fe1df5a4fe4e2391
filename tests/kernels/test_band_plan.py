"""How convolution and pooling are laid out: the bands by hand, and what is left out of them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from nanocnn.kernels import bands, choice, threads, winograd_deep, winograd_loops
from nanocnn.kernels.jit import panel_width
from nanocnn.kernels.plan import Geometry

from .band_cases import Both, band_bytes, compare, odd, plans
from .cases import NO_PADDING, Convolution, Pooling, Source, output_shape

WHOLE = panel_width(4)  # filters that fill the panels of float32


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
            for _, p0, p1, q0, _ in plan.items[first:last]
            if q0 == 0  # not once more for further panels, which narrow vectors have
        ]
        assert sum(pixels) == 8 * 6  # of 9 x 7


def test_what_no_window_reads_is_not_computed_by_winograd(monkeypatch: pytest.MonkeyPatch) -> None:
    case, arrays = odd(f=max(16, WHOLE))
    monkeypatch.setattr(choice, "_nearest_speedup", lambda *shape: 2.0)
    run, tiles = threads.run, []

    def taken_down(kernel: Any, n_items: int, args: tuple[Any, ...], seconds: float) -> None:
        if kernel in (winograd_loops.forward, winograd_deep.forward_panels):
            names = inspect.signature(getattr(kernel, "py_func", kernel))
            given = names.bind(0, n_items, *args).arguments
            tiles.append((given["th"], given["tw"]))
        run(kernel, n_items, args, seconds)

    monkeypatch.setattr(threads, "run", taken_down)
    compare(case, *arrays)
    assert tiles == [(2, 2), (3, 2)]  # in one go 8 x 6 pixels; alone 9 x 7


@pytest.mark.parametrize(
    ("groups", "window", "steps", "padding", "in_bands"),
    [
        (1, (2, 3), (2, 1), NO_PADDING, True),  # only columns are in several windows
        (2, (2, 2), (3, 2), NO_PADDING, True),
        (1, (3, 2), (2, 2), NO_PADDING, False),  # bands would compute rows twice
        (1, (2, 2), (2, 2), ((0, 1), (0, 0)), False),
        (16, (2, 2), (2, 2), NO_PADDING, False),  # depthwise has a kernel of its own
    ],
)
def test_what_goes_in_bands(
    groups: int, window: Any, steps: Any, padding: Any, in_bands: bool
) -> None:
    w = (3, 3, 16 // groups, 16)
    conv = Convolution((2, 9, 8, 16), w, (1, 1), NO_PADDING, (1, 1), groups)
    case = Both(conv, "relu", Pooling(output_shape(conv), window, steps, padding))
    with plans() as used:
        compare(case, *case.arrays(Source(4, np.float64, "C")))
    assert len(used) == in_bands


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
