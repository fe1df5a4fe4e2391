r"""How well do two masks agree? Shared pixels, counted for each class.

With :math:`T` the pixels of a class in the true mask and :math:`P` those in the predicted one,

.. math:: \mathrm{Dice} = \frac{2\,|T \cap P|}{|T| + |P|}, \qquad
          \mathrm{Jaccard} = \frac{|T \cap P|}{|T \cup P|}, \qquad
          \mathrm{Dice} = \frac{2\,\mathrm{Jaccard}}{1 + \mathrm{Jaccard}}

(Dice, Ecology 26, 297-302, 1945). Dice of two masks is the F1 score of their pixels. Where neither
mask holds the class both are NaN, as in `metrics`: there was nothing to find, and 1 would be a
claim. A class that only one mask holds gives 0.

Every function takes masks of any number of axes, one slice or a volume:

- `target`: integers from 0, the number of each pixel's class, or booleans;
- `predicted`: the same, or scores with one more axis, (..., K), of which the largest counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def dice(target: ArrayLike, predicted: ArrayLike, *, positive: int | None = None) -> float:
    r"""Return twice the shared pixels over the pixels of both masks, from 0 to 1.

    .. math:: \mathrm{Dice} = \frac{2\,|T \cap P|}{|T| + |P|}

    Parameters
    ----------
    target : integer or boolean array of any shape
    predicted : the same, or scores of shape (..., K)
    positive : int or None
        The class. None: the mean of all classes but 0, those left out that neither mask holds.

    Returns
    -------
    agreement : float    NaN if neither mask holds the class

    Raises
    ------
    ValueError
        For masks of different shapes, without pixels, or of numbers that are no classes.

    Examples
    --------
    >>> dice([[0, 1, 1, 2]], [[0, 0, 1, 2]], positive=1)
    0.6666666666666666
    >>> dice([[0, 1, 1, 2]], [[0, 0, 1, 2]])  # of classes 1 and 2
    0.8333333333333333
    """
    both, n_true, n_predicted = _class_counts(target, predicted)
    return _of_class(2 * both, n_true + n_predicted, positive)


def jaccard(target: ArrayLike, predicted: ArrayLike, *, positive: int | None = None) -> float:
    r"""Return the shared pixels over the pixels of either mask (intersection over union).

    .. math:: \mathrm{Jaccard} = \frac{|T \cap P|}{|T \cup P|}

    Parameters and errors as in `dice`.
    """
    both, n_true, n_predicted = _class_counts(target, predicted)
    return _of_class(both, n_true + n_predicted - both, positive)


def mask_pair(target: ArrayLike, predicted: ArrayLike) -> tuple[Ints, Ints, int]:
    """Check two masks; return them as class numbers, and how many classes can be told from them."""
    t, p = _mask(target, "target"), np.asarray(predicted)
    if p.ndim == t.ndim + 1 and p.shape[:-1] == t.shape and p.shape[-1] > 1:
        if t.max() >= p.shape[-1]:
            raise ValueError(
                f"target has the class {t.max()} but predicted has {p.shape[-1]} columns of scores"
            )
        if not np.isfinite(p).all():
            raise ValueError("predicted scores are NaN or infinite: look for a diverged model")
        return t, p.argmax(axis=-1), p.shape[-1]
    p = _mask(p, "predicted")
    if p.shape != t.shape:
        raise ValueError(f"target has shape {t.shape} and predicted {p.shape}; give equal shapes")
    return t, p, int(max(t.max(), p.max())) + 1


def _mask(mask: ArrayLike, name: str) -> Ints:
    m = np.asarray(mask)
    if m.dtype.kind not in "iub" or not m.size or not m.ndim:
        raise ValueError(
            f"{name} has shape {m.shape} and type {m.dtype}; needed are class numbers or booleans "
            "(such as probabilities > 0.5), one or more"
        )
    if m.min() < 0:
        raise ValueError(f"{name} has the class {m.min()}; classes are numbered from 0: renumber")
    return m.astype(np.int64, copy=False)


def _class_counts(target: ArrayLike, predicted: ArrayLike) -> tuple[Ints, Ints, Ints]:
    """Return for each class the pixels in both masks, in `target`, and in `predicted`."""
    t, p, k = mask_pair(target, predicted)
    t, p = t.reshape(-1), p.reshape(-1)
    counts = (np.bincount(classes, minlength=k) for classes in (t[t == p], t, p))
    both, n_true, n_predicted = (found.astype(np.int64, copy=False) for found in counts)
    return both, n_true, n_predicted


def _of_class(part: Ints, whole: Ints, positive: int | None) -> float:
    if positive is not None:
        if positive < 0:
            raise ValueError(f"positive={positive} is not a class; classes are numbered from 0")
        if positive >= whole.size or not whole[positive]:
            return float("nan")
        return float(part[positive] / whole[positive])
    held = np.flatnonzero(whole[1:]) + 1
    return float(np.mean(part[held] / whole[held])) if held.size else float("nan")
