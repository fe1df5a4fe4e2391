"""Convolution and max pooling in one go: the bits of one after the other."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import convolutions, quick, sources

from nanocnn import config
from nanocnn.kernels import bands, choice
from nanocnn.kernels.jit import panel_width
from tests.sizes import sized

from .band_cases import Both, band_bytes, bits, compare, odd, plans
from .cases import (
    CONVOLUTIONS,
    NO_PADDING,
    Convolution,
    Pooling,
    Source,
    output_shape,
    wide_convolutions,
)

pytestmark = pytest.mark.usefixtures("dirty_memory")
ACTIVATIONS = [None, "relu", "sigmoid", "tanh"]
WHOLE = panel_width(4)  # filters that fill the panels of float32


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
