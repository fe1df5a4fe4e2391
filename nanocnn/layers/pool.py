"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from .. import ops
from ..ops._checks import output_size, pair, resolve_padding
from .base import Array, Layer, Rng, Shape


class _Pool2D(Layer):
    """Abstract: a window slides over the image, each channel for itself."""

    def __init__(
        self,
        window: int | Sequence[int] = 2,
        *,
        stride: int | Sequence[int] | None = None,
        padding: str | int | Sequence[Any] = "valid",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        what = type(self).__name__
        self.window = pair(f"{what}: window", window)
        self.stride = self.window if stride is None else pair(f"{what}: stride", stride)
        self.padding = padding
        around = resolve_padding(padding, (1, 1), self.window, self.stride)
        if any(max(p) >= k for p, k in zip(around, self.window, strict=True)):
            raise ValueError(
                f"{what}: padding must be smaller than the window {self.window}, got {padding!r}; "
                "a window would hold no pixel at all"
            )

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} needs images (H, W, C), got shape {input_shape}")
        size = (input_shape[0], input_shape[1])
        padding = resolve_padding(self.padding, size, self.window, self.stride)
        rows, cols = output_size(self.label, size, self.window, self.stride, padding)
        return rows, cols, input_shape[2]

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments of the operation."""
        return {"window": self.window, "stride": self.stride, "padding": self.padding}

    def get_config(self) -> dict[str, Any]:
        return {**self.geometry, **super().get_config()}


@final
class MaxPool2D(_Pool2D):
    """The largest value of each window, (P1).

    Parameters
    ----------
    window : int or (int, int), default 2
        Rows and columns of a window, in pixels.
    stride : int or (int, int), default the window
    padding : "valid", "same", int, (int, int) or ((top, bottom), (left, right))
        Smaller than the window. It counts as minus infinity.
    name : str, optional
    """

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return ops.max_pool2d_forward(x, **self.geometry)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (ops.max_pool2d_backward(dy, cache) if need_dx else None), {}


@final
class AveragePool2D(_Pool2D):
    """The mean of each window's real pixels, (P3).

    Parameters
    ----------
    window : int or (int, int), default 2
        Rows and columns of a window, in pixels.
    stride : int or (int, int), default the window
    padding : "valid", "same", int, (int, int) or ((top, bottom), (left, right))
        Smaller than the window. It is not counted.
    name : str, optional
    """

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return ops.average_pool2d_forward(x, **self.geometry)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (ops.average_pool2d_backward(dy, cache) if need_dx else None), {}


@final
class GlobalAveragePool2D(Layer):
    """The mean of each channel over the whole image, (P5): (N, H, W, C) to (N, C)."""

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} needs images (H, W, C), got shape {input_shape}")
        return (input_shape[2],)

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return ops.global_average_pool2d_forward(x)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (ops.global_average_pool2d_backward(dy, cache) if need_dx else None), {}
