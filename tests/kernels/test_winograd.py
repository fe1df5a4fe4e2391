"""Winograd's convolution compiled, against the loops of the convolution itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nanocnn import vectorized
from nanocnn.kernels import winograd, winograd_deep, winograd_loops, winograd_tiles
from nanocnn.kernels.jit import kernel, panel_width
from nanocnn.kernels.shared_sums import product
from nanocnn.kernels.transform import LANES, _make_twin, make_transform
from tests.sizes import sized

from .cases import untouched

GEOMETRY = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
EPS = float(np.finfo(np.float32).eps)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, len(shape)]).normal(size=shape).astype(np.float32)


def close(actual: np.ndarray, expected: np.ndarray, terms: int) -> None:
    """Compare with float64, in which rounding errors of direct float32 would be sqrt(terms) eps.

    The tables' entries, up to 8 and 5 and each used along both axes, make them some ten times
    larger: see "Rounding" in the reference.
    """
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    room = 40 * EPS * np.sqrt(terms) * max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=room)


def check_all(n: int, h: int, w: int, c: int, f: int, padding: Any, seed: int = 0) -> None:
    """Compare all three passes with the vectorized convolution in float64."""
    x, k, b = normal(n, h, w, c, seed=seed), normal(3, 3, c, f, seed=seed + 1), normal(f, seed=seed)
    wide = [a.astype(np.float64) for a in (x, k, b)]
    geometry = ((1, 1), padding, (1, 1), 1)
    expected = vectorized.conv2d_forward(*wide, *geometry)
    dy = normal(*expected.shape, seed=seed + 2)
    wide_dy = dy.astype(np.float64)
    with untouched(x, k, b, dy):
        close(winograd.winograd_forward(x, k, b, padding), expected, 9 * c)
        without = winograd.winograd_forward(x, k, None, padding)
        close(without, expected - wide[2], 9 * c)
        dx = winograd.winograd_backward_input(dy, k, x.shape, padding)
        dw = winograd.winograd_backward_weight(dy, x, padding)
    close(dx, vectorized.conv2d_backward_input(wide_dy, wide[1], x.shape, *geometry), 9 * f)
    expected = vectorized.conv2d_backward_weight(wide_dy, wide[0], k.shape, *geometry)
    close(dw, expected, dy[..., 0].size)


pads = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)
channels = st.sampled_from([1, 2, 3, 5, 8, 16, 17, 33])


@pytest.mark.usefixtures("dirty_memory")
@pytest.mark.parametrize("part_tiles", [winograd.PARTS, 1 << 30])
@settings(max_examples=sized(40, 8), deadline=None)
@given(
    st.integers(1, 3), st.integers(3, 14), st.integers(3, 14), channels, channels, pads,
    st.integers(0, 999),
)  # fmt: skip
def test_any_size(
    part_tiles: int, n: int, h: int, w: int, c: int, f: int, padding: Any, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "PART_TILES", part_tiles)
        check_all(n, h, w, c, f, padding, seed)


# Each is there for a branch that small random cases may miss.
BRANCHES = {
    "blocks that end inside rows": (3, 23, 18, 8, 16, ((1, 1), (1, 1))),
    "channels summed in chunks": (1, 6, 6, 330, 16, ((1, 1), (1, 1))),
    "one tile, one channel, one filter": (1, 3, 3, 1, 1, ((0, 0), (0, 0))),
    "no padding, whole tiles": (2, 10, 14, 16, 32, ((0, 0), (0, 0))),
}

DEEP = {
    "fewer channels than are summed at once": (2, 9, 7, 33, 70),
    "several passes, a last one that is short": (1, 6, 5, winograd_loops.CHUNK + 20, 40),
    "one vector of filters in the last panel": (3, 4, 4, 16, 3 * LANES),
    "odd numbers": (2, 5, 9, 7, 5),
    "filters turned panel by panel": (2, 9, 7, 64, winograd_loops.CHUNK + 3 * LANES),
}


@pytest.mark.usefixtures("dirty_memory")
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("part_tiles", [winograd.PARTS, 1 << 30])
@pytest.mark.parametrize(("c_a", "c_b"), [(1, 1), (1, 2), (2, 1), (3, 1), (1, 0.5), (1, 1.25)])
def test_two_images_side_by_side(
    c_a: float, c_b: float, part_tiles: int, deep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose channels, counted in vectors, are taken together: the bits of the joined image."""
    monkeypatch.setattr(winograd, "PART_TILES", part_tiles)
    monkeypatch.setattr(winograd, "_is_deep", lambda *sizes: deep)
    channels = int(c_a * LANES), int(c_b * LANES)
    pair = tuple(normal(2, 9, 7, c, seed=c + k) for k, c in enumerate(channels))
    x, k, b = np.concatenate(pair, axis=3), normal(3, 3, sum(channels), 21), normal(21)
    dy = normal(2, 9, 7, 21)
    with untouched(*pair, k, b, dy):
        y = winograd.winograd_forward(pair, k, b, GEOMETRY[1], "tanh")
        halves = winograd.winograd_backward_pair(dy, k, channels, GEOMETRY[1])
        dw = winograd.winograd_backward_weight(dy, pair, GEOMETRY[1])
    expected = winograd.winograd_forward(x, k, b, GEOMETRY[1], "tanh")
    np.testing.assert_array_equal(y, expected, strict=True)
    expected = winograd.winograd_backward_input(dy, k, x.shape, GEOMETRY[1])
    np.testing.assert_array_equal(np.concatenate(halves, axis=3), expected, strict=True)
    expected = winograd.winograd_backward_weight(dy, x, GEOMETRY[1])
    np.testing.assert_array_equal(dw, expected, strict=True)


