"""Inputs on which ties, limits and overflow show, and the wrong passes that show only there.

Standard normal numbers never tie, never reach a limit and never overflow, so no checker that looks
at them can see these mistakes. The numbers here are whole (and two of them are the limits of the
clipping in `categorical_crossentropy`); a wrong function is compared with the right one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanocnn import ops, reference

INF = float("inf")
_DY = np.array([[1.0, -2, 3], [4, 5, -6]])
_SIGNS = np.array([[0.0, 1, -1], [2, 0, -2]])
_Q = np.array([[0.0, 1, 0], [0.5, 0.5, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]])
_S = np.array([1.0, 2, 1, 3, 1])
_LOGITS = [[1000, 0, -1000], [0, 1000, 0], [-1000, 0, 2000], [0, -INF, 1], [1, 1, 1]]
_SHARES = [[0, 1, 0], [1e-7, 1 - 1e-7, 0], [1, 0, 0], [1, 0, 0], [1, 1, 2]]

# The arguments of a function of `nanocnn.reference` for which its wrong variants are compared.
EDGES: dict[str, tuple[Any, ...]] = {
    "relu_backward": (_DY, np.maximum(_SIGNS, 0)),
    "leaky_relu_backward": (_DY, _SIGNS, 0.5),
    "softmax_cross_entropy": (np.array(_LOGITS, float), _Q, _S),
    "categorical_crossentropy": (np.array(_SHARES, float), _Q, _S),
    "binary_cross_entropy": (np.array([-1000.0, 1000, 0, 2, -1000]), _Q[:, 0], _S),
}


def shown_at_the_edge(target: str, function: Callable[..., Any]) -> bool:
    """Tell whether a wrong variant of a reference function differs from it on EDGES."""
    if target not in EDGES:
        return False
    with np.errstate(all="ignore"):
        right = getattr(reference, target)(*EDGES[target])
        wrong = function(*EDGES[target])
    pairs = [(right, wrong)] if isinstance(right, np.ndarray) else zip(right, wrong, strict=True)
    return any(not np.allclose(a, b, rtol=1e-12, atol=0, equal_nan=True) for a, b in pairs)


@dataclass(frozen=True)
class Tie:
    """A pass that is right but for ties: `forward(x)`, and what it takes for dx."""

    name: str
    forward: Callable[[Any], tuple[Any, Any]]
    right: Callable[[Any, Any], Any]
    wrong: Callable[[Any, Any], Any]  # (x, dy) -> dx


def ties() -> list[Tie]:
    """Return the wrong ties, each with the right pass."""
    found = []
    for text, share in _SHARES_OF_A_WINDOW.items():
        wrong = _pooled(share)
        found.append(
            Tie(f"max_pool2d: {text}", ops.max_pool2d_forward, ops.max_pool2d_backward, wrong)
        )
    for at_zero, text in ((1.0, "slope 1 at zero"), (0.5, "slope 1/2 at zero")):
        found.append(
            Tie(f"relu: {text}", ops.relu_forward, ops.relu_backward, _gated(0.0, at_zero))
        )
        found.append(
            Tie(
                f"leaky_relu: {text}",
                ops.leaky_relu_forward,
                ops.leaky_relu_backward,
                _gated(0.01, at_zero),
            )
        )
    found += [_fused_dense(at_zero) for at_zero in (1.0, 0.5)]
    return found


def _gated(below: float, at_zero: float) -> Callable[[Any, Any], Any]:
    return lambda x, dy: dy * np.where(x > 0, 1, np.where(x == 0, at_zero, below))


def _fused_dense(at_zero: float) -> Tie:
    """Relu inside the dense layer: weights that are whole numbers, so that outputs tie at 0."""
    w = np.array([[1.0, -1, 2], [2, 1, -1], [0, 1, 1]])

    def forward(x: Any) -> Any:
        return ops.dense_forward(x.reshape(-1, 3), w, activation="relu")

    def wrong(x: Any, dy: Any) -> Any:
        rows = x.reshape(-1, 3)
        return _gated(0.0, at_zero)(rows @ w, dy) @ w.T

    text = "slope 1 at zero" if at_zero == 1 else "slope 1/2 at zero"
    return Tie(
        f"dense with relu: {text}", forward, lambda dy, c: ops.dense_backward(dy, c)[0], wrong
    )


def _pooled(share: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Cut an image into windows of 2x2, and give each cell its share of dy."""

    def backward(x: Any, dy: Any) -> Any:
        n, h, w, c = x.shape
        cells = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
        flat = cells.reshape(*cells.shape[:4], 4)
        dx = (share(flat) * dy[..., None]).reshape(cells.shape)
        return dx.transpose(0, 1, 4, 2, 5, 3).reshape(x.shape)

    return backward


def _one(index: Any) -> Any:
    return np.eye(4)[index]


def _largest(cells: Any) -> Any:
    return cells == cells.max(axis=-1, keepdims=True)


_SHARES_OF_A_WINDOW: dict[str, Callable[[Any], Any]] = {
    "the last of equal pixels wins": lambda a: _one(3 - a[..., ::-1].argmax(axis=-1)),
    "equal pixels in column order": lambda a: _one(
        np.array([0, 2, 1, 3])[a[..., [0, 2, 1, 3]].argmax(axis=-1)]
    ),
    "equal pixels share the gradient": lambda a: (
        _largest(a) / _largest(a).sum(axis=-1, keepdims=True)
    ),
    "each of the equal pixels gets all": lambda a: 1.0 * _largest(a),
    "of equal pixels none gets any": lambda a: (
        _largest(a) * (_largest(a).sum(axis=-1, keepdims=True) == 1)
    ),
}
