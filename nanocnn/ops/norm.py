"""Batch, layer and group normalization: the public pairs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._backend import current_backend, rung
from ._checks import Array, check_floats, check_shape, is_count

Gradients = tuple[Array, Array, Array]


class BatchNormCache(NamedTuple):
    """What (B4) to (B7) need. Relu's gate is computed again, so y is not kept.

    `mean` and `variance` are float64, of the batch, or those that were given if `constant`.
    """

    x: Array
    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    epsilon: float
    activation: str | None
    constant: bool


class GroupNormCache(NamedTuple):
    """What (B11) and (B12) need; mean and variance are float64, a row for each image."""

    x: Array
    gamma: Array
    mean: Array
    variance: Array
    epsilon: float


def check_epsilon(where: str, epsilon: float) -> float:
    """Return epsilon as a float, or raise ValueError unless it is a finite number above 0."""
    if not (isinstance(epsilon, (int, float, np.number)) and 0 < epsilon < math.inf):
        raise ValueError(f"{where}: epsilon must be a finite number above 0, got {epsilon!r}")
    return float(epsilon)


def batch_norm_forward(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    mean: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    epsilon: float = 1e-5,
    activation: str | None = None,
) -> tuple[Array, BatchNormCache]:
    r"""Bring each channel to mean `beta` and standard deviation `gamma`.

    .. math:: y_{mc} = \gamma_c \frac{x_{mc} - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} + \beta_c
              \tag{B3}

    Without `mean` and `variance` they are those of the batch (training),

    .. math:: \mu_c &= \frac1M \sum_m x_{mc}   \tag{B1} \\
              \sigma_c^2 &= \frac1M \sum_m (x_{mc} - \mu_c)^2   \tag{B2}

    over all axes but the last one, in float64; with them they are constants (inference, frozen).

    Parameters
    ----------
    x : (N, ..., C) float array
    gamma, beta : (C,) float arrays, same dtype as `x`
    mean, variance : (C,) array-like, optional
        Both or neither; converted to float64.
    epsilon : float
        Added to the variance.
    activation : None or "relu"
        Applied before the result is stored.

    Returns
    -------
    y : array, shape and dtype of `x`
    cache : BatchNormCache
        Holds the batch's mean and variance as float64.

    Raises
    ------
    TypeError
        If dtypes differ or are not floating-point.
    ValueError
        If shapes do not fit each other, a variance is negative, or an option is unknown.
    """
    where = "batch_norm"
    c = _check(where, x, gamma, beta)
    epsilon = check_epsilon(where, epsilon)
    if activation not in (None, "relu"):
        raise ValueError(
            f"{where}: activation must be None or 'relu', got {activation!r}; call any other one "
            "on the result"
        )
    if (mean is None) != (variance is None):
        raise ValueError(f"{where}: give both mean and variance, or neither to use the batch's")
    level, rows = rung(), x.reshape(_places(x), c)
    constant = mean is not None and variance is not None
    if constant:
        mu, sigma2 = np.asarray(mean, np.float64), np.asarray(variance, np.float64)
        check_shape(where, "mean", mu, (c,))
        check_shape(where, "variance", sigma2, (c,))
        if (sigma2 < 0).any():
            raise ValueError(f"{where}: variance must not be negative, its least is {sigma2.min()}")
    else:
        mu, sigma2 = level.batch_norm_statistics(rows)
    args = (rows, gamma, beta, mu, sigma2, epsilon)
    if current_backend() == "numba":
        y: Array = level.batch_norm_forward(*args, activation)
    else:
        y = level.batch_norm_forward(*args)
        y = level.relu_forward(y) if activation else y
    cache = BatchNormCache(x, gamma, beta, mu, sigma2, epsilon, activation, constant)
    return y.reshape(x.shape), cache


def batch_norm_backward(dy: Array, cache: BatchNormCache) -> Gradients:
    r"""Carry a gradient back through `batch_norm_forward`.

    .. math:: d\gamma_c &= \sum_m dy_{mc}\, \hat x_{mc}   \tag{B4} \\
              d\beta_c &= \sum_m dy_{mc}   \tag{B5}

    With constants, and through the statistics of the batch:

    .. math:: dx_{mc} &= \frac{\gamma_c}{s_c}\, dy_{mc}   \tag{B6} \\
              dx_{mc} &= \frac{\gamma_c}{s_c} \Bigl(dy_{mc} - \frac{d\beta_c}{M}
              - \hat x_{mc} \frac{d\gamma_c}{M}\Bigr)   \tag{B7}

    Parameters
    ----------
    dy : float array of x's shape
    cache : BatchNormCache

    Returns
    -------
    dx : array, shape and dtype of `dy`
    dgamma, dbeta : (C,) arrays, dtype of `dy`
    """
    x, gamma, beta, mean, variance, epsilon, activation, constant = cache
    check_floats("batch_norm backward", x=x, dy=dy)
    check_shape("batch_norm backward", "dy", dy, x.shape)
    level, shape = rung(), (_places(x), x.shape[-1])
    x, dz = x.reshape(shape), dy.reshape(shape)
    backward = level.batch_norm_backward_constant if constant else level.batch_norm_backward
    args: tuple[Any, ...] = (x, gamma, mean, variance, epsilon)
    if current_backend() == "numba":
        args += (beta, activation)
    elif activation:
        y = level.batch_norm_forward(x, gamma, beta, mean, variance, epsilon)
        dz = level.relu_backward(dz, y)
    dx, dgamma, dbeta = backward(dz, *args)
    return dx.reshape(dy.shape), dgamma, dbeta


def group_norm_forward(
    x: Array, gamma: Array, beta: Array, *, groups: int = 8, epsilon: float = 1e-5
) -> tuple[Array, GroupNormCache]:
    r"""Normalize each image by itself: its channels in groups, each over all pixels.

    .. math:: y_{npc} = \gamma_c \frac{x_{npc} - \mu_{ng}}{\sqrt{\sigma_{ng}^2 + \epsilon}}
              + \beta_c   \tag{B10}

    with the mean (B8) and the variance (B9) of image n and of the group g that channel c is in.

    Parameters
    ----------
    x : (N, ..., C) float array
    gamma, beta : (C,) float arrays, same dtype as `x`
    groups : int
        Divides C. With 1 an image is normalized as a whole, with C each channel by itself
        (instance normalization).
    epsilon : float

    Returns
    -------
    y : array, shape and dtype of `x`
    cache : GroupNormCache

    Raises
    ------
    TypeError
        If dtypes differ or are not floating-point.
    ValueError
        If shapes do not fit each other, or groups do not divide the channels.
    """
    where = "group_norm"
    c = _check(where, x, gamma, beta)
    if not is_count(groups, 1) or c % int(groups):
        raise ValueError(f"{where}: groups must divide the {c} channels, got {groups!r}")
    shape = (x.shape[0], math.prod(x.shape[1:-1]), c)
    return _forward(where, x, shape, gamma, beta, int(groups), epsilon)


def group_norm_backward(dy: Array, cache: GroupNormCache) -> Gradients:
    r"""Carry a gradient back through `group_norm_forward`.

    .. math:: d\gamma_c &= \sum_{n,p} dy_{npc}\, \hat x_{npc}, \quad
              d\beta_c = \sum_{n,p} dy_{npc}   \tag{B11} \\
              dx_{npc} &= \frac{1}{s_{ng}} \Bigl(h_{npc} - \overline{h}_{ng}
              - \hat x_{npc}\, \overline{h \hat x}_{ng}\Bigr), \quad h = \gamma\, dy   \tag{B12}

    where a bar is the mean over an image's group.

    Parameters
    ----------
    dy : float array of x's shape
    cache : GroupNormCache

    Returns
    -------
    dx : array, shape and dtype of `dy`
    dgamma, dbeta : (C,) arrays, dtype of `dy`
    """
    x = cache.x
    return _backward("group_norm", dy, cache, (len(x), math.prod(x.shape[1:-1]), x.shape[-1]))


def layer_norm_forward(
    x: Array, gamma: Array, beta: Array, *, epsilon: float = 1e-5
) -> tuple[Array, GroupNormCache]:
    """Normalize over the channels, at each pixel by itself.

    The last axis, as in Keras, as PyTorch's `LayerNorm(C)` on channels-last images, and as
    transformers and ConvNeXt want it. An image as a whole, as in the first works on convolutional
    networks, is `group_norm_forward` with groups=1. It is (B10) with every pixel taken for an
    image of its own, in one group.

    Parameters
    ----------
    x, gamma, beta, epsilon : as for `group_norm_forward`

    Returns
    -------
    y : array, shape and dtype of `x`
    cache : GroupNormCache
    """
    c = _check("layer_norm", x, gamma, beta)
    return _forward("layer_norm", x, (_places(x), 1, c), gamma, beta, 1, epsilon)


def layer_norm_backward(dy: Array, cache: GroupNormCache) -> Gradients:
    """Carry a gradient back through `layer_norm_forward`: (B11) and (B12) with P = 1 and G = 1.

    Parameters and results as in `group_norm_backward`.
    """
    return _backward("layer_norm", dy, cache, (_places(cache.x), 1, cache.x.shape[-1]))


def _forward(
    where: str,
    x: Array,
    shape: tuple[int, int, int],
    gamma: Array,
    beta: Array,
    groups: int,
    epsilon: float,
) -> tuple[Array, GroupNormCache]:
    epsilon = check_epsilon(where, epsilon)
    forward = rung().group_norm_forward
    y, mean, variance = forward(x.reshape(shape), gamma, beta, groups, epsilon)
    return y.reshape(x.shape), GroupNormCache(x, gamma, mean, variance, epsilon)


def _backward(
    where: str, dy: Array, cache: GroupNormCache, shape: tuple[int, int, int]
) -> Gradients:
    x, gamma, *rest = cache
    check_floats(f"{where} backward", x=x, dy=dy)
    check_shape(f"{where} backward", "dy", dy, x.shape)
    backward = rung().group_norm_backward
    dx, dgamma, dbeta = backward(dy.reshape(shape), x.reshape(shape), gamma, *rest)
    return dx.reshape(dy.shape), dgamma, dbeta


def _places(x: Array) -> int:
    """Return how many numbers a channel has."""
    return math.prod(x.shape[:-1])


def _check(where: str, x: Array, gamma: Array, beta: Array) -> int:
    """Raise unless the arrays fit each other; return the number of channels."""
    check_floats(where, x=x, gamma=gamma, beta=beta)
    if x.ndim < 2 or x.shape[-1] == 0:
        raise ValueError(f"{where}: x must have axes (N, ..., C) and a channel, got {x.shape}")
    check_shape(where, "gamma", gamma, x.shape[-1:])
    check_shape(where, "beta", beta, x.shape[-1:])
    return int(x.shape[-1])
