"""Activations as layers, and `activation=` as an argument of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np

from .. import ops
from ..ops._fused import FUSED
from .base import Array, Layer, Rng

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (ops.relu_forward, ops.relu_backward),
    "leaky_relu": (ops.leaky_relu_forward, ops.leaky_relu_backward),
    "sigmoid": (ops.sigmoid_forward, ops.sigmoid_backward),
    "tanh": (ops.tanh_forward, ops.tanh_backward),
    "gelu": (ops.gelu_forward, ops.gelu_backward),
    "softmax": (ops.softmax_forward, ops.softmax_backward),
}


def check_activation(activation: str | None) -> None:
    """Raise ValueError unless the name is known."""
    if activation is not None and activation not in PAIRS:
        raise ValueError(
            f"activation {activation!r} is unknown; use None or one of {', '.join(PAIRS)}"
        )


class Followed(NamedTuple):
    """The caches of an operation and of the activation behind it, None where that was fused."""

    op: Any
    activation: Any


def fused_part(activation: str | None) -> str | None:
    """Return the activation if the operation itself can apply it, else None."""
    return activation if activation in FUSED else None


def follow(
    y: Array, cache: Any, activation: str | None, fused: tuple[str, ...] = FUSED
) -> tuple[Array, Followed]:
    """Apply the activation that the operation could not; it can do those in `fused`."""
    if activation is None or activation in fused:
        return y, Followed(cache, None)
    a, activation_cache = PAIRS[activation][0](y)
    return a, Followed(cache, activation_cache)


def unfollow(
    dy: Array, cache: Followed, activation: str | None, fused: tuple[str, ...] = FUSED
) -> Array:
    """Carry a gradient back through what `follow` applied."""
    if activation is None or activation in fused:
        return dy
    dz: Array = PAIRS[activation][1](dy, cache.activation)
    return dz


class _Activation(Layer):
    """Calls the pair of its name; shape in, same shape out."""

    _pair: str

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        y, cache = PAIRS[self._pair][0](x)
        return y, cache

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (PAIRS[self._pair][1](dy, cache) if need_dx else None), {}


@final
class ReLU(_Activation):
    """max(x, 0), (A1)."""

    _pair = "relu"


@final
class LeakyReLU(_Activation):
    """x above zero, slope * x below, (A3).

    Parameters
    ----------
    slope : float, default 0.01
    """

    _pair = "leaky_relu"

    def __init__(self, slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if not isinstance(slope, (int, float, np.floating)) or not 0 <= slope < math.inf:
            raise ValueError(f"LeakyReLU: slope must be a finite number from 0, got {slope!r}")
        self.slope = float(slope)

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return ops.leaky_relu_forward(x, self.slope)

    def get_config(self) -> dict[str, Any]:
        return {"slope": self.slope, **super().get_config()}


@final
class Sigmoid(_Activation):
    """1 / (1 + exp(-x)), (A5)."""

    _pair = "sigmoid"


@final
class Tanh(_Activation):
    """Hyperbolic tangent, (A7)."""

    _pair = "tanh"


@final
class GELU(_Activation):
    """Gaussian error linear unit, tanh form, (A9)."""

    _pair = "gelu"


@final
class Softmax(_Activation):
    """Probabilities along the last axis, (S1)."""

    _pair = "softmax"
