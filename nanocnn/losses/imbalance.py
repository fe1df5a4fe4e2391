"""Losses for rare classes, such as the few pixels of a tumour: focal, Dice, Tversky.

All take logits: K on the last axis, or one for a yes-or-no question, which is the second of the two
logits (0, z). Targets are labels, (N, H, W) for images, 0 the background; with K logits rows too.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanocnn import _targets
from nanocnn._targets import ClassWeight

from . import _rungs

Array = NDArray[Any]
Result = tuple[float, Array]


def focal(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    class_weight: ClassWeight = None,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> Result:
    r"""Cross-entropy that counts what is right already for less.

    .. math:: L = -\frac1N \sum_n s_n \sum_k q_{nk} (1 - p_{nk})^\gamma \log p_{nk}    \tag{L8}

    The gradient is (L9). N counts all pixels that are not ignored; the paper divides by the number
    of objects instead, so its learning rates do not carry over.

    Parameters
    ----------
    logits : (N, K), (N, ..., K) or (N, ..., 1) float32 or float64 array
    target : integer array of the shape of `logits` without its last axis, or rows
    gamma : float
        From 0, which is `softmax_cross_entropy`. With 2 a pixel at p = 0.9 counts for 1 %.
    alpha : float, optional
        Of two classes, or one logit: "yes" weighs alpha, "no" 1 - alpha. For more classes there is
        `class_weight`.
    class_weight, sample_weight, ignore_class
        As in `softmax_cross_entropy`.

    Returns
    -------
    loss : float
    dlogits : array, shape and dtype of `logits`

    Raises
    ------
    TypeError
        If `logits` are not float32, float64 or complex128.
    ValueError
        If shapes, labels or options do not fit.
    """
    if not 0 <= gamma < np.inf:
        raise ValueError(f"focal: gamma must be from 0, got {gamma}")
    two, z = _two("focal", logits)
    _, q, s = _targets.categorical(
        "focal", "logits", z, target, class_weight, 0.0, sample_weight, ignore_class
    )
    if alpha is not None:
        if z.shape[-1] != 2 or not 0 <= alpha <= 1:
            raise ValueError(
                f"focal: alpha must be from 0 to 1, for two classes, got {alpha} for "
                f"{z.shape[-1]}; for more classes use class_weight"
            )
        s = s * (q @ np.array([1 - alpha, alpha]))
    loss, dz = _rungs.rung().focal(z.reshape(q.shape), q, s, gamma)
    return cast(float, loss), _back(dz.reshape(z.shape), two)


def soft_dice(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    background: bool = False,
    per_image: bool = False,
    smoothing: float = 1.0,
    class_weight: ClassWeight = None,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> Result:
    r"""One less the soft Dice coefficient of each class, and their mean.

    .. math:: T_k = \frac{2 \sum_i s_i p_{ik} q_{ik} + \sigma}
                         {\sum_i s_i p_{ik} + \sum_i s_i q_{ik} + \sigma}              \tag{L11}

    The mean is that of `tversky`, (L10) with alpha = beta = 1/2, and so is the gradient.

    Parameters
    ----------
    logits : (N, K), (N, ..., K) or (N, ..., 1) float32 or float64 array
    target : integer array of the shape of `logits` without its last axis, or rows
    background : bool
        Whether class 0 counts. Its overlap is near 1 whatever is predicted, so it is left out.
    per_image : bool
        Sums over each image, then a mean over images; otherwise sums over the whole batch. That is
        the default, because in a slice where a structure has few pixels or none, its overlap is all
        or nothing: a noisy loss, and steep.
    smoothing : float above 0
        In pixels. A class that is neither there nor predicted has overlap 1.
    class_weight : (K,) array or dict of label to weight, optional
        Multiplies each class's part of the mean.
    sample_weight : (N,) or (N, ...) array, optional
        Each pixel counts so many times in all sums; twice the weights is not twice the loss.
    ignore_class : int, optional
        Labels of this number are as if they were not there.

    Returns
    -------
    loss : float
        From 0 to 1, if no class weighs more than 1.
    dlogits : array, shape and dtype of `logits`

    Raises
    ------
    TypeError
        If `logits` are not float32, float64 or complex128.
    ValueError
        If shapes, labels or options do not fit.
    """
    how = (0.5, 0.5, background, per_image, smoothing)
    weights = (class_weight, sample_weight, ignore_class)
    return _overlap("soft_dice", logits, target, (1.0, 0.0), how, weights)


def tversky(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    background: bool = False,
    per_image: bool = False,
    smoothing: float = 1.0,
    class_weight: ClassWeight = None,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> Result:
    r"""Overlap of each class, with a price for a pixel too many and another for one too few.

    .. math:: T_k = \frac{2 A_k + \sigma}{2 A_k + 2\alpha B_k + 2\beta C_k + \sigma}, \qquad
              L = \frac1G \sum_g \sum_k c_k (1 - T_{gk})                              \tag{L10}
    .. math:: h_{ik} = s_i (u_k q_{ik} + v_k)                                         \tag{L12}
    .. math:: \frac{\partial L}{\partial z_{ic}}
              = p_{ic} \Big(h_{ic} - \sum_k h_{ik}\, p_{ik}\Big)                      \tag{L13}

    A, B and C are true positives, false positives and false negatives in fractions;
    :math:`c_k` is the class's weight over the number of classes that count.

    Parameters
    ----------
    alpha, beta : float, not negative
        Price of a false positive, and of a false negative. 1/2 each is `soft_dice`; beta above
        alpha finds more of a small structure, and more that is none.
    logits, target, background, per_image, smoothing, class_weight, sample_weight, ignore_class
        As in `soft_dice`.

    Returns
    -------
    loss : float
    dlogits : array, shape and dtype of `logits`

    Raises
    ------
    TypeError
        If `logits` are not float32, float64 or complex128.
    ValueError
        If shapes, labels or options do not fit.
    """
    how = (alpha, beta, background, per_image, smoothing)
    weights = (class_weight, sample_weight, ignore_class)
    return _overlap("tversky", logits, target, (1.0, 0.0), how, weights)


def dice_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    dice_weight: float = 1.0,
    cross_entropy_weight: float = 1.0,
    background: bool = False,
    per_image: bool = False,
    smoothing: float = 1.0,
    class_weight: ClassWeight = None,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> Result:
    r"""Soft Dice plus cross-entropy: the overlap that is wanted, and a slope where there is none.

    It is `dice_weight` times `soft_dice` plus `cross_entropy_weight` times `softmax_cross_entropy`,
    each with the other options (`class_weight` weighs classes in both), computed together.

    Parameters
    ----------
    dice_weight, cross_entropy_weight : float, not negative
    logits, target, background, per_image, smoothing, class_weight, sample_weight, ignore_class
        As in `soft_dice`.

    Returns
    -------
    loss : float
    dlogits : array, shape and dtype of `logits`

    Raises
    ------
    TypeError
        If `logits` are not float32, float64 or complex128.
    ValueError
        If shapes, labels or options do not fit.
    """
    where = "dice_cross_entropy"
    _not_negative(where, dice_weight=dice_weight, cross_entropy_weight=cross_entropy_weight)
    how = (0.5, 0.5, background, per_image, smoothing)
    weights = (class_weight, sample_weight, ignore_class)
    return _overlap(where, logits, target, (dice_weight, cross_entropy_weight), how, weights)


def _overlap(
    where: str,
    logits: ArrayLike,
    target: ArrayLike,
    shares: tuple[float, float],
    how: tuple[float, float, bool, bool, float],
    weights: tuple[ClassWeight, ArrayLike | None, int | None],
) -> Result:
    """Return a share of the Tversky loss plus a share of cross-entropy."""
    alpha, beta, background, per_image, smoothing = how
    class_weight, sample_weight, ignore_class = weights
    _not_negative(where, alpha=alpha, beta=beta)
    if not 0 < smoothing < np.inf:
        raise ValueError(
            f"{where}: smoothing must be above 0, or a class that is nowhere would be 0/0; got "
            f"{smoothing}"
        )
    two, z = _two(where, logits)
    K = z.shape[-1]
    w = np.ones(K) if class_weight is None else _targets.weights(where, class_weight, K)
    counted = np.arange(K) >= (0 if background else 1)
    c = shares[0] * w * counted / counted.sum()
    overlap = _rungs.Overlap(c, alpha, beta, smoothing, per_image)
    pixels = _rungs.pixels(where, z, target, ignore_class)
    if pixels is not None:
        loss, dz = pixels.loss(where, class_weight, sample_weight, shares[1], overlap)
        return loss, _back(dz, two)
    _, q, s, seen = _targets.rows(where, "logits", z, target, sample_weight, ignore_class)
    groups = len(z) if per_image else 1
    table, rung = (groups, -1, K), _rungs.rung()
    loss, dz = rung.tversky(
        z.reshape(table), q.reshape(table), s.reshape(groups, -1), c, alpha, beta, smoothing
    )
    dz = dz.reshape(z.shape)
    if shares[1]:
        s = s * (q @ w) * (shares[1] * len(s) / seen)
        more, dmore = rung.softmax_cross_entropy(z.reshape(q.shape), q, s)
        loss, dz = loss + more, dz + dmore.reshape(z.shape)
    return cast(float, loss), _back(dz, two)


def _two(where: str, logits: ArrayLike) -> tuple[bool, Array]:
    """Return whether there is one logit for a yes-or-no question, and at least two for each."""
    z = _targets.outputs(where, "logits", logits)
    if z.ndim < 2 or z.shape[-1] > 1:
        return False, z
    return True, np.concatenate([np.zeros_like(z), z], axis=-1)


def _back(dz: Array, two: bool) -> Array:
    """Return the gradient for the logits that were given: the 0 beside a lone one is no logit."""
    return np.ascontiguousarray(dz[..., 1:]) if two else dz


def _not_negative(where: str, **values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"{where}: {name} must not be negative, got {value}")
