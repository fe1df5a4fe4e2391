r"""Divide a data set into parts, or folds, that all have the same mixture of classes.

Class `k` with :math:`n_k` images gets the quota :math:`q_{kp} = f_p n_k` in part `p`; every part
takes :math:`\lfloor q_{kp} \rfloor`, and the images that are left go to the largest remainders
(Hamilton's method), so that each count is less than one image away from its quota.

Groups (patients, volumes) are not divided. The largest come first, and each goes where its classes
are most wanted; then single groups move, the move that helps most first, for as long as a move
makes the parts' counts :math:`n_{kp}` more even:

.. math:: \sum_{k,p} \left( \frac{n_{kp} - q_{kp}}{n_k} \right)^2
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError


def stratified_split(
    labels: ArrayLike,
    fractions: Sequence[float],
    seed: int,
    *,
    groups: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], ...]:
    """Divide the images at random, each class in the same proportion.

    Parameters
    ----------
    labels : (N,) or (N, 1) integers
    fractions : P positive numbers with the sum 1, such as (0.7, 0.15, 0.15)
    seed : int      the same seed gives the same split
    groups : (N,) array or None
        Patients, for example: images with the same value stay in one part. Whole groups then go,
        the largest first, where their classes are most wanted, and the proportions hold as far as
        the sizes of the groups allow.

    Returns
    -------
    parts : tuple of P int64 arrays     sorted indices; together every index once

    Raises
    ------
    DataError
        If the fractions are not positive with the sum 1, or a class does not reach every part.

    Examples
    --------
    >>> train, test = stratified_split([0, 0, 0, 0, 1, 1, 1, 1], (0.75, 0.25), seed=0)
    >>> len(train), len(test)
    (6, 2)
    """
    y = _labels(labels)
    share = np.asarray(fractions, np.float64)
    if share.ndim != 1 or not (share > 0).all() or not abs(share.sum() - 1) < 1e-9:
        raise DataError(
            f"fractions {tuple(fractions)} given; needed are positive numbers with the sum 1, "
            "such as (0.7, 0.15, 0.15)"
        )
    parts = _divide(y, share, seed, groups)
    for label in np.unique(y):
        for p, indices in enumerate(parts):
            if not (y[indices] == label).any():
                unit = "images" if groups is None else "images with these groups"
                raise DataError(
                    f"class {label} has {int((y == label).sum())} {unit}: too few to reach part "
                    f"{p} of the fractions {tuple(fractions)}; add images, or use fewer or larger "
                    "parts"
                )
    return parts


def kfold(
    labels: ArrayLike, k: int, seed: int, *, groups: ArrayLike | None = None
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Divide the images at random into k folds; each is the test part once.

    Parameters
    ----------
    labels : (N,) or (N, 1) integers
    k : int         2 or more
    seed : int      the same seed gives the same folds
    groups : (N,) array or None
        Patients, for example: images with the same value stay in one fold.

    Returns
    -------
    folds : list of k pairs (train, test) of int64 arrays
        Sorted indices; every index is in one test part. Without groups the folds' counts of a
        class differ by one image at most, and so do their sizes.

    Raises
    ------
    DataError
        If a class has fewer images than k, or fewer groups, or a fold stays without it.

    Examples
    --------
    >>> for train, test in kfold([0, 0, 0, 1, 1, 1], 3, seed=0):
    ...     print(len(train), len(test))
    4 2
    4 2
    4 2
    """
    y = _labels(labels)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 2:
        raise DataError(f"k={k!r} folds given; needed is a whole number from 2")
    unit, owner = "images", np.arange(y.size)
    if groups is not None:
        unit, owner = "groups", _groups(groups, y.size)
    for label in np.unique(y):
        n = np.unique(owner[y == label]).size
        if n < k:
            raise DataError(
                f"class {label} has {n} {unit}, too few for {k} folds; add some, or use a smaller k"
            )
    tests = _divide(y, np.full(k, 1 / k), seed, groups)
    for label in np.unique(y):
        if not all((y[test] == label).any() for test in tests):
            raise DataError(
                f"class {label} does not reach every one of {k} folds with these groups, since "
                "some of them hold too much of it; use a smaller k"
            )
    everything = np.arange(y.size)
    return [(np.setdiff1d(everything, test, assume_unique=True), test) for test in tests]


