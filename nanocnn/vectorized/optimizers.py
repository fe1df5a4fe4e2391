"""Optimizer steps on whole arrays, in place.

The equations and their sources stand in `nanocnn/reference/optimizers.py`. Every function changes
`p` and its state arrays in place, leaves `g` as it is, and returns None.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def sgd_update(
    p: Array,
    g: Array,
    velocity: Array | None,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> None:
    """Step down the gradient, with momentum if asked for (O1).

    Parameters
    ----------
    p, g : float arrays of one shape
        Parameters (changed in place) and their gradient.
    velocity : array like `p`, or None when `momentum` is 0
        Zeros before the first step; changed in place.
    learning_rate, momentum, weight_decay : float
    nesterov : bool
    """
    step = g + weight_decay * p
    if velocity is not None and momentum != 0:
        velocity *= momentum
        velocity += step
        step = step + momentum * velocity if nesterov else velocity
    p -= learning_rate * step


def rmsprop_update(
    p: Array,
    g: Array,
    v: Array,
    buffer: Array | None,
    learning_rate: float,
    rho: float,
    epsilon: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Divide each gradient by the running size of its past (O2).

    Parameters
    ----------
    p, g, v : float arrays of one shape
        Parameters and running mean of squares (both changed in place), gradient.
    buffer : array like `p`, or None when `momentum` is 0
        Zeros before the first step; changed in place.
    learning_rate, rho, epsilon, momentum, weight_decay : float
    """
    step = g + weight_decay * p
    v *= rho
    v += (1 - rho) * step * step
    step = step / (np.sqrt(v) + epsilon)
    if buffer is not None and momentum != 0:
        buffer *= momentum
        buffer += step
        step = buffer
    p -= learning_rate * step


def adam_update(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """Scale momentum by the running size of the gradient: Adam (O3), AdamW (O4).

    Parameters
    ----------
    p, g, m, v : float arrays of one shape
        Parameters, gradient, running means of gradient and square; `p`, `m`, `v` change in place.
    t : int
        Number of this step, from 1.
    learning_rate, beta1, beta2, epsilon, weight_decay : float
    decoupled : bool
        False adds `weight_decay * p` to the gradient (Adam), True shrinks `p` itself (AdamW).
    """
    if decoupled:
        p *= 1 - learning_rate * weight_decay
    else:
        g = g + weight_decay * p
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g
    size = np.sqrt(v) / math.sqrt(1 - beta2**t) + epsilon
    p -= learning_rate / (1 - beta1**t) * m / size
