"""Activations on whole arrays against the loops, and far from zero."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import Source, check, quick, sources

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
@quick
@given(shapes, sources, st.sampled_from([0.01, 1.0, 100.0]))
def test_slope_from_the_output(name: str, shape: list[int], source: Source, scale: float) -> None:
    x = source.arrange(source.dtype(scale) * source.normal(*shape))
    y = getattr(vectorized, f"{name}_forward")(x)
    check(y, getattr(reference, f"{name}_forward")(x))
    dy = source.normal(*shape, salt=1)
    actual = getattr(vectorized, f"{name}_backward")(dy, y)
    check(actual, getattr(reference, f"{name}_backward")(dy, y))


@pytest.mark.parametrize(("name", "options"), [("leaky_relu", (0.3,)), ("gelu", ())])
@quick
@given(shapes, sources, st.sampled_from([0.01, 1.0, 100.0]))
def test_slope_from_the_input(
    name: str, options: tuple[float, ...], shape: list[int], source: Source, scale: float
) -> None:
    x = source.arrange(source.dtype(scale) * source.normal(*shape))
    actual = getattr(vectorized, f"{name}_forward")(x, *options)
    check(actual, getattr(reference, f"{name}_forward")(x, *options))
    dy = source.normal(*shape, salt=1)
    actual = getattr(vectorized, f"{name}_backward")(dy, x, *options)
    expected = getattr(reference, f"{name}_backward")(dy, x, *options)
    check(actual, expected, 16)  # near its turning point GELU's slope is a small difference


@pytest.mark.parametrize("rung", [reference, vectorized])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "gelu"])
def test_far_from_zero_without_a_warning(rung: object, dtype: type, name: str) -> None:
    x = np.array([-1e4, -90.0, 90.0, 1e4], dtype)
    y = getattr(rung, f"{name}_forward")(x)
    assert y.dtype == dtype
    low = {"tanh": -1.0}.get(name, 0.0)
    high = x[2:] if name in ("relu", "gelu") else np.ones(2)
    np.testing.assert_allclose(y[:2], low, atol=1e-38)
    np.testing.assert_allclose(y[2:], high, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_slope_of_gelu_where_its_cube_overflows(dtype: type) -> None:
    x = np.array([-1e30, -1e20, -31.0, 31.0, 1e20, 1e30], dtype)
    np.testing.assert_array_equal(vectorized.gelu_forward(x), [0, 0, 0, *x[3:]])
    dx = vectorized.gelu_backward(np.ones_like(x), x)
    assert dx.dtype == dtype
    np.testing.assert_array_equal(dx, [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("rung", [reference, vectorized])
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid", "tanh", "gelu"])
def test_nan_is_shown(rung: object, name: str) -> None:
    options = (0.1,) if name == "leaky_relu" else ()
    y = getattr(rung, f"{name}_forward")(np.array([np.nan, 1.0]), *options)
    assert np.isnan(y[0])
    assert np.isfinite(y[1])
