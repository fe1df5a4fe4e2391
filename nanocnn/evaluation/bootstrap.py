r"""How sure is a number measured on N cases? Draw N cases with replacement, many times.

The percentile interval takes the quantiles :math:`\alpha/2` and :math:`1 - \alpha/2` of the
metric over the resamples (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
13). It tells the uncertainty from the choice of test cases, not from the training's seed, and
it takes the cases as independent: several images of one patient make it too narrow. With `groups`
whole groups are drawn, patients say, each with all its images (the cluster bootstrap: Field and
Welsh, J. R. Statist. Soc. B 69, 369-390, 2007).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .groups import group_numbers
from .metrics import accuracy, auc, f1, precision, sensitivity, specificity


class Estimate(NamedTuple):
    """A metric on all cases with its bootstrap interval."""

    value: float
    low: float
    high: float
    n_undefined: int  # resamples left out because the metric was NaN on them

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def bootstrap_interval(
    metric: Callable[..., float],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of `metric` over resampled cases.

    Parameters
    ----------
    metric : function of the arrays that returns a number, NaN where it is not defined
    arrays : arrays with N cases each along the first axis     resampled together
    groups : (N,) array or None
        What belongs together, a patient's or a nodule's name: groups are drawn, not cases.
    n_resamples : int
    confidence : float      between 0 and 1
    seed : int      the same seed gives the same interval

    Returns
    -------
    low, high : float
        Resamples on which the metric is NaN (one class only, say) are left out; `estimate` counts
        them. Both are NaN if it is NaN on all cases or on every resample.

    Raises
    ------
    ValueError
        For arrays of different lengths, no cases, or parameters out of range.

    Examples
    --------
    >>> low, high = bootstrap_interval(accuracy, [0, 1, 1, 0], [0, 1, 0, 0], n_resamples=100)
    >>> low <= 0.75 <= high
    True
    """
    result = estimate(
        metric,
        *arrays,
        groups=groups,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )
    return result.low, result.high


def estimate(
    metric: Callable[..., float],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the metric on all cases, its interval, and how many resamples were left out.

    Parameters and errors as in `bootstrap_interval`.

    Returns
    -------
    result : Estimate
    """
    cases = [np.asarray(array) for array in arrays]
    if not cases or any(a.ndim == 0 or len(a) != len(cases[0]) or not len(a) for a in cases):
        raise ValueError(
            f"arrays of shapes {[a.shape for a in cases]} given; needed are one or more arrays "
            "with the same number of cases"
        )
    if n_resamples < 1 or not 0 < confidence < 1:
        raise ValueError(
            f"n_resamples={n_resamples}, confidence={confidence} given; needed are 1 or more "
            "resamples and a confidence between 0 and 1"
        )
    value = float(metric(*cases))
    if np.isnan(value):
        return Estimate(value, value, value, n_resamples)
    members = None if groups is None else _members(groups, len(cases[0]))
    n = len(cases[0]) if members is None else len(members)
    rng = np.random.default_rng(seed)
    found: NDArray[np.float64] = np.empty(n_resamples)
    for i in range(n_resamples):
        drawn = rng.integers(0, n, n)
        if members is not None:
            drawn = np.concatenate([members[k] for k in drawn])
        found[i] = metric(*(a[drawn] for a in cases))
    defined = found[~np.isnan(found)]
    if not defined.size:
        return Estimate(value, float("nan"), float("nan"), n_resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, (tail, 1 - tail))
    return Estimate(value, float(low), float(high), n_resamples - defined.size)


def paired_difference(
    metric: Callable[..., float],
    true: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return how much better the first of two predictions of the same cases is.

    Both are measured on the same resamples, so what makes a resample easy for both cancels; two
    separate intervals may overlap where this one excludes 0.

    Parameters
    ----------
    metric : function of `true` and one of the predictions, such as `auc`
    true : array with N cases along the first axis
    first, second : arrays with N cases along the first axis
    groups, n_resamples, confidence, seed : see `bootstrap_interval`

    Returns
    -------
    difference : Estimate        ``metric(true, first) - metric(true, second)``

    Examples
    --------
    >>> found = paired_difference(accuracy, [0, 1, 1], [0, 1, 1], [0, 0, 1])
    >>> round(found.value, 3)
    0.333
    """

    def difference(y: ArrayLike, a: ArrayLike, b: ArrayLike) -> float:
        return float(metric(y, a)) - float(metric(y, b))

    return estimate(
        difference,
        true,
        first,
        second,
        groups=groups,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def summarize(
    true: ArrayLike,
    probabilities: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Measure a classifier in every way that its number of classes allows.

    Parameters
    ----------
    true : (N,) integers in 0..K-1
    probabilities : (N, K) array        the model's output; the largest of a row counts
    groups, n_resamples, confidence, seed : see `bootstrap_interval`

    Returns
    -------
    results : dict of Estimate
        "accuracy" and "auc"; for two classes also "sensitivity", "specificity", "precision" and
        "f1", class 1 being the positive one.
    """
    scores = np.asarray(probabilities)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError(
            f"probabilities have shape {scores.shape}; needed is (N, K), a column for each class"
        )
    metrics: dict[str, Callable[..., float]] = {"accuracy": accuracy, "auc": auc}
    if scores.shape[1] == 2:
        metrics |= {"sensitivity": sensitivity, "specificity": specificity}
        metrics |= {"precision": precision, "f1": f1}
    return {
        name: estimate(
            metric,
            true,
            scores,
            groups=groups,
            n_resamples=n_resamples,
            confidence=confidence,
            seed=seed,
        )
        for name, metric in metrics.items()
    }


def _members(groups: ArrayLike, n: int) -> list[NDArray[np.int64]]:
    """Return the cases of each group."""
    _, number = group_numbers(groups, n)
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
