"""Normalization against numbers worked by hand."""

from __future__ import annotations

import numpy as np

from nanocnn.reference import norm

# Channel 0: mean 3, variance (36 + 0 + 0 + 36) / 4 = 18, s = sqrt(18 + 7) = 5.
# Channel 1: mean 1, variance 9, s = sqrt(9 + 7) = 4.
X = np.array([[-3.0, 4], [3, -2], [3, 4], [9, -2]])
MEAN, VARIANCE, EPSILON = np.array([3.0, 1]), np.array([18.0, 9]), 7.0
GAMMA, BETA = np.array([10.0, 2]), np.array([1.0, -1])
DY = np.array([[2.0, 1], [0, 2], [2, 1], [0, 0]])


def test_statistics() -> None:
    mean, variance = norm.batch_norm_statistics(X)
    assert mean.tolist() == [3, 1]
    assert variance.tolist() == [18, 9]


def test_forward() -> None:
    # xhat = -6/5 0 0 6/5 and 3/4 -3/4 3/4 -3/4
    y = norm.batch_norm_forward(X, GAMMA, BETA, MEAN, VARIANCE, EPSILON)
    np.testing.assert_allclose(y, [[-11, 0.5], [1, -2.5], [1, 0.5], [13, -2.5]], rtol=1e-15)


def test_backward_with_constants() -> None:
    dx, dgamma, dbeta = norm.batch_norm_backward_constant(DY, X, GAMMA, MEAN, VARIANCE, EPSILON)
    np.testing.assert_allclose(dgamma, [-2.4, 0], rtol=1e-15)  # 2 (-6/5); (1 - 2 + 1) 3/4
    assert dbeta.tolist() == [4, 4]
    assert dx.tolist() == [[4, 0.5], [0, 1], [4, 0.5], [0, 0]]  # gamma / s = 2, 1/2


def test_backward_through_the_statistics() -> None:
    dx, dgamma, dbeta = norm.batch_norm_backward(DY, X, GAMMA, MEAN, VARIANCE, EPSILON)
    np.testing.assert_allclose(dgamma, [-2.4, 0], rtol=1e-15)
    assert dbeta.tolist() == [4, 4]
    # Channel 0: 2 (dy - 4/4 - xhat (-2.4)/4): 2 (2 - 1 - 0.72), 2 (0 - 1), 2 (2 - 1), ...
    np.testing.assert_allclose(dx[:, 0], [0.56, -2, 2, -0.56], rtol=1e-14)
    assert dx[:, 1].tolist() == [0, 0.5, 0, -0.5]  # 1/2 (dy - 1)


def test_one_group_of_an_image() -> None:
    # All four numbers of the image: mean 2, variance (1 + 1 + 9 + 9) / 4 = 5; s = sqrt(5 + 4) = 3.
    x = np.array([[[1.0, 3], [-1, 5]]])
    y, mean, variance = norm.group_norm_forward(x, np.array([3.0, 6]), np.array([0.0, 1]), 1, 4.0)
    assert mean.tolist() == [[2]]
    assert variance.tolist() == [[5]]
    np.testing.assert_allclose(y, [[[-1, 3], [-3, 7]]], rtol=1e-15)
    # h = gamma dy = 3 0 / 0 6: mean 9/4; h xhat = -1 0 / 0 6: mean 5/4. dx = (h - 9/4 - 5/4 xhat)/3
    dy = np.array([[[1.0, 0], [0, 1]]])
    dx, dgamma, dbeta = norm.group_norm_backward(dy, x, np.array([3.0, 6]), mean, variance, 4.0)
    np.testing.assert_allclose(dgamma, [-1 / 3, 1], rtol=1e-15)
    assert dbeta.tolist() == [1, 1]
    right = np.array([[[3 / 4 + 5 / 12, -9 / 4 - 5 / 12], [-9 / 4 + 5 / 4, 15 / 4 - 5 / 4]]]) / 3
    np.testing.assert_allclose(dx, right, rtol=1e-14)


def test_groups_are_channels_next_to_each_other() -> None:
    x = np.array([[[1.0, 3, 10, 30]]])
    _, mean, variance = norm.group_norm_forward(x, np.ones(4), np.zeros(4), 2, 1.0)
    assert mean.tolist() == [[2, 20]]
    assert variance.tolist() == [[1, 100]]


def test_a_constant_channel_is_beta() -> None:
    x = np.full((3, 1), 7.0)
    mean, variance = norm.batch_norm_statistics(x)
    assert variance.tolist() == [0]
    y = norm.batch_norm_forward(x, np.array([5.0]), np.array([2.0]), mean, variance, 1e-5)
    assert y.tolist() == [[2], [2], [2]]
