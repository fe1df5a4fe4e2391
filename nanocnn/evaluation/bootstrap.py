r"""How sure is a number measured on N cases? Draw N cases with replacement, many times.

The percentile interval takes the quantiles :math:`\alpha/2` and :math:`1 - \alpha/2` of the
metric over the resamples (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
13). It tells the uncertainty from the choice of test cases, not from the training's seed, and
it takes the cases as independent: several images of one patient make it too narrow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of `metric` over resampled cases.

    Parameters
    ----------
    metric : function of the arrays that returns a number, NaN where it is not defined
    arrays : arrays with N cases each along the first axis     resampled together
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
    result = estimate(metric, *arrays, n_resamples=n_resamples, confidence=confidence, seed=seed)
    return result.low, result.high


def estimate(
    metric: Callable[..., float],
    *arrays: ArrayLike,
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
    n, rng = len(cases[0]), np.random.default_rng(seed)
    found: NDArray[np.float64] = np.empty(n_resamples)
    for i in range(n_resamples):
        drawn = rng.integers(0, n, n)
        found[i] = metric(*(a[drawn] for a in cases))
    defined = found[~np.isnan(found)]
    if not defined.size:
        return Estimate(value, float("nan"), float("nan"), n_resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, (tail, 1 - tail))
    return Estimate(value, float(low), float(high), n_resamples - defined.size)


def summarize(
    true: ArrayLike,
    probabilities: ArrayLike,
    *,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Measure a classifier in every way that its number of classes allows.

    Parameters
    ----------
    true : (N,) integers in 0..K-1
    probabilities : (N, K) array        the model's output; the largest of a row counts
    n_resamples, confidence, seed : see `bootstrap_interval`

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
            metric, true, scores, n_resamples=n_resamples, confidence=confidence, seed=seed
        )
        for name, metric in metrics.items()
    }