def _divide(
    y: NDArray[np.int64], share: NDArray[np.float64], seed: int, groups: ArrayLike | None
) -> tuple[NDArray[np.int64], ...]:
    """Return the sorted indices of each part."""
    rng = np.random.default_rng(seed)
    if groups is None:
        part_of = _assign_images(y, share, rng)
    else:
        part_of = _assign_groups(y, share, _groups(groups, y.size), rng)
    return tuple(np.flatnonzero(part_of == p) for p in range(share.size))


def _assign_images(
    y: NDArray[np.int64], share: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    part_of = np.zeros(y.size, np.int64)
    owed = np.zeros(share.size)  # equal remainders: first the part that has been short so far
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        quota = share * members.size
        counts = np.floor(quota + 1e-9).astype(np.int64)
        left = members.size - int(counts.sum())
        order = np.lexsort((-owed, -np.round(quota - counts, 9)))
        counts[order[:left]] += 1
        owed += quota - counts
        part_of[members] = np.repeat(np.arange(share.size), counts)
    return part_of


def _assign_groups(
    y: NDArray[np.int64],
    share: NDArray[np.float64],
    group: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    classes, k = np.unique(y, return_inverse=True)
    counts = np.zeros((int(group.max(initial=-1)) + 1, classes.size))
    np.add.at(counts, (group, k), 1)
    total = counts.sum(axis=0)
    missing = share[:, None] * total  # (P, K) images still wanted
    part_of_group = np.zeros(len(counts), np.int64)
    shuffled = rng.permutation(len(counts))
    for g in shuffled[np.argsort(-counts.sum(axis=1)[shuffled], kind="stable")]:
        # How much of what this group holds is wanted, as a share of what the part was to get.
        wanted = (missing / (share[:, None] * total)) @ counts[g]
        p = int(np.argmax(wanted))
        part_of_group[g] = p
        missing[p] -= counts[g]
    _even_out(counts / total, share, part_of_group)
    return part_of_group[group]


def _even_out(
    held: NDArray[np.float64], share: NDArray[np.float64], part_of: NDArray[np.int64]
) -> None:
    """Move single groups to other parts, in place, for as long as that makes the parts more even.

    `held` (G, K) is what each group holds of each class, as a share of the class. Moving group g
    from part p to part r changes the sum of squares by 2 h_g . (d_r - d_p + h_g), where d is how
    much a part has too much.
    """
    square = (held**2).sum(axis=1)
    everyone = np.arange(len(held))
    excess = -np.repeat(share[:, None], held.shape[1], axis=1)
    np.add.at(excess, part_of, held)
    while True:
        pull = held @ excess.T  # (G, P)
        change = pull - pull[everyone, part_of][:, None] + square[:, None]
        change[everyone, part_of] = 0
        g, r = divmod(int(np.argmin(change)), share.size)
        if change[g, r] > -1e-12:
            return
        excess[part_of[g]] -= held[g]
        excess[r] += held[g]
        part_of[g] = r


def _labels(labels: ArrayLike) -> NDArray[np.int64]:
    y = np.asarray(labels)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or not y.size or y.dtype.kind not in "iub":
        raise DataError(
            f"labels of shape {y.shape} and type {y.dtype} given; needed are (N,) integers, N > 0"
        )
    return y.astype(np.int64)


def _groups(groups: ArrayLike, n: int) -> NDArray[np.int64]:
    values = np.asarray(groups)
    if values.shape != (n,):
        raise DataError(f"groups has shape {values.shape}; needed is one group an image, ({n},)")
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
