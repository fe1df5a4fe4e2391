"""mixup: the mixture, its targets, the beta distribution, and who is mixed with whom."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanocnn.data import mixup
from nanocnn.data.augmentation.draws import draw
from nanocnn.data.augmentation.mixing import beta

from .policies import images, quick


@quick
@given(st.integers(1, 8), st.floats(0.01, 5), st.integers(0, 9), st.sampled_from(["f4", "f8"]))
def test_images_and_targets_are_mixed_alike(n: int, alpha: float, epoch: int, dtype: str) -> None:
    """Targets that name each sample tell shares and partners, and from these follow the images."""
    x, names = images(n), np.eye(n).astype(dtype)
    before = x.copy()
    y, t = mixup(x, names, alpha=alpha, seed=1, epoch=epoch, indices=np.arange(n))
    assert (y.dtype, y.shape, t.dtype, t.shape) == (x.dtype, x.shape, names.dtype, names.shape)
    np.testing.assert_allclose(t.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert ((t > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(y, np.tensordot(t, x, 1), rtol=0, atol=1e-6)
    assert ((y >= 0) & (y <= 1)).all()
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(y, x)


def test_partners_are_one_circle_through_the_batch_and_another_one_each_epoch() -> None:
    n, circles = 7, set()
    for epoch in range(5):
        names = np.eye(n)
        _, t = mixup(images(n), names, alpha=50, seed=0, epoch=epoch, indices=np.arange(n))
        np.fill_diagonal(t, 0)
        partner = t.argmax(axis=1)
        seen, place = [], 0
        for _ in range(n):
            seen.append(place)
            place = int(partner[place])
        assert place == 0
        assert sorted(seen) == list(range(n))
        circles.add(tuple(seen))
    assert len(circles) == 5


def test_a_sample_by_itself_stays_as_it_is() -> None:
    x, t = images(1), np.array([[0.0, 1.0]])
    y, u = mixup(x, t, alpha=0.4, seed=0, epoch=0, indices=[3])
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(u, t)


def test_a_sample_that_is_drawn_twice_may_meet_itself() -> None:
    x = images(3)[[0, 0, 1]]
    y, t = mixup(x, np.eye(3), alpha=0.4, seed=0, epoch=0, indices=[8, 8, 9])
    np.testing.assert_allclose(y, np.tensordot(t, x, 1), rtol=0, atol=1e-6)


N = 20_000
DISTRIBUTIONS: dict[float, Callable[[np.ndarray], np.ndarray]] = {  # in closed form
    0.5: lambda v: 2 / math.pi * np.arcsin(np.sqrt(v)),
    1.0: lambda v: v,
    2.0: lambda v: 3 * v**2 - 2 * v**3,
    3.0: lambda v: 10 * v**3 - 15 * v**4 + 6 * v**5,
}


@pytest.mark.parametrize("alpha", DISTRIBUTIONS)
def test_shares_have_the_beta_distribution(alpha: float) -> None:
    found = np.sort(beta(draw(2, 0, np.arange(N)), alpha))
    off = DISTRIBUTIONS[alpha](found) - (np.arange(N) + 0.5) / N
    assert np.abs(off).max() < 1.95 / math.sqrt(N)  # Kolmogorov and Smirnov's, 0.1 %


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 0.2, 0.4, 7.0, 1e4])
def test_moments_of_other_beta_distributions(alpha: float) -> None:
    found = np.array(beta(draw(2, 0, np.arange(N)), alpha))
    assert ((found >= 0) & (found <= 1)).all()
    variance = 1 / (4 * (2 * alpha + 1))
    fourth = 3 * variance**2 * (2 * alpha + 1) / (2 * alpha + 3)
    assert abs(found.mean() - 0.5) < 5 * math.sqrt(variance / N)
    spread = math.sqrt((fourth - variance**2) / N)
    assert abs(((found - 0.5) ** 2).mean() - variance) <= 5 * spread + 1e-12
