"""Cross-entropy of many classes and of yes-or-no questions, and the squared error."""

from __future__ import annotations

from typing import Any, cast

from numpy.typing import ArrayLike, NDArray

from nanocnn import _targets
from nanocnn._targets import ClassWeight

from . import _rungs

Array = NDArray[Any]


def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    class_weight: ClassWeight = None,
    label_smoothing: float = 0.0,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> tuple[float, Array]:
    r"""Softmax over the last axis, then cross-entropy; stable for logits of any size.

    .. math:: L = -\frac1N \sum_n s_n \sum_k q_{nk} \log p_{nk}, \quad
              p = \mathrm{softmax}(z)                                         \tag{L1}
    .. math:: \frac{\partial L}{\partial z_{nc}} = \frac{s_n}{N} (p_{nc} - q_{nc})   \tag{L2}

    Parameters
    ----------
    logits : (N, K) or (N, ..., K) float32 or float64 array
        Outputs of the last linear layer, before any softmax; at least two classes.
    target : (N, ...) or (N, ..., 1) integer array, or array of the shape of `logits`
        Labels from 0 to K-1, or rows that are one-hot or soft: not negative, with sum 1 to within
        0.001 (they are divided by their sum, so that (L2) is exact).
    class_weight : (K,) array or dict of label to weight, optional
        :math:`s_n = \sum_k w_k q_{nk}`, with q before smoothing: the weight of the sample's class.
        A label that is missing from a dict weighs 1. The sum is divided by N as in Keras, not by
        the sum of the weights as in PyTorch: so the gradient of one sample does not depend on
        which others share its batch, and doubling all weights doubles the loss.
    label_smoothing : float, from 0 to below 1
        Replaces q by :math:`(1-\epsilon) q + \epsilon/K`, as Keras and PyTorch do.
    sample_weight : (N,) or (N, ...) array, optional
        A weight for each sample, or for each label: of pixels, (N, H, W). It multiplies
        :math:`s_n`; the sum is divided by N all the same.
    ignore_class : int, optional
        Labels of this number are as if they were not there: no loss, no gradient, and not counted
        in N. Such as 255 for pixels outside the field of view. If all are ignored the loss is 0.

    Returns
    -------
    loss : float
        Accumulated in float64. Complex if `logits` are complex128, for the complex step.
    dlogits : array, shape and dtype of `logits`

    Raises
    ------
    TypeError
        If `logits` are not float32, float64 or complex128.
    ValueError
        If shapes do not fit, a label lies outside 0..K-1, or the target holds NaN.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dlogits = softmax_cross_entropy(np.zeros((1, 2)), [1])
    >>> round(loss, 4), dlogits.tolist()
    (0.6931, [[0.5, -0.5]])
    """
    where = "softmax_cross_entropy"
    pixels = None if label_smoothing else _rungs.pixels(where, logits, target, ignore_class)
    if pixels is not None:
        return pixels.loss(where, class_weight, sample_weight)
    z, q, s = _targets.categorical(
        where, "logits", logits, target, class_weight, label_smoothing, sample_weight, ignore_class
    )
    loss, dz = _rungs.rung().softmax_cross_entropy(z.reshape(q.shape), q, s)
    return cast(float, loss), dz.reshape(z.shape)


