"""Gradients from the winners of max pooling alone, against those of the image of gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given
from vectorized.cases import quick

from nanocnn import config, kernels, vectorized
from nanocnn.kernels import choice, transform, winner_tiles, winners, winograd
from nanocnn.kernels.jit import kernel
from nanocnn.kernels.transform import LANES, make_transform
from nanocnn.kernels.winograd_tiles import A, B
from tests.sizes import sized

pytestmark = pytest.mark.usefixtures("dirty_memory")
EPS = float(np.finfo(np.float32).eps)
QUADS = winners.QUADS


class Case(NamedTuple):
    """Images, filters, padding; whether a relu stands between the two."""

    x: tuple[int, int, int, int]
    w: tuple[int, int, int]  # KH, KW, F
    padding: Any
    relu: bool = True

    @property
    def geometry(self) -> Any:
        return (1, 1), self.padding, (1, 1), 1

    def arrays(self, seed: int = 0) -> tuple[Any, ...]:
        """Return dy, y or None, the winners, x, w, and the shape of what was pooled."""
        r = np.random.default_rng(seed)
        x = r.normal(size=self.x).astype(np.float32)
        w = r.normal(size=(*self.w[:2], self.x[3], self.w[2])).astype(np.float32)
        z = vectorized.conv2d_forward(x, w, None, *self.geometry)
        z = np.maximum(z, 0) if self.relu else z
        y, winner = vectorized.max_pool2d_forward(z, *QUADS)
        dy = r.normal(size=y.shape).astype(np.float32)
        return dy, y if self.relu else None, winner.astype(np.uint8), x, w, z.shape


def expected(case: Case, dy: Any, y: Any, winner: Any, x: Any, w: Any, z_shape: Any) -> Any:
    """Return dx, dw and db in float64, and the size of what is summed for each."""
    dy, x, w = (a.astype(np.float64) for a in (dy, x, w))
    dz = vectorized.max_pool2d_backward(
        dy if y is None else np.where(y > 0, dy, 0), winner, z_shape, *QUADS
    )

    def three(dz: Any, x: Any, w: Any) -> Any:
        return (
            vectorized.conv2d_backward_input(dz, w, x.shape, *case.geometry),
            vectorized.conv2d_backward_weight(dz, x, w.shape, *case.geometry),
            dz.sum(axis=(0, 1, 2)),
        )

    return three(dz, x, w), three(abs(dz), abs(x), abs(w))


def check(case: Case, tolerance: float = 8) -> None:
    arrays = case.arrays()
    values, sizes = expected(case, *arrays)
    for need_dx in (False, True):
        found = winners.conv2d_max_pool2d_backward(*arrays, case.geometry, QUADS, need_dx, True)
        assert (found[0] is None) == (not need_dx)
        for ours, value, size in zip(found, values, sizes, strict=True):
            if ours is not None:
                assert ours.dtype == np.float32
                assert ours.shape == value.shape
                assert (abs(ours - value) <= tolerance * EPS * size.max() + 1e-30).all()


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 4)))
    padding = draw(st.tuples(*[st.tuples(*[st.integers(0, 3)] * 2)] * 2))
    size = [
        draw(st.integers(max(1, k + 1 - sum(p)), k + 12))
        for k, p in zip(kernel, padding, strict=True)
    ]
    channels, filters = (draw(st.sampled_from([1, 2, 3, 5, 17])) for _ in range(2))
    x = (draw(st.integers(1, 3)), size[0], size[1], channels)
    return Case(x, (*kernel, filters), padding, draw(st.booleans()))


@quick
@given(cases())
@example(Case((2, 5, 70, 3), (3, 3, 70), ((0, 0), (0, 0))))  # more windows than in one go; panels
@example(Case((1, 2, 2, 1), (1, 1, 1), ((0, 0), (0, 0))))
def test_any_geometry(case: Case) -> None:
    with config.winograd(False):
        check(case)


def test_sums_are_taken_over_windows_only_where_that_is_right() -> None:
    x, conv = np.zeros((2, 9, 9, 3), np.float32), ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)

    def pays(
        x: Any = x, w: tuple[int, ...] = (3, 3, 3, 8), conv: Any = conv, pool: Any = QUADS
    ) -> bool:
        return winners.winners_pay(x, w, conv, pool)

    assert pays()
    assert not pays(x=x.astype(np.float64))
    assert not pays(w=(3, 3, 300, 80))
    assert not pays(conv=((2, 1), *conv[1:]))
    assert not pays(conv=(*conv[:2], (1, 2), 1))
    assert not pays(conv=(*conv[:3], 3), w=(3, 3, 1, 9))
    for pool in (((3, 2), *QUADS[1:]), (QUADS[0], (3, 2), QUADS[2])):
        assert not pays(pool=pool)
    assert not pays(pool=(*QUADS[:2], ((1, 0), (0, 0))))


@pytest.fixture
def always_winograd(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (choice, winners, kernels.conv):
        monkeypatch.setattr(module, "winograd_pays", lambda *shapes: True)


PADDINGS = [
    ((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 2), (0, 1)), ((1, 0), (1, 2)), ((0, 2), (2, 0)),
]  # fmt: skip


@pytest.mark.usefixtures("always_winograd")
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", [(2, 13, 18, 5), (1, 8, 9, LANES)])
@pytest.mark.parametrize("in_parts", [False, True])
def test_tiles_of_winners_have_the_bits_of_tiles_of_an_image(
    in_parts: bool, size: Any, padding: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "PART_TILES", 1 if in_parts else 10**6)
    case = Case(sized(size, (1, *size[1:])), (3, 3, 2 * LANES), padding)
    dy, _, winner, x, w, z_shape = case.arrays()
    assert winograd.winograd_unpools(x.shape, w.shape[3], padding, *QUADS[:2])
    dz = kernels.max_pool2d_backward(dy, winner, z_shape, *QUADS)
    dx = winograd.winograd_backward_input_pooled(dy, winner, w, x.shape, padding)
    np.testing.assert_array_equal(dx, winograd.winograd_backward_input(dz, w, x.shape, padding))
    even = dz[:, : z_shape[1] // 2 * 2, : z_shape[2] // 2 * 2]  # the rest is in no window
    dw = winograd.winograd_backward_weight(dy, x, padding, winner)
    expected = winograd.winograd_backward_weight(np.ascontiguousarray(even), x, padding)
    np.testing.assert_array_equal(dw, expected)


@pytest.mark.usefixtures("always_winograd")
@pytest.mark.parametrize("filters", [LANES, LANES + 1])
@pytest.mark.parametrize("padding", [PADDINGS[1], ((0, 0), (1, 0))])
def test_gradients_by_winograd(filters: int, padding: Any) -> None:
    """In tiles of winners, and where they do not fit of an image."""
    case = Case((2, 11, 12, 5), (3, 3, filters), padding)
    fits = filters == LANES and padding == PADDINGS[1]
    assert winners._in_tiles(case.arrays()[3], (3, 3, 5, filters), case.geometry, QUADS) == fits
    check(case, tolerance=40)


@pytest.mark.usefixtures("always_winograd")
def test_a_frozen_layer_in_tiles() -> None:
    case = Case((1, 8, 9, 3), (3, 3, LANES), PADDINGS[1])
    arrays = case.arrays()
    dx, *rest = winners.conv2d_max_pool2d_backward(*arrays, case.geometry, QUADS, True, False)
    np.testing.assert_allclose(dx, expected(case, *arrays)[0][0], rtol=0, atol=1e-4)
    assert rest == [None, None]


def test_windows_that_tiles_cannot_take() -> None:
    x_shape, padding = (8, 20, 20, 16), ((1, 1), (1, 1))
    unpools = winograd.winograd_unpools
    assert unpools(x_shape, LANES, padding, (2, 2), (2, 2))
    assert not unpools(x_shape, LANES + 1, padding, (2, 2), (2, 2))
    assert not unpools(x_shape, LANES, ((0, 1), (1, 0)), (2, 2), (2, 2))
    assert not unpools(x_shape, LANES, padding, (3, 2), (2, 2))
    assert not unpools(x_shape, LANES, padding, (2, 2), (2, 3))
    assert not unpools((1, 8, 8, 256), LANES, padding, (2, 2), (2, 2)), "U is not stored"


def test_a_frozen_layer_and_no_relu() -> None:
    case = Case((2, 9, 8, 3), (3, 3, 4), ((1, 1), (1, 1)), relu=False)
    arrays = case.arrays()
    values, _ = expected(case, *arrays)
    dx, dw, db = winners.conv2d_max_pool2d_backward(*arrays, case.geometry, QUADS, True, False)
    np.testing.assert_allclose(dx, values[0], rtol=0, atol=1e-4)
    assert dw is None
    assert db is None


transforms = {
    (k, size): transform.make_winner_transform(matrix, k)
    for size, matrix in ((6, B), (4, A))
    for k in (0, 1)
}


@pytest.mark.compiled
@pytest.mark.parametrize(("within", "size"), transforms)
def test_the_transform_of_winners(within: int, size: int) -> None:
    """Compiled, in Python, and of the image that the winners stand for: the same numbers."""
    straight = transforms[within, size]

    @kernel
    def compiled(dy, winner, o, row, column, D, d0, d_row, d_col):  # type: ignore[no-untyped-def]
        straight(dy, winner, o, row, column, D, d0, d_row, d_col)

    matrix = B if size == 6 else A
    plain = make_transform(matrix)

    @kernel
    def of_image(S, s0, s_row, s_col, D, d0, d_row, d_col):  # type: ignore[no-untyped-def]
        plain(S, s0, s_row, s_col, D, d0, d_row, d_col, None)

    r = np.random.default_rng(size)
    dy = r.normal(size=(4, 4, LANES)).astype(np.float32)
    winner = r.integers(0, 4, dy.shape).astype(np.uint8)
    image = kernels.max_pool2d_backward(dy[None], winner[None], (1, 8, 8, LANES), *QUADS)
    found = [np.zeros((6, 6, LANES), np.float32) for _ in range(3)]
    args, to = (dy.ravel(), winner.ravel(), 0, 4 * LANES, LANES), (0, 6 * LANES, LANES)
    compiled(*args, found[0].reshape(-1), *to)
    twin = transform._make_twin_of_winners([[float(v) for v in row] for row in matrix], within)
    twin(*args, found[1].reshape(-1), *to)
    start = (8 + 1) * LANES * within
    of_image(image.ravel(), start, 8 * LANES, LANES, found[2].reshape(-1), *to)
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=200 * EPS)
    np.testing.assert_allclose(found[0], found[2], rtol=0, atol=200 * EPS)
    assert found[0].any()
    assert winner_tiles.SIDE == 8
