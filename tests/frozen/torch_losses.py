"""Every exported loss with its options, by PyTorch in float64.

nanocnn divides by the number of samples, not by the sum of their weights, and clips probabilities
as Keras does: the formulas stand here, the gradients are autograd's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .formula import labels, numbers
from .torch_common import leaf
from .values import Values

WEIGHTS = {"class_weight": [0.5, 2.0, 1.5], "label_smoothing": 0.1}
BINARY_WEIGHTS = {"class_weight": [0.5, 2.0], "label_smoothing": 0.1}


def save(
    v: Values, loss: str, name: str, y: Any, target: Any, options: dict[str, Any], f: Any
) -> None:
    """Save value and gradient of `f(y, q, s)`, with q and s as the options make them."""
    ty = leaf(y)
    q, s = prepared(target, y.shape, loss, **options)
    value = f(ty, torch.tensor(q), torch.tensor(s))
    value.backward()
    v.save(f"{loss}/{name}", options, y=ty, target=target, loss=value, dy=ty.grad)


def prepared(
    target: Any,
    shape: tuple[int, ...],
    loss: str,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
) -> tuple[Any, Any]:
    """Return the smoothed targets, and the weight of each sample or element before smoothing."""
    if loss == "mean_squared_error":
        return target, np.ones(shape)
    if loss == "binary_cross_entropy":
        q = target.astype(np.float64)
        low, high = (1.0, 1.0) if class_weight is None else class_weight
        smooth = (1 - label_smoothing) * q + label_smoothing / 2
        return smooth, low * (1 - q) + high * q
    K = shape[-1]
    q = target if target.shape == shape else np.eye(K)[target]
    w = np.ones(K) if class_weight is None else np.array(class_weight)
    return (1 - label_smoothing) * q + label_smoothing / K, q @ w


def softmax_cross_entropy(z: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return -(s * (q * torch.log_softmax(z, -1)).sum(-1)).mean()


def categorical_crossentropy(p: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    r = torch.clip(p / p.sum(-1, keepdim=True), 1e-7, 1 - 1e-7)
    return -(s * (q * torch.log(r)).sum(-1)).mean()


def binary_cross_entropy(z: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(z, q, weight=s)


def mean_squared_error(y: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(y, q)


def add(v: Values) -> None:
    """Compute all cases."""
    logits, classes = numbers("loss/logits", (5, 3), 4.0), labels("loss/classes", (5,), 3)
    soft = numbers("loss/soft", (5, 3), 0.5) + 0.75
    soft /= soft.sum(axis=1, keepdims=True)
    pixels, where = numbers("loss/pixels", (2, 3, 4, 5), 4.0), labels("loss/where", (2, 3, 4), 5)
    for loss, f, y in (
        ("softmax_cross_entropy", softmax_cross_entropy, logits),
        ("categorical_crossentropy", categorical_crossentropy, numbers("p", (5, 3), 0.5) + 0.75),
    ):
        save(v, loss, "labels", y, classes, {}, f)
        save(v, loss, "soft rows", y, soft, {}, f)
        save(v, loss, "weights and smoothing", y, classes, WEIGHTS, f)
    save(v, "softmax_cross_entropy", "pixels", pixels, where, {}, softmax_cross_entropy)
    certain = np.array([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])  # the first row is clipped
    one = (certain, np.array([1, 2]), {}, categorical_crossentropy)
    save(v, "categorical_crossentropy", "clipped", *one)
    answers = labels("loss/answers", (5, 3), 2)
    save(v, "binary_cross_entropy", "plain", logits, answers, {}, binary_cross_entropy)
    options = (logits, answers, BINARY_WEIGHTS, binary_cross_entropy)
    save(v, "binary_cross_entropy", "weights and smoothing", *options)
    target = numbers("loss/target", (5, 3), 4.0)
    save(v, "mean_squared_error", "plain", logits, target, {}, mean_squared_error)
