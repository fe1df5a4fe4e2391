"""Random numbers depend on seed, epoch and index: not on batches, their order, or threads."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from random import Random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import nanocnn as nc
from nanocnn.data import Augment, mixup
from nanocnn.data.augmentation import draws
from nanocnn.reference.dropout import GOLDEN, MODULUS, _splitmix64

from .policies import images, masks, policies, quick

index_lists = st.lists(st.integers(0, 2**40), min_size=1, max_size=6, unique=True)
epochs = st.integers(0, 2**32)


@quick
@given(policies, epochs, index_lists, st.randoms(use_true_random=False))
def test_the_same_bits_in_any_batch(
    policy: Augment, epoch: int, indices: list[int], random: Random
) -> None:
    n = len(indices)
    x, z = images(n), masks(n)
    y, moved = policy(x, z, epoch=epoch, indices=indices)
    order = list(range(n))
    random.shuffle(order)
    cut = n // 2
    for part in (order[:cut], order[cut:], *([k] for k in order)):
        places = np.array(part, int)
        again, again_moved = policy(
            x[places], z[places], epoch=epoch, indices=np.array(indices)[places]
        )
        np.testing.assert_array_equal(again, y[places])
        np.testing.assert_array_equal(again_moved, moved[places])


@quick
@given(policy=policies, epoch=epochs)
def test_the_same_bits_on_any_number_of_threads(
    policy: Augment, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nanocnn.kernels import threads

    monkeypatch.setattr(threads, "INLINE_SECONDS", 0.0)
    x, z, before = images(7, 20, 21), masks(7, 20, 21), nc.get_num_threads()
    found = []
    try:
        for n in (1, 2, 5):
            nc.set_num_threads(n)
            found.append(policy(x, z, epoch=epoch, indices=np.arange(7)))
    finally:
        nc.set_num_threads(before)
    for y, moved in found[1:]:
        np.testing.assert_array_equal(y, found[0][0])
        np.testing.assert_array_equal(moved, found[0][1])


def test_the_same_bits_when_batches_are_made_at_once() -> None:
    policy = Augment(rotate=20, elastic=0.03, contrast=0.2, gamma=0.3, noise=0.1, blur=1, seed=3)
    x = images(24, 20, 18)
    indices = np.arange(24)
    whole = policy(x, epoch=2, indices=indices)

    def one(k: int) -> np.ndarray:
        part = slice(3 * k, 3 * k + 3)
        return policy(x[part], epoch=2, indices=indices[part])

    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(np.concatenate(list(pool.map(one, range(8)))), whole)


def test_seed_epoch_and_index_each_matter() -> None:
    x = images(1)
    found = [
        Augment(rotate=20, noise=0.1, seed=seed)(x, epoch=epoch, indices=[index])
        for seed in (0, 1)
        for epoch in (0, 1)
        for index in (0, 1)
    ]
    assert all((a != b).any() for a, b in combinations(found, 2))


def test_one_ingredient_does_not_change_the_numbers_of_another() -> None:
    x = images(5)
    turned = Augment(rotate=20, seed=4)(x, epoch=1, indices=np.arange(5))
    with_noise = Augment(rotate=20, noise=1e-30, elastic=1e-30, seed=4)
    np.testing.assert_allclose(with_noise(x, epoch=1, indices=np.arange(5)), turned, atol=1e-6)


def test_numbers_follow_from_the_published_hash() -> None:
    """Written out in Python's integers: if this changes, so do all augmented images."""

    def h(key: int, number: int) -> int:
        return _splitmix64((key + (number + 1) * GOLDEN) % MODULUS)

    seed, epoch, index = 2**64 - 1, 12, 2**40 + 3
    key = h(h(h(0, seed), epoch), index)
    drawn = draws.draw(seed, epoch, [5, index])
    assert int(drawn.keys[1]) == key
    order = (
        "rotate", "flip vertical", "flip horizontal", "zoom", "shift rows", "shift columns",
        "shear", "brightness", "contrast", "gamma", "noise", "noise key", "blur", "cutout rows",
        "cutout columns", "mixup partner", "mixup radius", "mixup angle",
    )  # fmt: skip
    assert order == draws.SLOTS
    for place, name in enumerate(order):
        assert drawn.numbers[name][1] == (h(key, place) >> 11) / 2**53
        assert int(draws.slot(drawn.keys, name)[1]) == h(key, place)
    grid = drawn.grid(7)
    assert grid.shape == (2, 7, 7, 2)
    assert grid[1, 2, 3, 1] == 2 * (h(key, 64 + (2 * 7 + 3) * 2 + 1) >> 11) / 2**53 - 1


@pytest.mark.parametrize("name", draws.SLOTS)
def test_numbers_are_even(name: str) -> None:
    n = 20_000
    for drawn in (draws.draw(0, 0, np.arange(n)), draws.draw(5, 3, np.arange(7 * n, 8 * n))):
        u = np.sort(drawn.numbers[name])
        assert u[0] >= 0
        assert u[-1] < 1
        assert np.abs(u - (np.arange(n) + 0.5) / n).max() < 1.95 / math.sqrt(n)


def test_numbers_of_neighbours_epochs_seeds_and_purposes_are_independent() -> None:
    n = 20_000
    indices = np.arange(n + 1)
    one = draws.draw(0, 0, indices).numbers
    u = one["rotate"][:-1]
    others = [
        one["rotate"][1:],
        one["zoom"][:-1],
        draws.draw(0, 1, indices).numbers["rotate"][:-1],
        draws.draw(1, 0, indices).numbers["rotate"][:-1],
    ]
    for other in others:
        assert abs(np.corrcoef(u, other)[0, 1]) < 5 / math.sqrt(n)


@quick
@given(index_lists, epochs, st.randoms(use_true_random=False))
def test_mixup_pairs_do_not_depend_on_the_order_of_the_batch(
    indices: list[int], epoch: int, random: Random
) -> None:
    n = len(indices)
    x, targets = images(n), np.eye(max(2, n))[:n]
    y, t = mixup(x, targets, alpha=0.4, seed=3, epoch=epoch, indices=indices)
    order = list(range(n))
    random.shuffle(order)
    again, t_again = mixup(
        x[order], targets[order], alpha=0.4, seed=3, epoch=epoch, indices=np.array(indices)[order]
    )
    np.testing.assert_array_equal(again, y[order])
    np.testing.assert_array_equal(t_again, t[order])