@pytest.mark.usefixtures("dirty_memory")
@pytest.mark.parametrize("case", BRANCHES)
def test_branches(case: str) -> None:
    check_all(*BRANCHES[case])


@pytest.mark.usefixtures("dirty_memory")
@pytest.mark.parametrize("case", DEEP)
def test_deep_layers_go_panel_by_panel(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """U is not stored; the same bits as if it were: the size of a batch must not show."""
    n, h, w, c, f = DEEP[case]
    x, k, b = normal(n, h, w, c), normal(3, 3, c, f), normal(f)
    monkeypatch.setattr(winograd, "_is_deep", lambda *sizes: False)
    expected = winograd.winograd_forward(x, k, b, GEOMETRY[1], "relu")
    dy = normal(n, h, w, f)
    expected_dx = winograd.winograd_backward_input(dy, k, x.shape, GEOMETRY[1])
    monkeypatch.setattr(winograd, "_is_deep", lambda *sizes: True)
    taken = []
    run = winograd.threads.run

    def note(kernel: Any, *arguments: Any) -> None:
        taken.append(kernel)
        run(kernel, *arguments)

    monkeypatch.setattr(winograd.threads, "run", note)
    found = winograd.winograd_forward(x, k, b, GEOMETRY[1], "relu")
    assert winograd_deep.forward_panels in taken
    np.testing.assert_array_equal(found, expected)
    taken.clear()
    found = winograd.winograd_backward_input(dy, k, x.shape, GEOMETRY[1])
    np.testing.assert_array_equal(found, expected_dx)
    assert winograd_deep.forward_panels in taken
    check_all(n, h, w, c, f, GEOMETRY[1])


def test_layers_with_few_tiles_for_their_filters_are_deep() -> None:
    assert winograd._is_deep(64, 64)
    assert not winograd._is_deep(65, 64)
    assert not winograd._is_deep(2, panel_width(4))  # one work item


@pytest.mark.usefixtures("dirty_memory")
@pytest.mark.parametrize("at_once", [24, 10_000])
def test_stored_tables(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dU is large, V and Z are stored, all at once or some tiles at a time."""
    monkeypatch.setattr(winograd, "PART_BYTES", 0)
    per_tile = winograd_tiles.POINTS * 4 * (8 + 16)
    monkeypatch.setattr(winograd, "STORE_BYTES", at_once * per_tile)
    check_all(2, 21, 22, 8, 16, ((1, 1), (1, 1)))


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_activation_on_the_way_out(activation: str) -> None:
    x, w, b = normal(2, 9, 7, 8), normal(3, 3, 8, 19), normal(19)
    padding = GEOMETRY[1]
    plain = winograd.winograd_forward(x, w, b, padding)
    found = winograd.winograd_forward(x, w, b, padding, activation)
    expected = getattr(vectorized, f"{activation}_forward")(plain)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_nan_stays_in_its_tiles_and_passes_relu() -> None:
    x, w = normal(1, 12, 12, 8), normal(3, 3, 8, 16)
    x[0, 1, 1, 3] = np.nan
    y = winograd.winograd_forward(x, w, None, ((0, 0), (0, 0)), "relu")
    assert np.isnan(y[0, :2, :2]).all()
    assert np.isfinite(y[0, 4:]).all()


@pytest.mark.parametrize("part_bytes", [0, 1 << 30])
def test_same_bits_on_any_number_of_threads(
    part_bytes: int, many_threads: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "PART_BYTES", part_bytes)
    monkeypatch.setattr(winograd, "PART_TILES", 4)
    x, w, b, dy = normal(3, 17, 19, 8), normal(3, 3, 8, 16), normal(16), normal(3, 17, 19, 16)
    padding, found = GEOMETRY[1], []
    for threads in (1, 2, 4):
        used = many_threads(threads)
        found.append(
            (
                winograd.winograd_forward(x, w, b, padding).tobytes(),
                winograd.winograd_backward_input(dy, w, x.shape, padding).tobytes(),
                winograd.winograd_backward_weight(dy, x, padding).tobytes(),
            )
        )
        assert bool(used) == (threads > 1)
    assert found[0] == found[1] == found[2]


plain = make_transform(winograd_tiles.B)
finishing = make_transform(np.transpose(winograd_tiles.A), side="D", finish=True)
INSIDE, AT_BORDER = None, (1, 3, 0, 2, LANES - 1)


@kernel
def call_plain(S, s0, s_row, s_col, D, d0, d_row, d_col, border):
    plain(S, s0, s_row, s_col, D, d0, d_row, d_col, border)


@kernel
def call_finishing(S, s0, s_row, s_col, D, d0, d_row, d_col, border, bias, b0, relu):
    finishing(S, s0, s_row, s_col, D, d0, d_row, d_col, border, bias, b0, relu)


@pytest.mark.compiled
@pytest.mark.parametrize("relu", [0, 1])
@pytest.mark.parametrize("finish", [False, True])
@pytest.mark.parametrize("border", [INSIDE, AT_BORDER])
def test_twin(border: Any, finish: bool, relu: int) -> None:
    size = 7 * 6 * (LANES + 3)
    S, bias = normal(size), normal(64, seed=3)
    S[3 + 7 * (LANES + 2)] = np.nan  # in row 1 and column 0: read from both sides of the border
    matrix = np.transpose(winograd_tiles.A) if finish else winograd_tiles.B
    rest = (bias, 5, relu) if finish else ()
    side = "D" if finish else "S"
    source, target = (3, 6 * (LANES + 2) + 1, LANES + 2), (11, 6 * (LANES + 3), LANES + 3)
    found, expected = np.full(size, 7, np.float32), np.full(size, 7, np.float32)
    (call_finishing if finish else call_plain)(S, *source, found, *target, border, *rest)
    _make_twin(matrix, side, finish)(S, *source, expected, *target, border, *rest)
    np.testing.assert_allclose(found, expected, rtol=0, atol=400 * EPS)
    written = 4 * (LANES - 1) if finish and border else len(matrix) ** 2 * LANES
    assert (found == 7).sum() == size - written


@pytest.mark.parametrize("name", ["A", "B", "G"])
@pytest.mark.parametrize("turned", [False, True])
def test_shared_sums_change_nothing(name: str, turned: bool) -> None:
    """What two rows or columns share is made once; the product is that of the whole matrix."""
    matrix = np.array(getattr(winograd_tiles, name))
    matrix = matrix.T if turned else matrix
    height, width = matrix.shape
    S = normal(width, width, LANES)
    found = np.zeros((height, height, LANES), np.float32)
    steps = (0, width * LANES, LANES), (0, height * LANES, LANES)
    _make_twin(matrix.tolist(), "S", False)(S.ravel(), *steps[0], found.ravel(), *steps[1], None)
    expected = np.einsum("rk,klx,sl->rsx", matrix, S.astype(np.float64), matrix)
    np.testing.assert_allclose(found, expected, rtol=0, atol=200 * EPS)


def test_a_product_takes_few_operations() -> None:
    """B has 32 entries that are not zero; with sums that rows share, 12 operations are enough."""
    counted = []

    class Counting:
        @staticmethod
        def _count(*operands: Any) -> str:
            counted.append(operands)
            return "x"

        add = subtract = times = add_times = _count

    product(Counting, [[float(v) for v in row] for row in winograd_tiles.B], ["x"] * 6)
    assert len(counted) == 12
