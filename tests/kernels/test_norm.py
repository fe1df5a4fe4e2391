"""Compiled normalization: blocks and lanes of all kinds, relu inside, exact far from zero."""

from __future__ import annotations

import numpy as np
import pytest
from vectorized.cases import Source, check

from nanocnn import kernels, vectorized
from nanocnn.kernels.lanes import lanes_of
from tests.sizes import sized

pytestmark = pytest.mark.usefixtures("dirty_memory")
CHANNELS = [1, 2, 3, 12, 17, 33, 64, 65, 130]
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each_dtype
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("pixels", [1, 3, sized(1003, 203)])
def test_batch_norm_against_numpy(channels: int, pixels: int, dtype: type) -> None:
    source = Source(channels, dtype, "C")
    x, dy = source.normal(pixels, channels), source.normal(pixels, channels, salt=1)
    gamma, beta = source.normal(channels, salt=2), source.normal(channels, salt=3)
    found, expected = kernels.batch_norm_statistics(x), vectorized.batch_norm_statistics(x)
    for a, b in zip(found, expected, strict=True):
        check(a, b, 4 + pixels)
    args = (*expected, 0.1)
    z = vectorized.batch_norm_forward(x, gamma, beta, *args)
    check(kernels.batch_norm_forward(x, gamma, beta, *args), z, 64)
    check(kernels.batch_norm_forward(x, gamma, beta, *args, "relu"), np.maximum(z, 0), 64)
    for name in ("batch_norm_backward", "batch_norm_backward_constant"):
        for activation, upstream in ((None, dy), ("relu", vectorized.relu_backward(dy, z))):
            actual = getattr(kernels, name)(dy, x, gamma, *args, beta, activation)
            right = getattr(vectorized, name)(upstream, x, gamma, *args)
            for a, b in zip(actual, right, strict=True):
                check(a, b, 256)


@each_dtype
@pytest.mark.parametrize("groups", [1, 2, 6, 12])
@pytest.mark.parametrize("pixels", [1, 5, sized(400, 60)])
def test_group_norm_against_numpy(groups: int, pixels: int, dtype: type) -> None:
    source, channels = Source(groups, dtype, "C"), 12
    x, dy = source.normal(37, pixels, channels), source.normal(37, pixels, channels, salt=1)
    gamma, beta = source.normal(channels, salt=2), source.normal(channels, salt=3)
    found = kernels.group_norm_forward(x, gamma, beta, groups, 0.1)
    expected = vectorized.group_norm_forward(x, gamma, beta, groups, 0.1)
    for a, b in zip(found, expected, strict=True):
        check(a, b, 64)
    back = (dy, x, gamma, *expected[1:], 0.1)
    actual, right = kernels.group_norm_backward(*back), vectorized.group_norm_backward(*back)
    for a, b in zip(actual, right, strict=True):
        check(a, b, 1024)


def test_far_from_zero() -> None:
    """Mean 1e4 and deviation 1 in float32: as exact as x itself, statistics and output."""
    x = np.float32(1e4) + Source(0, np.float32, "C").normal(sized(60_000, 3000), 3)
    exact = x.astype(np.float64)
    mean, variance = kernels.batch_norm_statistics(x)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(variance, exact.var(axis=0), rtol=1e-12)
    one, zero = np.ones(3, np.float32), np.zeros(3, np.float32)
    y = kernels.batch_norm_forward(x, one, zero, mean, variance, 1e-5)
    right = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + 1e-5)
    np.testing.assert_allclose(y, right, rtol=0, atol=1e-6)
    whole, *_ = kernels.group_norm_forward(x[None], one, zero, 3, 1e-5)
    np.testing.assert_allclose(whole[0], right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("corner", [0.0, 1e6])
def test_a_first_pixel_that_is_like_no_other(corner: float) -> None:
    """Statistics are sums about the first pixel: however far off it is, few digits are lost."""
    x = 1e4 + Source(1, np.float64, "C").normal(sized(60_000, 3000), 2)
    x[0] = corner
    mean, variance = kernels.batch_norm_statistics(x)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(variance, x.var(axis=0), rtol=1e-10)


def test_a_constant_channel_has_no_variance() -> None:
    x = np.full((77, 5), 0.1, np.float32)
    mean, variance = kernels.batch_norm_statistics(x)
    assert variance.tolist() == [0] * 5
    assert mean.tolist() == [float(np.float32(0.1))] * 5


def test_lanes_are_whole_pixels_and_follow_from_shapes() -> None:
    assert [lanes_of(c, 10**6) for c in (1, 3, 16, 24, 64, 100)] == [64, 96, 64, 96, 64, 100]
    assert lanes_of(3, 5) == 15
    assert lanes_of(63, 10**6) == 126  # so many pixels would fill whole vectors: too many
    assert lanes_of(4, 0) == 4
