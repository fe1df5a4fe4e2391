"""Optimizer steps, element by element: what is done with a gradient once it is known.

p is a parameter, g = dL/dp its gradient, a the learning rate; `<-` means "becomes". Every element
of every parameter goes its own way, so no index is written. State (velocity, v, m) starts at zero.
The formulas, and where the small epsilon stands, are PyTorch's.

*Weight decay*, where its rate d is not 0, adds the gradient of (d/2) p^2 first: g <- g + d p. Only
AdamW does it in another way.

Gradient descent, with momentum
-------------------------------
    p <- p - a g                                               without momentum
    v <- mu v + g,    p <- p - a v                             with momentum mu
    v <- mu v + g,    p <- p - a (g + mu v)                    Nesterov's form                  (O1)

The velocity v is a sum of past gradients that fades by mu each step: steps along a valley add up,
steps across it cancel (Polyak 1964). Nesterov's form looks one step ahead: g + mu v is what v
would become if the gradient stayed the same (Sutskever et al. 2013, with p standing at the point
where the gradient is taken).

RMSprop
-------
    v <- rho v + (1 - rho) g^2,    step = g / (sqrt(v) + eps)
    p <- p - a step                                            without momentum
    b <- mu b + step,    p <- p - a b                          with momentum mu                 (O2)

v is a running mean of g^2, so every element moves by about a whatever the size of its gradient
(Tieleman and Hinton 2012).

Adam
----
    m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g^2
    p <- p - a (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)                            (O3)

t counts the steps from 1. The divisions undo the start at zero: after t steps with a constant
gradient g, m = (1 - beta1) (1 + beta1 + ... + beta1^(t-1)) g = (1 - beta1^t) g, and divided by
1 - beta1^t that is g itself; the same holds for v and g^2 (Kingma and Ba 2015).

AdamW
-----
    p <- p - a d p,    then (O3) with g as it is                                                (O4)

In (O3) a decay that goes through g is divided by sqrt(v) like everything else, so a weight with
large gradients hardly decays. Here it is taken off the weight itself (Loshchilov and Hutter 2019).

All functions change p and their state arrays in place, leave g as it is, and return None. Each
step is computed in float64 and stored in the array's dtype. The loops are slow on purpose.

References
----------
B. Polyak (1964), Some methods of speeding up the convergence of iteration methods, USSR Comput.
Math. Math. Phys. 4.
I. Sutskever, J. Martens, G. Dahl and G. Hinton (2013), On the importance of initialization and
momentum in deep learning, ICML.
T. Tieleman and G. Hinton (2012), Lecture 6.5: rmsprop, Coursera.
D. Kingma and J. Ba (2015), Adam: a method for stochastic optimization, ICLR, arXiv:1412.6980.
I. Loshchilov and F. Hutter (2019), Decoupled weight decay regularization, ICLR, arXiv:1711.05101.
"""

from __future__ import annotations

from math import sqrt
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
        Changed in place.
    learning_rate, momentum, weight_decay : float
    nesterov : bool
    """
    for e in np.ndindex(*p.shape):
        step = float(g[e]) + weight_decay * float(p[e])
        if velocity is not None and momentum != 0:
            faded = momentum * float(velocity[e]) + step
            velocity[e] = faded
            step = step + momentum * faded if nesterov else faded
        p[e] = float(p[e]) - learning_rate * step


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
        b in the equation; changed in place.
    learning_rate, rho, epsilon, momentum, weight_decay : float
    """
    for e in np.ndindex(*p.shape):
        slope = float(g[e]) + weight_decay * float(p[e])
        square = rho * float(v[e]) + (1 - rho) * slope * slope
        v[e] = square
        step = slope / (sqrt(square) + epsilon)
        if buffer is not None and momentum != 0:
            step = momentum * float(buffer[e]) + step
            buffer[e] = step
        p[e] = float(p[e]) - learning_rate * step


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
        False adds the decay to the gradient (Adam), True takes it off `p` itself (AdamW).
    """
    for e in np.ndindex(*p.shape):
        weight, slope = float(p[e]), float(g[e])
        if decoupled:
            weight -= learning_rate * weight_decay * weight
        else:
            slope += weight_decay * weight
        mean = beta1 * float(m[e]) + (1 - beta1) * slope
        square = beta2 * float(v[e]) + (1 - beta2) * slope * slope
        m[e], v[e] = mean, square
        size = sqrt(square / (1 - beta2**t)) + epsilon
        p[e] = weight - learning_rate * (mean / (1 - beta1**t)) / size
