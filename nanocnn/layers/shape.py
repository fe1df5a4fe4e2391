"""Layers that change only the shape."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from .. import ops
from .base import Array, Layer, Rng, Shape


@final
class Flatten(Layer):
    """Each image becomes one row, (F1): (N, H, W, C) to (N, H*W*C)."""

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return ops.flatten_forward(x)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (ops.flatten_backward(dy, cache) if need_dx else None), {}
