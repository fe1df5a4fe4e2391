"""Convolutions that filter each channel for itself: cheaper, and made of what Conv2D is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np

from .. import ops
from ..initializers import Initializer
from ..ops._checks import output_size, pair, resolve_padding
from .activations import Followed, unfollow
from .affine import Affine, check_count
from .base import Array, Shape


class _ByChannel(Affine):
    """Abstract: begins with a convolution of as many groups as there are channels."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        padding: str | int | Sequence[Any],
        dilation: int | Sequence[int],
        depth_multiplier: int,
        activation: str | None,
        use_bias: bool,
        initializer: str | Initializer,
        name: str | None,
    ) -> None:
        super().__init__(activation, use_bias, initializer, name)
        what = type(self).__name__
        self.kernel_size = pair(f"{what}: kernel_size", kernel_size)
        self.stride = pair(f"{what}: stride", stride)
        self.dilation = pair(f"{what}: dilation", dilation)
        self.depth_multiplier = check_count(what, "depth_multiplier", depth_multiplier)
        self.padding = padding
        resolve_padding(padding, (1, 1), self.kernel_size, self.stride, self.dilation)

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments of `nanocnn.ops.conv2d_forward`, without groups."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def _output_shape(self, input_shape: Shape) -> tuple[int, int, int]:
        """Return the shape behind the depthwise part."""
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} needs images (H, W, C), got shape {input_shape}")
        size, steps = (input_shape[0], input_shape[1]), (self.stride, self.dilation)
        padding = resolve_padding(self.padding, size, self.kernel_size, *steps)
        rows, cols = output_size(
            self.label, size, self.kernel_size, steps[0], padding, self.dilation
        )
        return rows, cols, input_shape[2] * self.depth_multiplier

    def multiply_adds(self, input_shape: Shape) -> int:
        return math.prod(self._output_shape(input_shape)) * math.prod(self.kernel_size)

    def get_config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            **self.geometry,
            "depth_multiplier": self.depth_multiplier,
            **self._affine_config(),
        }


@final
class DepthwiseConv2D(_ByChannel):
    """Filters that see one channel each: (C1) with as many groups as channels.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride, dilation : int or (int, int)
    padding : "valid", "same", int, (int, int) or ((top, bottom), (left, right))
    depth_multiplier : int, default 1
        Filters for each channel; their outputs are neighbours.
    activation, use_bias, initializer, name
        As for `Conv2D`.

    Attributes
    ----------
    params : w (KH, KW, 1, C * depth_multiplier), and b (C * depth_multiplier,) with `use_bias`
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[Any] = "valid",
        dilation: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        given = (kernel_size, stride, padding, dilation, depth_multiplier)
        super().__init__(*given, activation, use_bias, initializer, name)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape = self._output_shape(input_shape)
        self._create({"w": (*self.kernel_size, 1, shape[2])}, shape[2], rng)
        return shape

    def _op_forward(self, x: Array, activation: str | None) -> tuple[Array, Any]:
        w, b, groups = self.params["w"], self.params.get("b"), x.shape[-1]
        return ops.conv2d_forward(x, w, b, **self.geometry, groups=groups, activation=activation)

    def _op_backward(
        self, dy: Array, cache: Any, need_dx: bool, need_dw: bool
    ) -> tuple[Array | None, Array | None, Array | None]:
        return ops.conv2d_backward(dy, cache, need_dx=need_dx, need_dw=need_dw)


class SeparableCache(NamedTuple):
    """The caches of the two convolutions."""

    depthwise: Any
    pointwise: Any


@final
class SeparableConv2D(_ByChannel):
    """A depthwise convolution, then one of 1x1 that mixes the channels: two times (C1).

    Parameters
    ----------
    filters : int
        F, the channels of the output.
    kernel_size : int or (int, int)
    stride, dilation : int or (int, int)
    padding : "valid", "same", int, (int, int) or ((top, bottom), (left, right))
    depth_multiplier : int, default 1
        Channels between the two convolutions, for each one of the input.
    activation, use_bias, initializer, name
        As for `Conv2D`; bias and activation stand behind the second convolution alone.

    Attributes
    ----------
    params : depthwise_w (KH, KW, 1, C * depth_multiplier), pointwise_w
        (1, 1, C * depth_multiplier, F), and b (F,) with `use_bias`
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[Any] = "valid",
        dilation: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        given = (kernel_size, stride, padding, dilation, depth_multiplier)
        super().__init__(*given, activation, use_bias, initializer, name)
        self.filters = check_count("SeparableConv2D", "filters", filters)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        rows, cols, between = self._output_shape(input_shape)
        depthwise, pointwise = (*self.kernel_size, 1, between), (1, 1, between, self.filters)
        weights = {"depthwise_w": depthwise, "pointwise_w": pointwise}
        self._create(weights, self.filters, rng)
        return rows, cols, self.filters

    def _op_forward(self, x: Array, activation: str | None) -> tuple[Array, Any]:
        p, groups = self.params, x.shape[-1]
        z, first = ops.conv2d_forward(x, p["depthwise_w"], **self.geometry, groups=groups)
        y, then = ops.conv2d_forward(z, p["pointwise_w"], p.get("b"), activation=activation)
        return y, SeparableCache(first, then)

    def backward(
        self, dy: Array, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        learns, parts = self.trainable, cache.op
        dz = unfollow(dy, cache, self.activation)
        between, pointwise, db = ops.conv2d_backward(
            dz, parts.pointwise, need_dx=need_dx or learns, need_dw=learns
        )
        dx = depthwise = None
        if between is not None:
            dx, depthwise, _ = ops.conv2d_backward(
                between, parts.depthwise, need_dx=need_dx, need_dw=learns
            )
        grads = {"depthwise_w": depthwise, "pointwise_w": pointwise, "b": db}
        return dx, {key: g for key, g in grads.items() if g is not None}

    def multiply_adds(self, input_shape: Shape) -> int:
        mixing = math.prod(self._output_shape(input_shape)) * self.filters
        return super().multiply_adds(input_shape) + mixing

    def get_config(self) -> dict[str, Any]:
        return {"filters": self.filters, **super().get_config()}
