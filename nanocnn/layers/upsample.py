"""Layers that make images larger and learn nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from .. import ops
from ..ops._checks import pair
from ..ops.upsample import check_interpolation
from ..ops.zero_pad import border
from .base import Array, Layer, Rng, Shape


@final
class UpSampling2D(Layer):
    """Images made larger by a whole factor, (U1).

    Parameters
    ----------
    factor : int or (int, int), default 2
        Rows and columns.
    interpolation : "nearest" or "bilinear"
        Bilinear has half-pixel centres, (U2), as Keras has them.
    name : str, optional
    """

    def __init__(
        self,
        factor: int | Sequence[int] = 2,
        *,
        interpolation: str = "nearest",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.factor = pair("UpSampling2D: factor", factor)
        check_interpolation("UpSampling2D", interpolation)
        self.interpolation = interpolation

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} needs images (H, W, C), got shape {input_shape}")
        height, width, channels = input_shape
        return height * self.factor[0], width * self.factor[1], channels

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return ops.upsample2d_forward(x, self.factor, interpolation=self.interpolation)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (ops.upsample2d_backward(dy, cache) if need_dx else None), {}

    def get_config(self) -> dict[str, Any]:
        return {
            "factor": self.factor,
            "interpolation": self.interpolation,
            **super().get_config(),
        }


@final
class ZeroPadding2D(Layer):
    """A border of zeros around every image, (Z1).

    Parameters
    ----------
    padding : int, (int, int) or ((top, bottom), (left, right)), default 1
    name : str, optional
    """

    def __init__(self, padding: int | Sequence[Any] = 1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.padding = border("ZeroPadding2D", padding)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} needs images (H, W, C), got shape {input_shape}")
        height, width, channels = input_shape
        return height + sum(self.padding[0]), width + sum(self.padding[1]), channels

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return ops.zero_pad2d_forward(x, self.padding)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (ops.zero_pad2d_backward(dy, cache) if need_dx else None), {}

    def get_config(self) -> dict[str, Any]:
        return {"padding": self.padding, **super().get_config()}
