r"""How good are predicted grades and sizes? Kappa with quadratic weights, mean error, R squared.

Grades have an order (no, mild, moderate, severe retinopathy), so that a miss by one is a smaller
mistake than a miss by three. Cohen's kappa with quadratic weights compares the mean squared miss
with the one that the same grades would give if they were dealt out by chance:

.. math:: \kappa = 1 - \frac{\sum_{ij} (i - j)^2\, O_{ij}}{\sum_{ij} (i - j)^2\, E_{ij}}, \qquad
          E_{ij} = \frac{1}{N} \sum_k O_{ik} \sum_k O_{kj}

where :math:`O_{ij}` counts the cases of true grade i that got grade j (Cohen, Psychological
Bulletin 70, 213-220, 1968). It is 1 for equal grades, about 0 for grades without relation, and
negative for worse ones. It also depends on how often each grade occurs: compare it on equal cases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .metrics import confusion_matrix


def quadratic_kappa(target: ArrayLike, predicted: ArrayLike, n_grades: int | None = None) -> float:
    """Return Cohen's kappa with quadratic weights.

    Parameters
    ----------
    target : (N,) integers in 0..K-1
    predicted : (N,) integers in 0..K-1, or (N, K) scores, of which the largest counts
    n_grades : int or None
        K. It does not change the result, but grades outside 0..K-1 are refused.

    Returns
    -------
    kappa : float    NaN if all cases have one grade, true and predicted: any guess would be right

    Raises
    ------
    ValueError
        For wrong shapes, no cases, or grades out of range.

    Examples
    --------
    >>> quadratic_kappa([0, 1, 2, 3], [0, 1, 2, 2])
    0.875

    With its interval: ``estimate(quadratic_kappa, target, predicted)``.
    """
    observed = confusion_matrix(target, predicted, n_grades).astype(np.float64)
    grades = np.arange(len(observed))
    weights = np.subtract.outer(grades, grades) ** 2
    chance = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    expected = float((weights * chance).sum())
    return float(1 - (weights * observed).sum() / expected) if expected else float("nan")


def mean_absolute_error(target: ArrayLike, predicted: ArrayLike) -> float:
    r"""Return the mean size of the misses, in the unit of the target.

    .. math:: \mathrm{MAE} = \frac{1}{N} \sum_n |y_n - \hat{y}_n|

    Parameters
    ----------
    target : (N,) numbers, grades or millimetres say
    predicted : (N,) numbers

    Raises
    ------
    ValueError
        For different lengths, no cases, NaN or infinite numbers.
    """
    y, guess = _numbers(target, predicted)
    return float(np.mean(np.abs(y - guess)))


def r2(target: ArrayLike, predicted: ArrayLike) -> float:
    r"""Return the share of the target's variance that the predictions explain.

    .. math:: R^2 = 1 - \frac{\sum_n (y_n - \hat{y}_n)^2}{\sum_n (y_n - \bar{y})^2}

    1 for perfect predictions, 0 for the mean said each time, negative for worse.

    Parameters and errors as in `mean_absolute_error`. NaN if all targets are equal.
    """
    y, guess = _numbers(target, predicted)
    if y.min() == y.max():  # their mean may differ from them in the last bit
        return float("nan")
    return float(1 - np.sum((y - guess) ** 2) / np.sum((y - y.mean()) ** 2))


def _numbers(
    target: ArrayLike, predicted: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as (N,) float64; a single column counts as one."""
    pair = []
    for values, name in ((target, "target"), (predicted, "predicted")):
        v = np.asarray(values)
        v = v[:, 0] if v.ndim == 2 and v.shape[1] == 1 else v
        if v.ndim != 1 or not v.size or v.dtype.kind not in "iufb":
            raise ValueError(
                f"{name} has shape {v.shape} and type {v.dtype}; needed are (N,) numbers, N > 0"
            )
        v = v.astype(np.float64)
        if not np.isfinite(v).all():
            raise ValueError(f"{int((~np.isfinite(v)).sum())} numbers of {name} are not finite")
        pair.append(v)
    if pair[0].size != pair[1].size:
        raise ValueError(
            f"target has {pair[0].size} cases and predicted {pair[1].size}; give one for each"
        )
    return pair[0], pair[1]
