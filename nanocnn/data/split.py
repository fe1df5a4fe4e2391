r"""Divide a data set into parts that all have the same mixture of classes.

Class `k` with :math:`n_k` images gets the quota :math:`q_{kp} = f_p n_k` in part `p`; every part
takes :math:`\lfloor q_{kp} \rfloor`, and the images that are left go to the largest remainders
(Hamilton's method), so that each count is less than one image away from its quota.
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
    rng = np.random.default_rng(seed)
    if groups is None:
        part_of = _assign_images(y, share, rng)
    else:
        part_of = _assign_groups(y, share, _groups(groups, y.size), rng)
    parts = tuple(np.flatnonzero(part_of == p) for p in range(share.size))
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
    return part_of_group[group]


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
