r"""Exact logistic regression with an L2 penalty: the linear model to beat.

For labels :math:`y_n \in \{0, 1\}` it finds the minimum of

.. math:: L(w, b) = \frac{1}{N} \sum_n \left[ \log(1 + e^{z_n}) - y_n z_n \right]
          + \frac{\lambda}{2} \lVert w \rVert^2, \qquad z_n = w \cdot x_n + b

by Newton's method until the gradient is nothing. An image has more pixels than a data set has
images, and the best w then lies in the span of the training images; so the features are first
turned into their coordinates in that span (at most N of them), which changes neither z nor |w|.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
L2_CHOICES = (1e3, 1e2, 1e1, 1e0, 1e-1, 1e-2)
GRADIENT_NORM = 1e-9


class LogisticResult(NamedTuple):
    """The chosen strength, the three accuracies, and how near to the minimum the fit stopped."""

    l2: float
    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float
    gradient_norm: float


def logistic_regression_accuracy(
    train_x: NDArray[Any],
    train_y: NDArray[Any],
    val_x: NDArray[Any],
    val_y: NDArray[Any],
    test_x: NDArray[Any],
    test_y: NDArray[Any],
    *,
    l2_choices: Sequence[float] = L2_CHOICES,
) -> LogisticResult:
    """Fit logistic regression for each strength, choose on validation, report on test.

    Parameters
    ----------
    train_x, val_x, test_x : (N, ...) array
        Features; all axes but the first are flattened. Each feature is centred and divided by its
        deviation on the training part.
    train_y, val_y, test_y : (N,) array of 0 and 1
    l2_choices : sequence of float
        Strengths of the penalty; of equally good ones on validation the strongest is taken.

    Returns
    -------
    result : LogisticResult
        Its `gradient_norm` is that of the chosen fit's objective (the mean loss plus penalty).

    Raises
    ------
    ValueError
        If a label is neither 0 nor 1, a part is empty, or the parts' features do not agree.
    """
    train = _checked(train_x, train_y, "train")
    parts = [train, _checked(val_x, val_y, "val"), _checked(test_x, test_y, "test")]
    widths = [x.shape[1] for x, _ in parts]
    if len(set(widths)) > 1:
        raise ValueError(
            f"train, val and test have {widths[0]}, {widths[1]} and {widths[2]} features; "
            "give all three images of one size"
        )
    if not len(l2_choices) or min(l2_choices) <= 0:
        raise ValueError(f"l2_choices is {tuple(l2_choices)}; give at least one, all above 0")
    turned = _into_span([x for x, _ in parts])
    best: LogisticResult | None = None
    start = np.zeros(turned[0].shape[1] + 1)
    for l2 in sorted(l2_choices, reverse=True):
        start, gradient_norm = fit_logistic(turned[0], train[1], l2, start)
        scores = [
            float(np.mean((z @ start[:-1] + start[-1] > 0) == (y > 0)))
            for z, (_, y) in zip(turned, parts, strict=True)
        ]
        if best is None or scores[1] > best.validation_accuracy:
            best = LogisticResult(float(l2), scores[0], scores[1], scores[2], gradient_norm)
    assert best is not None
    return best


def fit_logistic(
    x: Array, y: Array, l2: float, start: Array | None = None, max_steps: int = 100
) -> tuple[Array, float]:
    """Minimise the penalised mean logistic loss by Newton's method with step halving.

    Parameters
    ----------
    x : (N, D) float64 array
    y : (N,) float64 array of 0 and 1
    l2 : float        above 0; the intercept is not penalised
    start : (D + 1,) float64 array or None
        Where to start, the intercept last; zeros by default.

    Returns
    -------
    theta : (D + 1,) float64 array        the weights, then the intercept
    gradient_norm : float
    """
    x1 = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    penalty = np.full(x1.shape[1], float(l2))
    penalty[-1] = 0.0
    theta = np.zeros(x1.shape[1]) if start is None else start.copy()
    loss, gradient, p = _objective(theta, x1, y, penalty)
    for _ in range(max_steps):
        if np.linalg.norm(gradient) < GRADIENT_NORM:
            break
        weighted = x1 * np.sqrt(p * (1.0 - p) / len(y))[:, None]
        hessian = weighted.T @ weighted
        # The tiny addition keeps the intercept's row solvable when every p is 0 or 1.
        hessian[np.diag_indices_from(hessian)] += penalty + 1e-12
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        trial = _objective(theta - step, x1, y, penalty)
        while trial[0] > loss and scale > 1e-6:
            scale *= 0.5
            trial = _objective(theta - scale * step, x1, y, penalty)
        if trial[0] > loss:
            break
        theta = theta - scale * step
        loss, gradient, p = trial
    return theta, float(np.linalg.norm(gradient))


def _objective(theta: Array, x1: Array, y: Array, penalty: Array) -> tuple[float, Array, Array]:
    z = x1 @ theta
    p = 0.5 * (1.0 + np.tanh(0.5 * z))
    loss = float(np.mean(np.logaddexp(0.0, z) - y * z) + 0.5 * np.sum(penalty * theta**2))
    return loss, x1.T @ (p - y) / len(y) + penalty * theta, p


def _checked(x: NDArray[Any], y: NDArray[Any], name: str) -> tuple[NDArray[Any], Array]:
    x, y = np.asarray(x), np.asarray(y)
    if len(x) == 0 or y.shape != (len(x),):
        raise ValueError(
            f"{name}_x has {len(x)} rows and {name}_y has shape {y.shape}; "
            f"give one label for each of at least one image"
        )
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            f"{name}_y holds {np.unique(y)[:5].tolist()}; logistic regression here needs 0 and 1"
        )
    return x.reshape(len(x), -1), y.astype(np.float64)


def _into_span(parts: list[NDArray[Any]]) -> list[Array]:
    """Standardise by the first part and, if it has fewer rows than columns, turn into its span.

    Everything goes by blocks of columns, so that many large images need no second copy.
    """
    train = parts[0]
    columns = [slice(k, k + 2048) for k in range(0, train.shape[1], 2048)]
    deviation = np.concatenate([train[:, c].std(axis=0, dtype=np.float64) for c in columns])
    # A pixel that hardly varies in training must not blow up in a test image.
    scale = np.maximum(deviation, 0.01 * deviation.max())
    scale[scale == 0.0] = 1.0

    def standard(c: slice) -> list[Array]:
        mean = train[:, c].mean(axis=0, dtype=np.float64)
        return [(x[:, c] - mean) / scale[c] for x in parts]

    if train.shape[0] >= train.shape[1]:
        return [
            np.concatenate(block, axis=1) for block in zip(*map(standard, columns), strict=True)
        ]
    products = [np.zeros((len(x), len(train))) for x in parts]
    for c in columns:
        block = standard(c)
        for product, x in zip(products, block, strict=True):
            product += x @ block[0].T
    # train = vectors @ diag(roots) @ axes, so x @ axes.T = (x @ train.T) @ vectors / roots.
    squares, vectors = np.linalg.eigh(products[0])
    keep = squares > 1e-10 * squares[-1]
    turn = vectors[:, keep] / np.sqrt(squares[keep])
    return [product @ turn for product in products]
