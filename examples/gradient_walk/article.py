"""Section 4, the formulas: the article's backward pass as printed, with one error each, corrected.

The article holds one image in a COLUMN, so here H is (D, N), W is (F, D), b is (F, 1). Its seven
equations are called article (1) to article (7). The arguments of the formulas, for layer l:

    delta       dL/dz(l)                 a        a(l), the layer's output
    delta_next  dL/dz(l+1)               a_below  a(l-1), the layer's input
    W_next      W(l+1)                   p, q     probabilities and targets of the last layer
"""

from __future__ import annotations

import numpy as np

from .chain_rule import sigmoid
from .sigmoid import slope

ALPHA = 0.1


def softmax(z):
    """Each column becomes positive numbers that sum to 1."""
    e = np.exp(z - z.real.max(axis=0))  # the shift changes nothing, and nothing overflows
    return e / e.sum(axis=0)  # (S1)


def forward(H, W1, b1, W2, b2):
    """The article's network with one hidden layer, from images to probabilities."""
    z1 = W1 @ H + b1  # article (3), (D1)
    a1 = sigmoid(z1)  # article (4), (A5)
    z2 = W2 @ a1 + b2  # article (3), (D1)
    p = softmax(z2)  # article (2), (S1)
    return z1, a1, z2, p


def mean_cross_entropy(p, q):
    """The loss: a mean over the N images, which stand in columns."""
    return -np.sum(q * np.log(p)) / q.shape[1]  # (L1)


# delta(L), where the backward pass begins. The article does not print it.


def top_without_mean(p, q):
    """The loss is a mean, its 1/N is left out."""
    return p - q


def top_corrected(p, q):
    """Softmax with cross-entropy in one."""
    return (p - q) / q.shape[1]  # (L2)


# delta(l), from the layer above.


def delta_printed(W_next, delta_next, a):
    """Wholly as printed: no weights, and the slope is taken at a."""
    return delta_next * slope(a)  # article (5)


def delta_without_weights(W_next, delta_next, a):
    """Only the weights are left out."""
    return delta_next * (a * (1 - a))


def delta_not_transposed(W_next, delta_next, a):
    """Only the transpose is left out."""
    return (W_next @ delta_next) * (a * (1 - a))


def delta_slope_at_a(W_next, delta_next, a):
    """Only the slope is taken at a instead of z."""
    return (W_next.T @ delta_next) * slope(a)


def delta_corrected(W_next, delta_next, a):
    """Through the transposed weights, times the slope at z, written through a."""
    return (W_next.T @ delta_next) * (a * (1 - a))  # (D2), (A6)


# dW(l), from this layer's delta and its input.


def dw_printed(delta, delta_next, a_below):
    """Wholly as printed: the delta of the layer above, a not transposed, alpha inside."""
    return ALPHA * delta_next @ a_below  # article (6)


def dw_delta_next(delta, delta_next, a_below):
    """Only the index of delta is off by one."""
    return delta_next @ a_below.T


def dw_not_transposed(delta, delta_next, a_below):
    """Only the transpose of a(l-1) is left out."""
    return delta @ a_below


def dw_alpha_inside(delta, delta_next, a_below):
    """Only alpha is inside."""
    return ALPHA * delta @ a_below.T


def dw_one_image(delta, delta_next, a_below):
    """Only the batch is not summed: the last image's product."""
    return delta[:, -1:] @ a_below[:, -1:].T


def dw_corrected(delta, delta_next, a_below):
    """The product sums over the images."""
    return delta @ a_below.T  # (D3)


# db(l), from this layer's delta.


def db_printed(delta, delta_next, a_below):
    """Wholly as printed."""
    return ALPHA * delta_next  # article (7)


def db_delta_next(delta, delta_next, a_below):
    """Only the index of delta is off by one."""
    return delta_next.sum(axis=1, keepdims=True)


def db_alpha_inside(delta, delta_next, a_below):
    """Only alpha is inside."""
    return ALPHA * delta.sum(axis=1, keepdims=True)


def db_not_summed(delta, delta_next, a_below):
    """Only the batch is not summed."""
    return delta


def db_corrected(delta, delta_next, a_below):
    """The bias meets every image, so all columns add up."""
    return delta.sum(axis=1, keepdims=True)  # (D4)


TOPS = (top_without_mean, top_corrected)
DELTAS = (
    delta_printed,
    delta_without_weights,
    delta_not_transposed,
    delta_slope_at_a,
    delta_corrected,
)
DWS = (dw_printed, dw_delta_next, dw_not_transposed, dw_alpha_inside, dw_one_image, dw_corrected)
DBS = (db_printed, db_delta_next, db_alpha_inside, db_not_summed, db_corrected)


def backward(H, z1, a1, p, q, W2):
    """The corrected backward pass of the whole network: four lines, nothing else."""
    delta2 = top_corrected(p, q)
    delta1 = delta_corrected(W2, delta2, a1)
    dW2, db2 = dw_corrected(delta2, None, a1), db_corrected(delta2, None, a1)
    dW1, db1 = dw_corrected(delta1, delta2, H), db_corrected(delta1, delta2, H)
    return dW1, db1, dW2, db2
