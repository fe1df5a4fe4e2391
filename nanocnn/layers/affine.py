"""What convolutions and Dense share: weights, a bias, an activation behind them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from .. import initializers
from .activations import Followed, check_activation, follow, fused_part, unfollow
from .base import Array, Layer, Rng, Shape

Self = TypeVar("Self", bound="Affine")


def check_count(label: str, what: str, value: object) -> int:
    """Return `value` as an int, or raise ValueError unless it is a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{label}: {what} must be a whole number from 1, got {value!r}")
    return int(value)


def named_grads(dw: Array | None, db: Array | None) -> dict[str, Array]:
    """Return those of the two gradients that were computed, by their parameters' names."""
    grads = {"w": dw, "b": db}
    return {key: g for key, g in grads.items() if g is not None}


class Affine(Layer):
    """Abstract: y = activation(op(x, w) + b), with w (or several) and b learnt."""

    def __init__(
        self,
        activation: str | None,
        use_bias: bool,
        initializer: str | initializers.Initializer,
        name: str | None,
    ) -> None:
        super().__init__(name=name)
        check_activation(activation)
        self._initialize = initializers.get(initializer)
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.initializer = getattr(self._initialize, "__name__", str(initializer))

    def _create(self, weights: Mapping[str, Shape], units: int, rng: np.random.Generator) -> None:
        """Draw the weights, unless they are there already: then they must fit."""
        if not self.params:
            params = {key: self._initialize(w, rng, self.dtype) for key, w in weights.items()}
            if self.use_bias:
                params["b"] = np.zeros(units, self.dtype)
            self.params = params
        shapes = {**weights, **({"b": (units,)} if self.use_bias else {})}
        found = {key: value.shape for key, value in self.params.items()}
        if found != shapes:
            raise ValueError(
                f"{self.label} has parameters of shapes {found}, this input needs {shapes}; a "
                "layer can be used twice only on inputs with the same channels"
            )
        if list(found) != list(shapes):  # in one order: sums over all parameters keep their bits
            self.params = {key: self.params[key] for key in shapes}

    def _op_forward(self, x: Array, activation: str | None) -> tuple[Array, Any]:
        raise NotImplementedError

    def _op_backward(
        self, dy: Array, cache: Any, need_dx: bool, need_dw: bool
    ) -> tuple[Array | None, Array | None, Array | None]:
        raise NotImplementedError

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, Followed]:
        self._check_built()
        y, cache = self._op_forward(x, fused_part(self.activation))
        return follow(y, cache, self.activation)

    def backward(
        self, dy: Array, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        dz = unfollow(dy, cache, self.activation)
        dx, dw, db = self._op_backward(dz, cache.op, need_dx, self.trainable)
        return dx, named_grads(dw, db)

    def without_activation(self: Self) -> Self:
        """Return a layer that shares this one's parameters and stops before the activation."""
        bare = copy.copy(self)
        bare.activation = None
        return bare

    def _affine_config(self) -> dict[str, Any]:
        return {
            "activation": self.activation,
            "use_bias": self.use_bias,
            "initializer": self.initializer,
            "name": self.name,
        }
