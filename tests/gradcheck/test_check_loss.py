"""`check_loss`: wrong losses are rejected, a user's own needs no registration."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.gradcheck import check_loss

from .test_functions import random

WRONG_LOSSES = {
    "not divided by N": lambda y, t: (np.mean((y - t) ** 2), 2 * (y - t)),
    "divided by rows only": lambda y, t: (np.mean((y - t) ** 2), 2 * (y - t) / len(y)),
    "factor 2 missing": lambda y, t: (np.mean((y - t) ** 2), (y - t) / y.size),
    "wrong sign": lambda y, t: (np.mean((y - t) ** 2), 2 * (t - y) / y.size),
    "target forgotten": lambda y, t: (np.mean((y - t) ** 2), 2 * y / y.size),
    "last element forgotten": lambda y, t: (
        np.mean((y - t) ** 2),
        2 * (y - t) / y.size * (np.arange(y.size).reshape(y.shape) < y.size - 1),
    ),
}


@pytest.mark.parametrize("name", WRONG_LOSSES)
def test_wrong_loss_is_rejected(name):
    y, t = random(4, 3), random(4, 3, seed=8)
    assert not check_loss(WRONG_LOSSES[name], y, t).passed


def test_own_loss_that_refuses_complex_numbers():
    def huber(y, t):
        d = y - t
        small = np.abs(d) <= 1
        value = float(np.sum(np.where(small, d**2 / 2, np.abs(d) - 0.5)))
        return value, np.where(small, d, np.sign(d))

    report = check_loss(huber, random(4, 3) * 2, random(4, 3, seed=8)).raise_if_failed()
    assert report.rows[0].method == "central differences"
