"""The dense (fully connected) layer, index by index: every input reaches every output.

Indices: image n, input c, output f. Sizes: x is (N, D), w is (D, F), b is (F,), y is (N, F).

Forward
-------
    y[n,f] = b[f] + sum_c x[n,c] w[c,f]                                                         (D1)

As matrices: Y = X W + b. Textbooks that hold one image in a *column* write z = W h + b; here the
images are rows, so the matrix stands on the right and its shape is (inputs, outputs), as in Keras.

Backward
--------
The loss L depends on x, w and b only through y. Write dy for ∂L/∂y, which arrives from above, and
likewise dx, dw, db. By the chain rule ∂L/∂a is the sum of dy[n,f] ∂y[n,f]/∂a over all n and f: look
where the number a stands in (D1), and with which factor.

*The input.* x[n,c] stands in every y[n,f] of its own row n, times w[c,f]:

    dx[n,c] = sum_f dy[n,f] w[c,f]                                                              (D2)

The sum runs over the *second* index of w, where (D1) ran over the first. That exchange is the
transpose in dX = dY W^T. It is forgotten often, and where D = F the shapes do not give it away.

*The weight.* w[c,f] stands in y[n,f] for every image n, times x[n,c]:

    dw[c,f] = sum_n x[n,c] dy[n,f]                                                              (D3)

As matrices dW = X^T dY: the transpose is on X, and the batch is summed. A loss that is a mean over
the batch has put its 1/N into dy; (D3) does not divide.

*The bias.* b[f] stands in y[n,f] for every image n, times 1:

    db[f] = sum_n dy[n,f]                                                                       (D4)

No learning rate appears: the step W <- W - alpha dW is the optimizer's business, see
`optimizers.py`. Sums run in float64. The loops are slow on purpose.

References
----------
I. Goodfellow, Y. Bengio and A. Courville (2016), Deep Learning, MIT Press, section 6.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def dense_forward(x: Array, w: Array, b: Array | None) -> Array:
    """Weigh and add up the inputs of each image (D1).

    Parameters
    ----------
    x : (N, D) float or complex array
    w : (D, F) array, same dtype as `x`
    b : (F,) array or None

    Returns
    -------
    (N, F) array, same dtype as `x`
    """
    N, D = x.shape
    F = w.shape[1]
    inputs, weights = _wide(x), _wide(w)
    y = np.zeros((N, F), inputs.dtype)
    for n, f in np.ndindex(N, F):
        for c in range(D):
            y[n, f] += inputs[n, c] * weights[c, f]
        if b is not None:
            y[n, f] += b[f]
    return y.astype(x.dtype)


def dense_backward_input(dy: Array, w: Array) -> Array:
    """Carry the gradient back through the transposed weights (D2).

    Parameters
    ----------
    dy : (N, F) array
    w : (D, F) array, same dtype as `dy`

    Returns
    -------
    (N, D) array, same dtype as `dy`
    """
    N, F = dy.shape
    D = w.shape[0]
    upstream, weights = _wide(dy), _wide(w)
    dx = np.zeros((N, D), upstream.dtype)
    for n, c in np.ndindex(N, D):
        for f in range(F):
            dx[n, c] += upstream[n, f] * weights[c, f]
    return dx.astype(dy.dtype)


def dense_backward_weight(dy: Array, x: Array) -> Array:
    """Sum over the batch the products of input and gradient (D3).

    Parameters
    ----------
    dy : (N, F) array
    x : (N, D) array, same dtype as `dy`

    Returns
    -------
    (D, F) array, same dtype as `dy`
    """
    N, F = dy.shape
    D = x.shape[1]
    upstream, inputs = _wide(dy), _wide(x)
    dw = np.zeros((D, F), upstream.dtype)
    for c, f in np.ndindex(D, F):
        for n in range(N):
            dw[c, f] += inputs[n, c] * upstream[n, f]
    return dw.astype(dy.dtype)


def dense_backward_bias(dy: Array) -> Array:
    """Sum the gradient over the batch (D4).

    Parameters
    ----------
    dy : (N, F) array

    Returns
    -------
    (F,) array, same dtype as `dy`
    """
    upstream = _wide(dy)
    db = np.zeros(dy.shape[1], upstream.dtype)
    for n, f in np.ndindex(*dy.shape):
        db[f] += upstream[n, f]
    return db.astype(dy.dtype)


def _wide(x: Array) -> Array:
    """Copy to float64 (complex128 if complex), in which all sums run."""
    return x.astype(np.result_type(x.dtype, np.float64))
