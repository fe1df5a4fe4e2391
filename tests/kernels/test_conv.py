"""Compiled convolution against the loops where small, against NumPy where large."""

from __future__ import annotations

from types import ModuleType

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import check, convolutions, quick, sources

from nanocnn import kernels, reference, vectorized

from .cases import CONVOLUTIONS, Convolution, Source, output_shape, untouched, wide_convolutions

pytestmark = pytest.mark.usefixtures("dirty_memory", "direct")
activations = st.sampled_from([None, "relu", "sigmoid", "tanh"])


def compare_forward(
    case: Convolution, source: Source, with_bias: bool, activation: str | None, rung: ModuleType
) -> None:
    x, w = source.normal(*case.x), source.normal(*case.w, salt=1)
    b = source.normal(case.w[3], salt=3) if with_bias else None
    with untouched(x, w, b):
        actual = kernels.conv2d_forward(x, w, b, *case.geometry, activation)
    expected = rung.conv2d_forward(x, w, b, *case.geometry)
    size = max(1.0, float(np.abs(expected).max(initial=0)))
    if activation:
        expected = getattr(rung, f"{activation}_forward")(expected)
    terms = int(np.prod(case.w[:3])) + 1
    check(actual, expected, terms if activation is None else int(terms * size**2) + 1)


def compare_backward(case: Convolution, source: Source, rung: ModuleType) -> None:
    x, w = source.normal(*case.x), source.normal(*case.w, salt=1)
    dy = source.normal(*output_shape(case), salt=2)
    taps = case.w[0] * case.w[1] * case.w[3] // case.groups
    with untouched(x, w, dy):
        dx = kernels.conv2d_backward_input(dy, w, case.x, *case.geometry)
        dw = kernels.conv2d_backward_weight(dy, x, case.w, *case.geometry)
        db = kernels.conv2d_backward_bias(dy)
        both = kernels.conv2d_backward_weight_and_bias(dy, x, case.w, *case.geometry)
    np.testing.assert_array_equal(both[0], dw, strict=True)
    check(both[1], rung.conv2d_backward_bias(dy), dy[..., 0].size)
    check(dx, rung.conv2d_backward_input(dy, w, case.x, *case.geometry), taps)
    expected = rung.conv2d_backward_weight(dy, x, case.w, *case.geometry)
    check(dw, expected, dy[..., 0].size)
    check(db, rung.conv2d_backward_bias(dy), dy[..., 0].size)


@quick
@given(convolutions(), sources, st.booleans(), activations)
def test_forward_against_the_loops(
    case: Convolution, source: Source, with_bias: bool, activation: str | None
) -> None:
    compare_forward(case, source, with_bias, activation, reference)


@quick
@given(convolutions(), sources)
def test_backward_against_the_loops(case: Convolution, source: Source) -> None:
    compare_backward(case, source, reference)


@quick
@given(wide_convolutions(), sources, st.booleans(), activations)
def test_forward_against_numpy(
    case: Convolution, source: Source, with_bias: bool, activation: str | None
) -> None:
    compare_forward(case, source, with_bias, activation, vectorized)


@quick
@given(wide_convolutions(), sources)
def test_backward_against_numpy(case: Convolution, source: Source) -> None:
    compare_backward(case, source, vectorized)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_chosen_cases(case: Convolution, dtype: type) -> None:
    source = Source(7, dtype, "C")
    for activation in (None, "relu", "sigmoid", "tanh"):
        compare_forward(case, source, True, activation, vectorized)
    compare_forward(case, source, False, None, vectorized)
    compare_backward(case, source, vectorized)


def test_a_tap_that_sees_no_pixel_gets_a_gradient_of_zero() -> None:
    case = CONVOLUTIONS["taps that see no pixel"]
    source = Source(3, np.float32, "C")
    dy = source.normal(*output_shape(case))
    dw = kernels.conv2d_backward_weight(dy, source.normal(*case.x), case.w, *case.geometry)
    seen = reference.conv2d_backward_weight(
        np.ones(dy.shape), np.ones(case.x), case.w, *case.geometry
    )
    assert (seen == 0).any()
    assert (dw[seen == 0] == 0).all()
    assert (dw[seen != 0] != 0).all()


@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
def test_nan_reaches_the_windows_that_see_it_and_no_others(activation: str | None) -> None:
    case = CONVOLUTIONS["blocks that end inside rows"]
    source = Source(5, np.float32, "C")
    x, w = np.array(source.normal(*case.x)), source.normal(*case.w, salt=1)
    x[1, 9, 5, 2] = np.nan
    y = kernels.conv2d_forward(x, w, None, *case.geometry, activation)
    sees = np.isnan(vectorized.conv2d_forward(x, w, None, *case.geometry))
    assert sees.any()
    np.testing.assert_array_equal(np.isnan(y), sees)


def test_infinity_in_one_image_does_not_reach_the_next() -> None:
    case = CONVOLUTIONS["blocks that end inside rows"]
    source = Source(5, np.float32, "C")
    x, w = np.array(source.normal(*case.x)), source.normal(*case.w, salt=1)
    clean = kernels.conv2d_forward(x, w, None, *case.geometry)
    x[1] = np.inf
    y = kernels.conv2d_forward(x, w, None, *case.geometry)
    np.testing.assert_array_equal(y[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize("size", [0, 1])
def test_a_batch_of_none_or_one(size: int) -> None:
    case = Convolution((size, 5, 4, 3), (2, 3, 3, 7), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    compare_forward(case, Source(1, np.float32, "C"), True, "relu", vectorized)
    compare_backward(case, Source(1, np.float32, "C"), vectorized)
