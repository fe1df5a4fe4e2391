r"""How good are the predictions? Counts, rates, and the ROC curve.

With one class called positive and all others negative, every case is a true or false positive or
negative (TP, FP, TN, FN). A rate whose denominator is zero is NaN: no positive case was seen, so
nothing is known about the sensitivity, and 0 would be a claim. (scikit-learn gives 0 with a
warning, or NaN with ``zero_division=np.nan``.)

Every function takes `true`, (N,) integers from 0, and one of

- `predicted`: (N,) integers, or (N, K) probabilities or scores, of which the largest counts;
- `score`: (N,) numbers, larger for the positive class, or (N, K), a column for each class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class RocCurve(NamedTuple):
    """The curve from (0, 0) to (1, 1); three (M,) float64 arrays."""

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats


def accuracy(true: ArrayLike, predicted: ArrayLike) -> float:
    r"""Return the share of the cases whose predicted class is the true one.

    .. math:: \mathrm{accuracy} = \frac{1}{N} \sum_n [\hat{y}_n = y_n]

    Parameters
    ----------
    true : (N,) integers
    predicted : (N,) integers, or (N, K) scores

    Raises
    ------
    ValueError
        For wrong shapes, no cases, labels outside 0..K-1, NaN or infinite scores.
    """
    y, guess, _ = _true_and_predicted(true, predicted)
    return float(np.mean(y == guess))


def confusion_matrix(true: ArrayLike, predicted: ArrayLike, n_classes: int | None = None) -> Ints:
    r"""Count the cases of true class `i` that were predicted as class `j`.

    .. math:: M_{ij} = \sum_n [y_n = i]\,[\hat{y}_n = j]

    Parameters
    ----------
    true : (N,) integers in 0..K-1
    predicted : (N,) integers in 0..K-1, or (N, K) scores
    n_classes : int or None     K; None: the columns of the scores, or the largest label plus one

    Returns
    -------
    matrix : (K, K) int64 array     rows are the true classes
    """
    y, guess, k = _true_and_predicted(true, predicted)
    n = k if n_classes is None else int(n_classes)
    if n < k:
        raise ValueError(f"labels go up to {k - 1} but n_classes={n}; give n_classes >= {k}")
    return np.bincount(y * n + guess, minlength=n * n).reshape(n, n).astype(np.int64)


def sensitivity(true: ArrayLike, predicted: ArrayLike, *, positive: int | None = None) -> float:
    r"""Return the share of the positive cases that were found (also called recall).

    .. math:: \mathrm{sensitivity} = \frac{TP}{TP + FN}

    Parameters
    ----------
    true : (N,) integers
    predicted : (N,) integers, or (N, K) scores
    positive : int or None
        The positive class, against all others. None: class 1, if there are two classes.

    Returns
    -------
    rate : float    NaN if there is no positive case
    """
    tp, _, _, fn = _counts(true, predicted, positive)
    return _ratio(tp, tp + fn)


def specificity(true: ArrayLike, predicted: ArrayLike, *, positive: int | None = None) -> float:
    r"""Return the share of the negative cases that were left alone.

    .. math:: \mathrm{specificity} = \frac{TN}{TN + FP}

    Parameters as in `sensitivity`. NaN if there is no negative case.
    """
    _, fp, tn, _ = _counts(true, predicted, positive)
    return _ratio(tn, tn + fp)


def precision(true: ArrayLike, predicted: ArrayLike, *, positive: int | None = None) -> float:
    r"""Return the share of the positive predictions that are right.

    .. math:: \mathrm{precision} = \frac{TP}{TP + FP}

    Parameters as in `sensitivity`. NaN if nothing was predicted positive.
    """
    tp, fp, _, _ = _counts(true, predicted, positive)
    return _ratio(tp, tp + fp)


def f1(true: ArrayLike, predicted: ArrayLike, *, positive: int | None = None) -> float:
    r"""Return the harmonic mean of precision and sensitivity.

    .. math:: F_1 = \frac{2\,TP}{2\,TP + FP + FN}

    Parameters as in `sensitivity`. NaN if nothing is positive, neither true nor predicted.
    """
    tp, fp, _, fn = _counts(true, predicted, positive)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def roc_curve(true: ArrayLike, score: ArrayLike, *, positive: int | None = None) -> RocCurve:
    r"""Follow sensitivity and false alarms while the threshold falls.

    .. math::
        \mathrm{TPR}(t) = \frac{\#\{n: y_n = 1, s_n \ge t\}}{\#\{n: y_n = 1\}}, \qquad
        \mathrm{FPR}(t) = \frac{\#\{n: y_n \ne 1, s_n \ge t\}}{\#\{n: y_n \ne 1\}}

    Parameters
    ----------
    true : (N,) integers
    score : (N,) numbers, larger for the positive class, or (N, K), a column for each class
    positive : int or None
        The positive class, against all others. None: class 1, if there are two classes.

    Returns
    -------
    curve : RocCurve
        One point for each distinct score, after (0, 0) with the threshold infinity; equal scores
        make one sloping step. NaN rates if a class is missing.
    """
    is_positive, s = _binary(true, score, positive)
    order = np.argsort(-s, kind="stable")
    s, hit = s[order], is_positive[order]
    last = np.append(np.flatnonzero(np.diff(s)), s.size - 1)  # the end of each run of equal scores
    tp = np.append(0, np.cumsum(hit)[last])
    fp = np.append(0, last + 1) - tp
    return RocCurve(_rates(fp), _rates(tp), np.append(np.inf, s[last]))


def auc(true: ArrayLike, score: ArrayLike, *, positive: int | None = None) -> float:
    r"""Return the area under the ROC curve, in its Mann-Whitney form.

    The chance that a positive case scores higher than a negative one, ties counting half:

    .. math:: \mathrm{AUC} = \frac{1}{n_+ n_-} \sum_{i \in +} \sum_{j \in -}
              \left([s_i > s_j] + \tfrac12 [s_i = s_j]\right)
              = \frac{1}{n_+ n_-} \Bigl(\sum_{i \in +} r_i - \tfrac12 n_+ (n_+ + 1)\Bigr)

    where :math:`r_i` is the rank of :math:`s_i` among all, equal scores sharing their mean rank.
    (Hanley and McNeil, Radiology 143, 29-36, 1982.)

    Parameters
    ----------
    true : (N,) integers
    score : (N,) numbers, larger for the positive class, or (N, K), a column for each class
        With two columns the second counts. With more, and no `positive`, the result is the plain
        mean over the classes, each against the rest (macro one-vs-rest, as MedMNIST has it).
    positive : int or None      the positive class, against all others

    Returns
    -------
    area : float    NaN if a class that is needed does not occur, or no other class does
    """
    s = np.asarray(score)
    if positive is None and s.ndim == 2 and s.shape[1] > 2:
        areas = [_mann_whitney(*_binary(true, s, k)) for k in range(s.shape[1])]
        return float(np.mean(areas))
    return _mann_whitney(*_binary(true, s, positive))


def _mann_whitney(is_positive: NDArray[np.bool_], s: Floats) -> float:
    order = np.argsort(s, kind="stable")
    ordered = s[order]
    first = np.append(0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)
    length = np.diff(np.append(first, s.size))
    rank = np.empty(s.size)
    rank[order] = np.repeat(first + (length + 1) / 2, length)
    n_positive = int(is_positive.sum())
    pairs = n_positive * (s.size - n_positive)
    return _ratio(float(rank[is_positive].sum()) - n_positive * (n_positive + 1) / 2, pairs)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _rates(counts: Ints) -> Floats:
    return counts / counts[-1] if counts[-1] else np.full(counts.size, np.nan)


def _counts(
    true: ArrayLike, predicted: ArrayLike, positive: int | None
) -> tuple[int, int, int, int]:
    """Return TP, FP, TN, FN."""
    y, guess, k = _true_and_predicted(true, predicted)
    chosen = _positive_class(positive, k)
    p, q = y == chosen, guess == chosen
    tp, n_true, n_predicted = int((p & q).sum()), int(p.sum()), int(q.sum())
    return tp, n_predicted - tp, y.size - n_true - n_predicted + tp, n_true - tp


def _binary(
    true: ArrayLike, score: ArrayLike, positive: int | None
) -> tuple[NDArray[np.bool_], Floats]:
    """Return which cases are positive, and their scores."""
    y = _labels(true, "true")
    s = _scores(score, y.size)
    k = int(y.max()) + 1
    if s.ndim == 2 and s.shape[1] > 1:
        _check_labels_below(y, s.shape[1])
        chosen = _positive_class(positive, s.shape[1])
        if chosen >= s.shape[1]:
            raise ValueError(f"positive={chosen} but the scores have {s.shape[1]} columns")
        return y == chosen, s[:, chosen]
    return y == _positive_class(positive, k), s.reshape(-1)


def _positive_class(positive: int | None, n_classes: int) -> int:
    if positive is None:
        if n_classes > 2:
            raise ValueError(
                f"{n_classes} classes given; say which is the positive one, such as positive=2"
            )
        return 1
    if positive < 0:
        raise ValueError(f"positive={positive} is not a class; classes are numbered from 0")
    return positive  # may lie above all labels: a resample need not hold every class


def _true_and_predicted(true: ArrayLike, predicted: ArrayLike) -> tuple[Ints, Ints, int]:
    """Return both as (N,) labels, and the number of classes that can be told from them."""
    y = _labels(true, "true")
    values = np.asarray(predicted)
    if values.ndim == 2 and values.shape[1] > 1:
        s = _scores(values, y.size)
        _check_labels_below(y, s.shape[1])
        return y, s.argmax(axis=1), s.shape[1]
    if values.dtype.kind == "f":
        raise ValueError(
            f"predicted has shape {values.shape} and type {values.dtype}; give predicted classes "
            "(integers, such as scores > 0.5) or a column of scores for each class"
        )
    guess = _labels(values, "predicted")
    if guess.size != y.size:
        raise ValueError(f"true has {y.size} cases and predicted {guess.size}; give one for each")
    return y, guess, int(max(y.max(), guess.max())) + 1


def _labels(labels: ArrayLike, name: str) -> Ints:
    y = np.asarray(labels)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or not y.size or y.dtype.kind not in "iub":
        raise ValueError(
            f"{name} has shape {y.shape} and type {y.dtype}; needed are (N,) integers, N > 0"
        )
    if y.min() < 0:
        raise ValueError(f"{name} has the label {y.min()}; labels are numbered from 0: renumber")
    return y.astype(np.int64, copy=False)


def _check_labels_below(y: Ints, n_classes: int) -> None:
    if y.max() >= n_classes:
        raise ValueError(
            f"true has the label {y.max()} but the scores have {n_classes} columns; "
            f"labels must lie in 0..{n_classes - 1}"
        )


def _scores(score: ArrayLike, n: int) -> Floats:
    s = np.asarray(score)
    if s.ndim not in (1, 2) or s.shape[0] != n or s.size == 0 or s.dtype.kind not in "iufb":
        raise ValueError(
            f"scores of shape {s.shape} and type {s.dtype} given for {n} cases; "
            f"needed are ({n},) numbers, or ({n}, K) with a column for each class"
        )
    values = s.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise ValueError(
            f"{int((~np.isfinite(values)).sum())} scores are NaN or infinite; all must be numbers: "
            "look for a diverged model"
        )
    return values
