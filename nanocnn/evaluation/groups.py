"""From results a slice to results a nodule or a patient: what belongs together becomes one case."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def per_group(values: ArrayLike, groups: ArrayLike, how: str = "mean") -> NDArray[Any]:
    """Return one value for each group of cases.

    Parameters
    ----------
    values : (N,) or (N, K) numbers
        Scores, say, or a column of them for each class; labels with ``how="same"``.
    groups : (N,) array     the nodule or the patient of each case: integers or names
    how : {"mean", "max", "same"}
        The mean; the largest (of each column); or the one value that all cases of the group share.

    Returns
    -------
    found : (G,) or (G, K) array
        In the order of ``np.unique(groups)``. float64; ``how="same"`` keeps the type.

    Raises
    ------
    ValueError
        For values and groups that do not fit, an unknown `how`, scores that are NaN, or, with
        ``how="same"``, a group whose values differ.

    Examples
    --------
    Two nodules, three slices:

    >>> nodule = ["b", "a", "a"]
    >>> per_group([0.5, 0.25, 0.75], nodule)
    array([0.5, 0.5])
    >>> per_group([0, 1, 1], nodule, how="same")
    array([1, 0])
    """
    cases = np.asarray(values)
    if cases.ndim not in (1, 2) or cases.dtype.kind not in "iufb":
        raise ValueError(
            f"values have shape {cases.shape} and type {cases.dtype}; needed are (N,) or (N, K) "
            "numbers"
        )
    names, number = group_numbers(groups, len(cases))
    if how == "same":
        return _shared_value(cases, names, number)
    if how not in ("mean", "max"):
        raise ValueError(f"how={how!r} is unknown; use 'mean', 'max' or 'same'")
    scores = cases.astype(np.float64)
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} values are NaN; all must be numbers")
    shape = (len(names), *scores.shape[1:])
    if how == "max":
        largest = np.full(shape, -np.inf)
        np.maximum.at(largest, number, scores)
        return largest
    total = np.zeros(shape)
    np.add.at(total, number, scores)
    mean: NDArray[np.float64] = (total.T / np.bincount(number)).T
    return mean


def group_numbers(groups: ArrayLike, n: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct groups in order, and each case's place among them."""
    g = np.asarray(groups)
    if g.shape != (n,) or not n:
        raise ValueError(f"groups have shape {g.shape} for {n} cases; give ({n},), one for each")
    if g.dtype.kind == "f" and np.isnan(g).any():
        raise ValueError("groups are NaN for some cases; every case must belong to one")
    names, number = np.unique(g, return_inverse=True)
    return names, number.reshape(-1).astype(np.int64, copy=False)


def _shared_value(
    cases: NDArray[Any], names: NDArray[Any], number: NDArray[np.int64]
) -> NDArray[Any]:
    first = np.unique(number, return_index=True)[1]
    shared: NDArray[Any] = cases[first]
    differs = cases != shared[number]
    wrong = np.flatnonzero(differs.reshape(len(cases), -1).any(axis=1))
    if wrong.size:
        i = int(wrong[0])
        raise ValueError(
            f"group {names[number[i]]} has the values {shared[number[i]]} and {cases[i]}; "
            "all cases of a group must have the same"
        )
    return shared
