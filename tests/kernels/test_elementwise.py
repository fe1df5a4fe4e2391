"""Single passes over memory: activations, softmax, dropout, flatten, against the loops."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import check, quick, sources

from nanocnn import kernels, reference, vectorized
from nanocnn.kernels import elementwise
from tests.sizes import sized

from .cases import Source, untouched

pytestmark = pytest.mark.usefixtures("dirty_memory")
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)
scales = st.sampled_from([0.01, 1.0, 100.0])
from_output = pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
MANY = 3 * elementwise.BLOCK + 5  # more than one work item, and a rest


@from_output
@quick
@given(shapes, sources, scales)
def test_slope_from_the_output(name: str, shape: list[int], source: Source, scale: float) -> None:
    x = source.arrange(source.dtype(scale) * source.normal(*shape))
    with untouched(x):
        y = getattr(kernels, f"{name}_forward")(x)
    check(y, getattr(reference, f"{name}_forward")(x))
    dy = source.normal(*shape, salt=1)
    with untouched(dy, y):
        actual = getattr(kernels, f"{name}_backward")(dy, y)
    check(actual, getattr(reference, f"{name}_backward")(dy, y))


@pytest.mark.parametrize(("name", "options"), [("leaky_relu", (0.3,)), ("gelu", ())])
@quick
@given(shapes, sources, scales)
def test_slope_from_the_input(
    name: str, options: tuple[float, ...], shape: list[int], source: Source, scale: float
) -> None:
    x = source.arrange(source.dtype(scale) * source.normal(*shape))
    actual = getattr(kernels, f"{name}_forward")(x, *options)
    check(actual, getattr(reference, f"{name}_forward")(x, *options))
    dy = source.normal(*shape, salt=1)
    actual = getattr(kernels, f"{name}_backward")(dy, x, *options)
    expected = getattr(reference, f"{name}_backward")(dy, x, *options)
    check(actual, expected, 16)  # near its turning point GELU's slope is a small difference


@from_output
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_from_zero(name: str, dtype: type) -> None:
    x = np.array([-1e4, -745.0, -90.0, -0.0, 0.0, 90.0, 1e4, np.inf, -np.inf, np.nan], dtype)
    actual = getattr(kernels, f"{name}_forward")(x)
    expected = getattr(reference, f"{name}_forward")(x)
    np.testing.assert_allclose(actual, expected, rtol=4 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_kinks_and_numbers_that_are_none(name: str) -> None:
    options = (0.25,) if name == "leaky_relu" else ()
    v = np.array([-1.0, -0.0, 0.0, 2.0, np.nan, -np.inf, np.inf, -1.0, 2.0])
    dy = np.array([3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, np.inf, np.nan])
    actual = getattr(kernels, f"{name}_backward")(dy, v, *options)
    expected = getattr(reference, f"{name}_backward")(dy, v, *options)
    np.testing.assert_array_equal(actual, expected)


@from_output
@quick
@given(shapes, sources)
def test_fused_backward(name: str, shape: list[int], source: Source) -> None:
    dy, y = source.normal(*shape), source.normal(*shape, salt=1)
    with untouched(dy, y):
        dz, db = kernels.fused_backward(dy, y, name)
    expected = getattr(reference, f"{name}_backward")(dy, y)
    check(dz, expected)
    rows = expected.reshape(-1, shape[-1])
    room = 8 * np.finfo(dy.dtype).eps * np.abs(rows).sum(axis=0).max()
    np.testing.assert_allclose(db, rows.sum(axis=0, dtype=np.float64), rtol=0, atol=room)
    assert db.dtype == dy.dtype


@from_output
def test_fused_backward_is_the_two_passes_in_one(name: str) -> None:
    # Where relu is closed, even an infinite gradient must not come through.
    y = np.array([[0.0, 0.5], [0.5, 0.0], [1.0, -0.0]])
    dy = np.array([[np.inf, 1.0], [2.0, np.nan if name == "relu" else 3.0], [4.0, 5.0]])
    dy[0, 0] = np.inf if name == "relu" else 1.0
    dz, db = kernels.fused_backward(dy, y, name)
    np.testing.assert_array_equal(dz, getattr(kernels, f"{name}_backward")(dy, y))
    np.testing.assert_array_equal(db, kernels.dense_backward_bias(dz))


@pytest.mark.parametrize("channels", [5, elementwise.FEW + 44])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_the_pixels_of_few_and_of_many_channels(channels: int, dtype: type) -> None:
    source = Source(channels, dtype, "C")
    dy, y = (source.normal(sized(500, 150), channels, salt=salt) for salt in range(2))
    dz, db = kernels.fused_backward(dy, y, "relu")
    check(dz, vectorized.relu_backward(dy, y))
    exact = dz.sum(axis=0, dtype=np.float64)
    check(db, exact.astype(dtype), 4)
    check(kernels.dense_backward_bias(dz), exact.astype(dtype), 4)


def test_sums_over_pixels_accumulate_in_float64() -> None:
    dy = np.full((2, 300, 301, 3), 0.1, np.float32)
    exact = np.float32(np.float64(np.float32(0.1)) * 2 * 300 * 301)
    assert kernels.conv2d_backward_bias(dy).tolist() == [exact] * 3
    _, db = kernels.fused_backward(dy, np.ones_like(dy), "relu")
    assert db.tolist() == [exact] * 3


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "gelu", "leaky_relu"])
def test_many_elements_against_numpy(name: str) -> None:
    options = (0.1,) if name == "leaky_relu" else ()
    source = Source(1, np.float32, "C")
    x, dy = source.normal(MANY), source.normal(MANY, salt=1)
    y = getattr(kernels, f"{name}_forward")(x, *options)
    check(y, getattr(vectorized, f"{name}_forward")(x, *options))
    kept = x if name in ("gelu", "leaky_relu") else y
    dx = getattr(kernels, f"{name}_backward")(dy, kept, *options)
    check(dx, getattr(vectorized, f"{name}_backward")(dy, kept, *options), 16)


@quick
@given(shapes, sources, scales)
def test_softmax(shape: list[int], source: Source, scale: float) -> None:
    x = source.arrange(source.dtype(scale) * source.normal(*shape))
    with untouched(x):
        y = kernels.softmax_forward(x)
    check(y, reference.softmax_forward(x), 1 + int(scale) ** 2)
    dy = source.normal(*shape, salt=1)
    with untouched(dy, y):
        dx = kernels.softmax_backward(dy, y)
    check(dx, reference.softmax_backward(dy, y), shape[-1])


def test_softmax_far_from_zero_and_with_nan() -> None:
    x = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4], [0.0, np.nan, 1.0], [1.0, -np.inf, 1.0]])
    y = kernels.softmax_forward(x.astype(np.float32))
    third = np.float32(1 / 3)
    expected = [[1, 0, 0], [third] * 3, [np.nan] * 3, [0.5, 0, 0.5]]
    np.testing.assert_array_equal(y, np.array(expected, np.float32))


@quick
@given(shapes, sources, st.integers(0, 2**64 - 1), st.sampled_from([0.0, 0.1, 0.5, 0.999]))
def test_dropout(shape: list[int], source: Source, key: int, rate: float) -> None:
    x = source.normal(*shape)
    with untouched(x):
        y = kernels.dropout_forward(x, rate, key)
    expected = reference.dropout_forward(x, rate, key)
    np.testing.assert_array_equal(y == 0, expected == 0)
    check(y, expected)
    dy = source.normal(*shape, salt=1)
    check(kernels.dropout_backward(dy, rate, key), reference.dropout_backward(dy, rate, key))


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("rate", [0.25, 1 / 3])
def test_dropout_of_many_elements_keeps_the_same_ones(key: int, rate: float) -> None:
    x = np.ones(MANY, np.float32)
    y = kernels.dropout_forward(x, rate, key)
    np.testing.assert_array_equal(y != 0, vectorized.dropout_mask(key, MANY, rate))


def test_a_hash_equal_to_the_rate_is_kept() -> None:
    key, e = 5, 3
    low, high = 0, 2**24 - 1  # search for the element's hash: the largest rate that keeps it
    while low < high:
        middle = (low + high + 1) // 2
        if reference.dropout_mask(key, e + 1, middle * 2**-24)[e]:
            low = middle
        else:
            high = middle - 1
    x = np.ones(e + 1)
    assert kernels.dropout_forward(x, low * 2**-24, key)[e] != 0
    assert kernels.dropout_forward(x, (low + 0.5) * 2**-24, key)[e] == 0


def test_flatten_of_an_empty_batch() -> None:
    y = kernels.flatten_forward(np.ones((0, 3, 2, 5), np.float32))
    assert y.shape == (0, 30)
    assert kernels.flatten_backward(y, (0, 3, 2, 5)).shape == (0, 3, 2, 5)


@pytest.mark.parametrize("k", [1, 2, 63, 64, 65, 300])
def test_softmax_of_many_rows_and_of_each_alone(k: int) -> None:
    """Short rows are taken together, long ones by themselves: neither changes a bit."""
    x = 3 * Source(1, np.float32, "C").normal(sized(2000, 600) // k + 3, k)
    y = kernels.softmax_forward(x)
    check(y, vectorized.softmax_forward(x), 8)
    for row in range(0, len(x), sized(7, 100)):
        np.testing.assert_array_equal(kernels.softmax_forward(x[row : row + 1])[0], y[row])