def categorical_crossentropy(
    probabilities: ArrayLike,
    target: ArrayLike,
    *,
    class_weight: ClassWeight = None,
    label_smoothing: float = 0.0,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> tuple[float, Array]:
    r"""Cross-entropy on probabilities, as Keras computes it; the gradient is the one for them.

    .. math:: L = -\frac1N \sum_n s_n \sum_k q_{nk} \log \mathrm{clip}(r_{nk}), \quad
              r_{nk} = p_{nk} / \textstyle\sum_j p_{nj}                       \tag{L3}

    First each row is divided by its sum, then clipped to :math:`[10^{-7}, 1-10^{-7}]`. The gradient
    (L4) is that of exactly this: no derivative passes through a clipped element, so an output that
    is wrong with certainty gets none through its true class. For training prefer
    `softmax_cross_entropy` on logits; a model that ends in softmax and is fitted with this loss
    uses the logit form inside.

    Parameters
    ----------
    probabilities : (N, K) or (N, ..., K) float32 or float64 array
        Not negative, each row with a sum above 0.
    target, class_weight, label_smoothing, sample_weight, ignore_class
        As in `softmax_cross_entropy`. Integer labels are taken too, so that Keras's
        "sparse_categorical_crossentropy" is a second name of this function.

    Returns
    -------
    loss : float
    dprobabilities : array, shape and dtype of `probabilities`

    Raises
    ------
    TypeError
        If `probabilities` are not float32, float64 or complex128.
    ValueError
        As in `softmax_cross_entropy`, and if a probability is negative or a row sums to 0.
    """
    p, q, s = _targets.categorical(
        "categorical_crossentropy",
        "probabilities",
        probabilities,
        target,
        class_weight,
        label_smoothing,
        sample_weight,
        ignore_class,
    )
    _targets.check_probabilities(p)
    loss, dp = _rungs.rung().categorical_crossentropy(p.reshape(q.shape), q, s)
    return cast(float, loss), dp.reshape(p.shape)


def binary_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    class_weight: ClassWeight = None,
    label_smoothing: float = 0.0,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> tuple[float, Array]:
    r"""Sigmoid, then binary cross-entropy, element by element; stable for logits of any size.

    .. math:: L = -\frac1M \sum_i s_i \big(q_i \log p_i + (1-q_i) \log(1-p_i)\big), \quad
              p = \mathrm{sigmoid}(z)                                         \tag{L5}
    .. math:: \frac{\partial L}{\partial z_i} = \frac{s_i}{M} (p_i - q_i)            \tag{L6}

    Parameters
    ----------
    logits : (N,), (N, 1), (N, K) or any other float32 or float64 array, M elements
        Before any sigmoid; masks (N, H, W) go with (N, H, W, 1). With K columns these are K
        independent yes-or-no questions.
    target : array of the shape of `logits`, or (N,) for (N, 1), and so on, or the other way round
        Each from 0 to 1.
    class_weight : (2,) array or {0: weight, 1: weight}, optional
        Weights of "no" and "yes": :math:`s_i = w_0 (1-q_i) + w_1 q_i`, with q before smoothing.
        The sum is divided by M, not by the sum of the weights.
    label_smoothing : float, from 0 to below 1
        Replaces q by :math:`(1-\epsilon) q + \epsilon/2`.
    sample_weight, ignore_class
        As in `softmax_cross_entropy`. With several columns, weights for each number.

    Returns
    -------
    loss : float
    dlogits : array, shape and dtype of `logits`

    Raises
    ------
    TypeError
        If `logits` are not float32, float64 or complex128.
    ValueError
        If shapes do not fit, a target lies outside 0 to 1, or the target holds NaN.

    Notes
    -----
    Keras's function of this name takes probabilities unless told otherwise; this one takes logits.
    """
    where = "binary_cross_entropy"
    z, q, s = _targets.binary(
        where, logits, target, class_weight, label_smoothing, sample_weight, ignore_class
    )
    loss, dz = _rungs.rung().binary_cross_entropy(z, q, s)
    return cast(float, loss), dz


def mean_squared_error(y: ArrayLike, target: ArrayLike) -> tuple[float, Array]:
    r"""Mean of the squared differences over all M elements.

    .. math:: L = \frac1M \sum_i (y_i - t_i)^2, \quad
              \frac{\partial L}{\partial y_i} = \frac2M (y_i - t_i)           \tag{L7}

    Parameters
    ----------
    y : float32 or float64 array of any shape
    target : array of the shape of `y`, or (N,) for (N, 1), and so on, or the other way round

    Returns
    -------
    loss : float
    dy : array, shape and dtype of `y`

    Raises
    ------
    TypeError
        If `y` is not float32, float64 or complex128.
    ValueError
        If shapes do not fit or the target holds NaN.
    """
    outputs = _targets.outputs("mean_squared_error", "y", y)
    t = _targets.elementwise("mean_squared_error", outputs, target)
    loss, dy = _rungs.rung().mean_squared_error(outputs, t)
    return cast(float, loss), dy
