"""Normalization in NumPy against the loops."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import Source, check, different, quick, sources

EPSILONS = st.sampled_from([0.01, 0.3, 1.0])


def agree(found: tuple, expected: tuple, terms: float) -> None:
    for actual, right in zip(found, expected, strict=True):
        check(actual, right, terms)


@quick
@given(different(2, 1, 9), sources, EPSILONS)
def test_batch_norm(shape: list[int], source: Source, epsilon: float) -> None:
    x, dy, c = source.normal(*shape), source.normal(*shape, salt=1), shape[1]
    gamma, beta = source.normal(c, salt=2), source.normal(c, salt=3)
    mean, variance = reference.batch_norm_statistics(x)
    agree(vectorized.batch_norm_statistics(x), (mean, variance), shape[0])
    args, terms = (mean, variance, epsilon), 256 / epsilon
    y = vectorized.batch_norm_forward(x, gamma, beta, *args)
    check(y, reference.batch_norm_forward(x, gamma, beta, *args), terms)
    for name in ("batch_norm_backward", "batch_norm_backward_constant"):
        found = getattr(vectorized, name)(dy, x, gamma, *args)
        agree(found, getattr(reference, name)(dy, x, gamma, *args), terms)


@quick
@given(different(4, 1, 5), sources, EPSILONS)
def test_group_norm(shape: list[int], source: Source, epsilon: float) -> None:
    n, p, width, groups = shape
    x, dy = source.normal(n, p, width * groups), source.normal(n, p, width * groups, salt=1)
    gamma, beta = source.normal(width * groups, salt=2), source.normal(width * groups, salt=3)
    found = vectorized.group_norm_forward(x, gamma, beta, groups, epsilon)
    expected = reference.group_norm_forward(x, gamma, beta, groups, epsilon)
    terms = 256 / epsilon
    agree(found, expected, terms)
    back = (dy, x, gamma, *expected[1:], epsilon)
    agree(vectorized.group_norm_backward(*back), reference.group_norm_backward(*back), terms)


def test_no_number_at_all() -> None:
    mean, variance = vectorized.batch_norm_statistics(np.zeros((0, 2)))
    assert mean.tolist() == variance.tolist() == [0, 0]
