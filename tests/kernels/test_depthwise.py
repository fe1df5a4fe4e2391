"""Depthwise convolution compiled: against the loops where small, against NumPy where large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import check, different, free, quick, sources

from nanocnn import kernels, reference, vectorized
from nanocnn.kernels import channelwise, conv, depthwise
from nanocnn.kernels.jit import kernel
from nanocnn.kernels.windows import lanes

from .cases import NO_PADDING, Convolution, Source, output_shape, untouched

pytestmark = pytest.mark.usefixtures("dirty_memory")
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CHANNELS = (1, 3, 5, 8, 17, 64)


@st.composite
def convolutions(draw: st.DrawFn, most: int) -> Convolution:
    """Draw one of which N, H, W, KH and KW differ, as do strides, dilations and paddings."""
    n, kh, kw = draw(different(3, 1, 4))
    stride, dilation = draw(different(2, 1, 3)), draw(different(2, 1, 3))
    top, bottom, left, right = draw(different(4, 0, 4))
    size: list[int] = []
    for k, d, around in zip((kh, kw), dilation, (top + bottom, left + right), strict=True):
        fits = max(1, d * (k - 1) + 1 - around) + draw(st.integers(0, most))
        size.append(draw(st.sampled_from(free(fits, [n, kh, kw, *size]))))
    c = draw(st.sampled_from(CHANNELS if most else CHANNELS[:-1]))
    return Convolution(
        x=(n, size[0], size[1], c),
        w=(kh, kw, 1, c),
        stride=(stride[0], stride[1]),
        padding=((top, bottom), (left, right)),
        dilation=(dilation[0], dilation[1]),
        groups=c,
    )


SAME = ((1, 1), (1, 1))
# Each is there for a branch of the loops that small random cases may miss.
CASES = {
    "3x3": Convolution((2, 13, 11, 49), (3, 3, 1, 49), (1, 1), SAME, (1, 1), 49),
    "stride 2": Convolution((3, 13, 18, 35), (3, 3, 1, 35), (2, 2), SAME, (1, 1), 35),
    "5x5": Convolution((2, 9, 16, 40), (5, 5, 1, 40), (1, 1), ((2, 2), (2, 2)), (1, 1), 40),
    "1x1 with stride": Convolution((2, 7, 6, 9), (1, 1, 1, 9), (3, 2), NO_PADDING, (1, 1), 9),
    "taps that see no pixel": Convolution(
        (2, 2, 3, 9), (3, 3, 1, 9), (1, 1), ((5, 5), (5, 5)), (5, 5), 9
    ),
    "outputs that see no pixel": Convolution(
        (2, 3, 2, 33), (2, 3, 1, 33), (1, 1), ((4, 3), (6, 5)), (1, 1), 33
    ),
    "rows longer than a sum": Convolution(
        (1, 2, 300, 5), (2, 3, 1, 5), (1, 1), NO_PADDING, (1, 1), 5
    ),
    "no image": Convolution((0, 5, 4, 9), (3, 3, 1, 9), (1, 1), SAME, (1, 1), 9),
}


def passes(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, dy: np.ndarray, case: Convolution):  # type: ignore[no-untyped-def]
    """Return y, dx and dw, from the kernels that this file is about."""
    geometry = case.geometry[:3]
    return (
        depthwise.depthwise_forward(x, w, b, dy.shape[1:3], *geometry),
        depthwise.depthwise_backward_input(dy, w, case.x, *geometry),
        depthwise.depthwise_backward_weight(dy, x, case.w, *geometry),
    )


def compare(case: Convolution, source: Source, with_bias: bool, rung: ModuleType) -> None:
    x, w = source.normal(*case.x), source.normal(*case.w, salt=1)
    b = source.normal(case.w[3], salt=3) if with_bias else None
    dy = source.normal(*output_shape(case), salt=2)
    with untouched(x, w, b, dy):
        y, dx, dw = passes(x, w, b, dy, case)
    taps = case.w[0] * case.w[1]
    check(y, rung.conv2d_forward(x, w, b, *case.geometry), taps + 1)
    check(dx, rung.conv2d_backward_input(dy, w, case.x, *case.geometry), taps)
    expected = rung.conv2d_backward_weight(dy, x, case.w, *case.geometry)
    check(dw, expected, dy[..., 0].size)


@quick
@given(convolutions(most=0), sources, st.booleans())
def test_against_the_loops(case: Convolution, source: Source, with_bias: bool) -> None:
    compare(case, source, with_bias, reference)


@quick
@given(convolutions(most=14), sources, st.booleans())
def test_against_numpy(case: Convolution, source: Source, with_bias: bool) -> None:
    compare(case, source, with_bias, vectorized)


@dtypes
@pytest.mark.parametrize("name", CASES)
def test_chosen_cases(name: str, dtype: type) -> None:
    compare(CASES[name], Source(7, dtype, "C"), True, vectorized)


@dtypes
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_activation_on_the_way_out(activation: str, dtype: type) -> None:
    case, source = CASES["3x3"], Source(2, dtype, "C")
    x, w, b = source.normal(*case.x), source.normal(*case.w, salt=1), source.normal(49, salt=3)
    plain = kernels.conv2d_forward(x, w, b, *case.geometry)
    assert (plain < 0).any()
    found = kernels.conv2d_forward(x, w, b, *case.geometry, activation)
    check(found, getattr(vectorized, f"{activation}_forward")(plain))


def test_it_is_used_where_each_channel_has_one_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    for name in ("forward", "backward_input", "backward_weight"):
        function = getattr(conv, f"depthwise_{name}")

        def told(*args, name=name, function=function):  # type: ignore[no-untyped-def]
            used.append(name)
            return function(*args)

        monkeypatch.setattr(conv, f"depthwise_{name}", told)

    def call(case: Convolution) -> list[str]:
        used.clear()
        source = Source(4, np.float32, "C")
        x, w = source.normal(*case.x), source.normal(*case.w, salt=1)
        dy = kernels.conv2d_forward(x, w, None, *case.geometry)
        kernels.conv2d_backward_input(dy, w, case.x, *case.geometry)
        _, db = kernels.conv2d_backward_weight_and_bias(dy, x, case.w, *case.geometry)
        check(db, vectorized.conv2d_backward_bias(dy), dy[..., 0].size)
        return used.copy()

    case = CASES["3x3"]
    assert call(case) == ["forward", "backward_input", "backward_weight"]
    few = replace(case, x=(2, 13, 11, 3), w=(3, 3, 1, 3), groups=3)
    assert call(few) == ["forward", "backward_input", "backward_weight"]
    assert call(replace(case, w=(3, 3, 1, 98))) == []  # two filters for each channel
    assert call(replace(case, w=(3, 3, 7, 49), groups=7)) == []


@dtypes
def test_nan_does_not_come_out_of_the_padding(dtype: type) -> None:
    """A filter's NaN reaches the pixels that its tap sees, and dy's NaN those that saw it."""
    case, source = CASES["3x3"], Source(5, dtype, "C")
    x, w = source.normal(*case.x), np.array(source.normal(*case.w, salt=1))
    dy = np.array(source.normal(*output_shape(case), salt=2))
    w[0, 0, 0, [2, 48]] = np.nan
    y, dx, _ = passes(x, w, None, dy, case)
    bad = np.zeros(y.shape, bool)
    bad[:, 1:, 1:, [2, 48]] = True  # the first row and column have padding at this tap
    np.testing.assert_array_equal(np.isnan(y), bad)
    bad = np.zeros(dx.shape, bool)
    bad[:, :-1, :-1, [2, 48]] = True
    np.testing.assert_array_equal(np.isnan(dx), bad)
    w = source.normal(*case.w, salt=1)
    dy[1, 0, 0, [5, 48]] = np.nan
    _, dx, dw = passes(x, w, None, dy, case)
    bad = np.zeros(dx.shape, bool)
    bad[1, :2, :2, [5, 48]] = True
    np.testing.assert_array_equal(np.isnan(dx), bad)
    bad = np.zeros(dw.shape, bool)
    bad[1:, 1:, 0, [5, 48]] = True  # the other taps looked at padding from there
    np.testing.assert_array_equal(np.isnan(dw), bad)


def test_nan_passes_relu() -> None:
    case, source = CASES["3x3"], Source(5, np.float32, "C")
    x, w = np.array(source.normal(*case.x)), source.normal(*case.w, salt=1)
    x[0, 5, 5, [7, 48]] = np.nan
    y = kernels.conv2d_forward(x, w, None, *case.geometry, "relu")
    bad = np.zeros(y.shape, bool)
    bad[0, 4:7, 4:7, [7, 48]] = True
    np.testing.assert_array_equal(np.isnan(y), bad)


def test_a_long_float32_sum_keeps_its_accuracy() -> None:
    """Products of the same sign: a float32 sum of all in a row is 50 times worse."""
    shape, geometry = (4, 200, 300, 9), ((1, 1), NO_PADDING, (1, 1))
    r = np.random.default_rng(3)
    x, dy = r.random(shape, np.float32), r.random(shape, np.float32)
    dw = depthwise.depthwise_backward_weight(dy, x, (1, 1, 1, 9), *geometry)
    exact = np.einsum("nijc,nijc->c", x.astype(np.float64), dy.astype(np.float64))
    assert np.abs(dw[0, 0, 0] / exact - 1).max() < 2e-6


@pytest.mark.parametrize("name", ["3x3", "stride 2", "5x5"])
def test_same_bits_on_any_number_of_threads(
    name: str, many_threads: Callable[[int], list[int]]
) -> None:
    case, source, found = CASES[name], Source(6, np.float32, "C"), []
    x, w, b = source.normal(*case.x), source.normal(*case.w, salt=1), source.normal(case.w[3])
    dy = source.normal(*output_shape(case), salt=2)
    for threads in (1, 2, 4):
        used = many_threads(threads)
        found.append([a.tobytes() for a in passes(x, w, b, dy, case)])
        assert bool(used) == (threads > 1)
    assert found[0] == found[1] == found[2]


@pytest.mark.compiled
@dtypes
@pytest.mark.parametrize("relu", [0, 1])
@pytest.mark.parametrize(
    ("pixels", "vectors", "count", "partly"),
    [(1, 1, 9, False), (4, 2, 3, False), (3, 1, 0, False), (2, 1, 4, True)],
)
def test_tap_sum(
    pixels: int, vectors: int, count: int, partly: bool, relu: int, dtype: type
) -> None:
    tap_sum = channelwise.make_tap_sum(pixels, vectors)
    twin = channelwise._make_tap_sum_twin(pixels, vectors)

    @kernel
    def compiled(x, a, step, places, w, taps, n, bias, f, relu, y, o, o_step, there):  # type: ignore[no-untyped-def]
        tap_sum(x, a, step, places, w, taps, n, bias, f, relu, y, o, o_step, there)

    source, r = Source(1, dtype, "C"), np.random.default_rng(count)
    x, w, bias = (np.array(source.normal(900, salt=k)) for k in range(3))
    x[r.integers(0, 900, 20)] = np.nan
    places, taps = r.integers(-40, 40, 10), r.integers(0, 400, 10)
    actual, expected = np.full(700, 9, dtype), np.full(700, 9, dtype)
    there = lanes(x.itemsize) - 1 if partly else None
    rest = (3, relu), (5, 50, there)
    compiled(x, 50, 45, places, w, taps, count, bias, *rest[0], actual, *rest[1])
    twin(x, 50, 45, places, w, taps, count, bias, *rest[0], expected, *rest[1])
    check(actual, expected, 10)
    assert (expected == 9).sum() == 700 - pixels * (there or vectors * lanes(x.itemsize))


@pytest.mark.compiled
@dtypes
@pytest.mark.parametrize(
    ("rows", "vectors", "count", "partly"),
    [(1, 1, 9, False), (3, 4, 7, False), (3, 1, 1, False), (3, 1, 5, True)],
)
def test_pixel_sum(rows: int, vectors: int, count: int, partly: bool, dtype: type) -> None:
    pixel_sum = channelwise.make_pixel_sum(rows, vectors)
    twin = channelwise._make_pixel_sum_twin(rows, vectors)

    @kernel
    def compiled(x, a, step, places, taps, k, dy, o, o_step, n, dw, f, there):  # type: ignore[no-untyped-def]
        pixel_sum(x, a, step, places, taps, k, dy, o, o_step, n, dw, f, there)

    source = Source(1, dtype, "C")
    x, dy = (np.array(source.normal(900, salt=k)) for k in range(2))
    places, taps = np.array([0, 7, 70, 30, 30]), np.array([0, 9, 200, 100, 100])
    actual, expected = np.full(400, 9, dtype), np.full(400, 9, dtype)
    there = lanes(x.itemsize) - 1 if partly else None
    compiled(x, 50, 45, places, taps, 2, dy, 7, 50, count, actual, 3, there)
    twin(x, 50, 45, places, taps, 2, dy, 7, 50, count, expected, 3, there)
    check(actual, expected, 20)
    assert (expected != 9).sum() == min(rows, 2) * (there or vectors * lanes(x.itemsize))
