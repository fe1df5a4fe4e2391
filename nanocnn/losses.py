"""Losses: `(outputs, target) -> (loss, gradient with respect to the outputs)`, in one call.

Any function of that form is a loss, so your own needs no registration: pass it where a name is
taken. The ones here check their arguments, turn the target into a table of numbers and call the
formulas (L1) to (L7), which are derived in `nanocnn.reference.losses`.

Targets of the two categorical losses are integer labels or one row of K numbers for each sample
(one-hot, or soft rows that sum to 1). The mean goes over everything but the classes: over N for
outputs (N, K), over N*H*W for outputs (N, H, W, K).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

from numpy.typing import ArrayLike, NDArray

from nanocnn import _targets
from nanocnn._backend import current_backend
from nanocnn.reference import losses as _loops
from nanocnn.vectorized import losses as _numpy

Array = NDArray[Any]
Loss = Callable[..., tuple[float, Array]]
ClassWeight = ArrayLike | Mapping[int, float] | None

__all__ = [
    "binary_cross_entropy",
    "categorical_crossentropy",
    "get",
    "mean_squared_error",
    "softmax_cross_entropy",
]


def _rung() -> ModuleType:
    """Return the loops inside `backend("reference")`, otherwise NumPy: N*K numbers are few."""
    return _loops if current_backend() == "reference" else _numpy


def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    class_weight: ClassWeight = None,
    label_smoothing: float = 0.0,
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
    z, q, s = _targets.categorical(
        "softmax_cross_entropy", "logits", logits, target, class_weight, label_smoothing
    )
    loss, dz = _rung().softmax_cross_entropy(z.reshape(q.shape), q, s)
    return cast(float, loss), dz.reshape(z.shape)


def categorical_crossentropy(
    probabilities: ArrayLike,
    target: ArrayLike,
    *,
    class_weight: ClassWeight = None,
    label_smoothing: float = 0.0,
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
    target, class_weight, label_smoothing
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
    )
    _targets.check_probabilities(p)
    loss, dp = _rung().categorical_crossentropy(p.reshape(q.shape), q, s)
    return cast(float, loss), dp.reshape(p.shape)


def binary_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    class_weight: ClassWeight = None,
    label_smoothing: float = 0.0,
) -> tuple[float, Array]:
    r"""Sigmoid, then binary cross-entropy, element by element; stable for logits of any size.

    .. math:: L = -\frac1M \sum_i s_i \big(q_i \log p_i + (1-q_i) \log(1-p_i)\big), \quad
              p = \mathrm{sigmoid}(z)                                         \tag{L5}
    .. math:: \frac{\partial L}{\partial z_i} = \frac{s_i}{M} (p_i - q_i)            \tag{L6}

    Parameters
    ----------
    logits : (N,), (N, 1), (N, K) or any other float32 or float64 array, M elements
        Before any sigmoid. With K columns these are K independent yes-or-no questions.
    target : array of the shape of `logits`, or (N,) for (N, 1) and the other way round
        Each from 0 to 1.
    class_weight : (2,) array or {0: weight, 1: weight}, optional
        Weights of "no" and "yes": :math:`s_i = w_0 (1-q_i) + w_1 q_i`, with q before smoothing.
        The sum is divided by M, not by the sum of the weights.
    label_smoothing : float, from 0 to below 1
        Replaces q by :math:`(1-\epsilon) q + \epsilon/2`.

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
    z, q, s = _targets.binary("binary_cross_entropy", logits, target, class_weight, label_smoothing)
    loss, dz = _rung().binary_cross_entropy(z, q, s)
    return cast(float, loss), dz


def mean_squared_error(y: ArrayLike, target: ArrayLike) -> tuple[float, Array]:
    r"""Mean of the squared differences over all M elements.

    .. math:: L = \frac1M \sum_i (y_i - t_i)^2, \quad
              \frac{\partial L}{\partial y_i} = \frac2M (y_i - t_i)           \tag{L7}

    Parameters
    ----------
    y : float32 or float64 array of any shape
    target : array of the shape of `y`, or (N,) for (N, 1) and the other way round

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
    loss, dy = _rung().mean_squared_error(outputs, t)
    return cast(float, loss), dy


_BY_NAME: dict[str, Loss] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": categorical_crossentropy,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_crossentropy": binary_cross_entropy,
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
}


def get(loss: str | Loss) -> Loss:
    """Return the loss of that name; a function is returned as it is.

    Parameters
    ----------
    loss : str or function `(y, target) -> (loss, dy)`
        "sparse_categorical_crossentropy" means `categorical_crossentropy` (both take integer
        labels); "mse" means `mean_squared_error`; "binary_crossentropy" means
        `binary_cross_entropy`, which works on logits.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    TypeError
        If `loss` is neither a name nor a function.
    """
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(
            "loss must be a name or a function (y, target) -> (loss, dy), "
            f"got {type(loss).__name__}"
        )
    if loss not in _BY_NAME:
        raise ValueError(
            f"loss {loss!r} is unknown; use a function (y, target) -> (loss, dy) "
            f"or one of {', '.join(_BY_NAME)}"
        )
    return _BY_NAME[loss]
