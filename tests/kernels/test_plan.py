"""The tables: every pixel in one run, every run's taps those that the equation names."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from nanocnn.kernels import plan
from nanocnn.vectorized import conv_output_size

from .cases import CONVOLUTIONS, Convolution, output_shape

axes = st.tuples(
    st.integers(1, 9),  # size
    st.integers(1, 5),  # kernel
    st.integers(1, 4),  # stride
    st.integers(0, 6),  # before
    st.integers(0, 6),  # after
    st.integers(1, 3),  # dilation
).filter(lambda a: conv_output_size(*a) > 0)


def seen_by_runs(runs: tuple[plan.Run, ...], size: int) -> list[list[tuple[int, int]]]:
    """Return for each pixel the (tap, place) that its run names; fail unless it has one run."""
    seen: list[list[tuple[int, int]] | None] = [None] * size
    for run in runs:
        for k in range(run.count):
            pixel = run.first + k * run.step
            assert seen[pixel] is None
            seen[pixel] = [(u, h + k * run.source_step) for u, h in run.taps]
    assert None not in seen
    return seen  # type: ignore[return-value]


@settings(max_examples=200, deadline=None)
@given(axes)
def test_runs_name_what_the_equation_names(
    axis: tuple[int, int, int, int, int, int],
) -> None:
    size, kernel, stride, before, _, dilation = axis
    out = conv_output_size(*axis)
    pairs = [  # (output i, tap u, input h) of (C1)
        (i, u, i * stride + u * dilation - before)
        for i in range(out)
        for u in range(kernel)
        if 0 <= i * stride + u * dilation - before < size
    ]
    args = (size, out, kernel, stride, before, dilation)
    forward = seen_by_runs(plan.forward_runs(*args), out)
    for i in range(out):
        assert sorted(forward[i]) == sorted((u, h) for o, u, h in pairs if o == i)
    backward = seen_by_runs(plan.backward_runs(*args), size)
    for h in range(size):
        assert sorted(backward[h]) == sorted((u, i) for i, u, g in pairs if g == h)


def geometry(case: Convolution) -> plan.Geometry:
    n, h, w, c = case.x
    _, oh, ow, f = output_shape(case)
    return plan.Geometry(n, h, w, c, oh, ow, f, *case.w[:2], *case.geometry)


def test_work_items_cover_every_pixel_and_panel_once() -> None:
    for case in CONVOLUTIONS.values():
        g = geometry(case)
        for panel in (4, 16):
            tables = plan.forward_plan(g, panel, panel, 4)
            panels = g.groups * -(-(g.f // g.groups) // panel)
            hits = np.zeros((g.n, g.oh, g.ow, panels), int)
            for r, p0, p1, q0, q1 in tables.items:
                ni, nj = tables.rectangles[r, :2]
                start, image, row, column = tables.rectangles[r, 6:10]
                for p in range(p0, p1):
                    n, i, j = p // (ni * nj), p // nj % ni, p % nj
                    pixel = (start + n * image + i * row + j * column) // g.f
                    hits.reshape(-1, panels)[pixel, q0:q1] += 1
            assert (hits == 1).all()


def test_chunks_fit_and_keep_the_order() -> None:
    segments = [[0, 0, 70], [500, 90, 5], [900, 200, 30]]
    for most in (1, 7, 52, 105, 1000):
        chunks = plan._chunks(segments, most)
        flat = [(offset + e, k + e) for chunk in chunks for offset, k, n in chunk for e in range(n)]
        assert flat == [(offset + e, k + e) for offset, k, n in segments for e in range(n)]
        lengths = [sum(n for *_, n in chunk) for chunk in chunks]
        assert max(lengths) <= most
        assert all(n > 0 for chunk in chunks for *_, n in chunk)  # a segment is never empty
    assert plan._chunks([], 10) == [[]]


def test_no_row_of_dw_belongs_to_two_work_items() -> None:
    for case in CONVOLUTIONS.values():
        g = geometry(case)
        for row_items in (1, 3, 16):
            tables = plan.backward_weight_plan(g, 6, row_items)
            owner: dict[int, int] = {}
            for rectangle in tables.rectangles:
                first, last, v = rectangle[0], rectangle[1], int(rectangle[12])
                rows = tables.out[first:last]
                assert len(set(rows.tolist())) == len(rows)
                for row in rows.tolist():
                    assert owner.setdefault(row, v) == v
                filler = -(last - first) % 6
                assert (tables.out[last : last + filler] == rows[-1]).all()
            assert set(owner.values()) <= set(range(row_items))
