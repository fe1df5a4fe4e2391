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


def tversky(
    z: torch.Tensor, q: torch.Tensor, s: torch.Tensor, alpha: float, beta: float, smoothing: float
) -> torch.Tensor:
    """PyTorch has none: 1 - TP / (TP + alpha FP + beta FN), of each class, over the whole batch."""
    p, axes = torch.softmax(z, -1), tuple(range(z.ndim - 1))
    s = s[..., None]
    hits, extra, missed = ((s * a).sum(axes) for a in (p * q, p * (1 - q), (1 - p) * q))
    half = smoothing / 2
    return 1 - (hits + half) / (hits + alpha * extra + beta * missed + half)


def yes_or_no(z: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros_like(z), z], -1)


def focal(z: torch.Tensor, q: torch.Tensor, s: torch.Tensor, gamma: float) -> torch.Tensor:
    log_p = torch.log_softmax(z, -1)
    return -(s * (q * (1 - log_p.exp()) ** gamma * log_p).sum(-1)).mean()


def rare(v: Values) -> None:
    """Cover the losses for rare classes: many classes and one logit, weights, ignored pixels."""
    z, t = numbers("rare/z", (2, 3, 4, 5), 4.0), labels("rare/t", (2, 3, 4), 5)
    one, yes = numbers("rare/one", (2, 3, 4, 1), 4.0), labels("rare/yes", (2, 3, 4), 2)
    s = numbers("rare/s", (2, 3, 4), 0.5) + 1
    some = np.where(labels("rare/some", t.shape, 4) == 0, 255, t)
    seen = (some != 255).astype(np.float64)
    w = [1.0, 0.5, 2.0, 3.0, 1.5]
    wide = torch.tensor(w, dtype=torch.float64)

    def keep(name: str, y: Any, target: Any, options: dict[str, Any], f: Any) -> None:
        ty = leaf(y)
        K = max(2, y.shape[-1])
        q = torch.tensor(np.eye(K)[np.where(target == 255, 0, target)])
        value = f(ty if y.shape[-1] > 1 else yes_or_no(ty), q)
        value.backward()
        kept = {k: a.tolist() if isinstance(a, np.ndarray) else a for k, a in options.items()}
        v.save(name, kept, y=ty, target=target, loss=value, dy=ty.grad)

    weight, ones, mean = torch.tensor(s), torch.ones(s.shape, dtype=torch.float64), seen.mean()
    keep("focal/plain", z, t, {}, lambda z, q: focal(z, q, ones, 2.0))
    keep("focal/alpha", one, yes, {"gamma": 0.5, "alpha": 0.3, "sample_weight": s},
         lambda z, q: focal(z, q, weight * (0.7 * q[..., 0] + 0.3 * q[..., 1]), 0.5))  # fmt: skip
    keep("focal/ignored", z, some, {"class_weight": w, "ignore_class": 255},
         lambda z, q: focal(z, q, torch.tensor(seen / mean) * (q @ wide), 2.0))  # fmt: skip
    keep("soft_dice/plain", z, t, {}, lambda z, q: tversky(z, q, ones, 0.5, 0.5, 1.0)[1:].mean())
    keep("soft_dice/one logit", one, yes, {"smoothing": 0.1, "sample_weight": s},
         lambda z, q: tversky(z, q, weight, 0.5, 0.5, 0.1)[1])  # fmt: skip
    keep("soft_dice/images", z, some, {"background": True, "per_image": True, "ignore_class": 255},
         lambda z, q: sum(tversky(z[n], q[n], torch.tensor(seen[n]), 0.5, 0.5, 1.0).mean()
                          for n in range(2)) / 2)  # fmt: skip
    keep("tversky/plain", z, t, {}, lambda z, q: tversky(z, q, ones, 0.3, 0.7, 1.0)[1:].mean())
    keep("tversky/weights", z, t, {"alpha": 0.9, "beta": 0.2, "class_weight": w},
         lambda z, q: (wide * tversky(z, q, ones, 0.9, 0.2, 1.0))[1:].mean())  # fmt: skip
    keep("dice_cross_entropy/plain", z, t, {},
         lambda z, q: tversky(z, q, ones, 0.5, 0.5, 1.0)[1:].mean()
         + softmax_cross_entropy(z, q, ones))  # fmt: skip
    shares = {"dice_weight": 0.4, "cross_entropy_weight": 2.5, "sample_weight": s}
    keep("dice_cross_entropy/one logit", one, yes, shares,
         lambda z, q: 0.4 * tversky(z, q, weight, 0.5, 0.5, 1.0)[1]
         + 2.5 * softmax_cross_entropy(z, q, weight))  # fmt: skip
    keep("softmax_cross_entropy/ignored", z, some, {"ignore_class": 255},
         lambda z, q: F.cross_entropy(z.reshape(-1, 5), torch.tensor(some.reshape(-1)),
                                      ignore_index=255))  # fmt: skip


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
    rare(v)
