"""Which sample comes when: the order of an epoch follows from seed and epoch alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def plain_order(n: int, seed: int, epoch: int, shuffle: bool) -> Integers:
    """Return every position once, in the order in which `fit` takes arrays."""
    if not shuffle:
        return np.arange(n)
    return np.random.default_rng([seed, epoch]).permutation(n)


def balanced_order(labels: Integers, seed: int, epoch: int, shuffle: bool) -> Integers:
    """Return as many positions as there are labels, of each class the same number.

    Where the number of classes does not divide that of the labels, some classes, drawn anew in each
    epoch, get one more. A class with fewer images than its share is gone through as often as need
    be, and no image comes twice more often than another; of a larger class some are left out.
    """
    rng = np.random.default_rng([seed, epoch])
    classes = rng.permutation(np.unique(labels))
    shares = np.full(classes.size, labels.size // classes.size)
    shares[: labels.size % classes.size] += 1
    drawn = [
        _draw(np.flatnonzero(labels == label), int(share), rng)
        for label, share in zip(classes, shares, strict=True)
    ]
    order = rng.permutation(np.concatenate(drawn))
    return order if shuffle else np.sort(order)


def _draw(members: Integers, share: int, rng: np.random.Generator) -> Integers:
    """Go through the members `share` steps, in a new order each time."""
    rounds = -(-share // members.size)
    return np.concatenate([rng.permutation(members) for _ in range(rounds)])[:share]


def repeats(order: Integers) -> Integers:
    """Return how often each position of the order has come before."""
    by_position = np.argsort(order, kind="stable")
    ordered = order[by_position]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]][: order.size]
    places = np.arange(order.size)
    counts = np.empty_like(order)
    counts[by_position] = places - np.maximum.accumulate(np.where(is_first, places, 0))
    return counts
