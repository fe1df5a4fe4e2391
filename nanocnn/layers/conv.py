"""The convolution layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from .. import ops
from ..initializers import Initializer
from ..ops._checks import output_size, pair, resolve_padding
from .affine import Affine, check_count
from .base import Array, Shape


@final
class Conv2D(Affine):
    """Filters that slide over the image, (C1), with their bias and activation.

    Parameters
    ----------
    filters : int
        F, the channels of the output.
    kernel_size : int or (int, int)
        KH and KW, the filters' height and width in pixels.
    stride, dilation : int or (int, int)
    padding : "valid", "same", int, (int, int) or ((top, bottom), (left, right))
    groups : int
    activation : str, optional
        "relu", "leaky_relu", "sigmoid", "tanh", "gelu" or "softmax".
    use_bias : bool
    initializer : str or function `(shape, rng, dtype) -> array`
        Of the filters, see `nanocnn.initializers`; the bias starts at zero.
    name : str, optional

    Attributes
    ----------
    params : w (KH, KW, C/groups, F), and b (F,) with `use_bias`

    Examples
    --------
    >>> import numpy as np, nanocnn as nc
    >>> layer = nc.Conv2D(4, 3, padding="same")
    >>> layer.build((9, 8, 2), np.random.default_rng(0))
    (9, 8, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[Any] = "valid",
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(activation, use_bias, initializer, name)
        self.filters = check_count("Conv2D", "filters", filters)
        self.kernel_size = pair("Conv2D: kernel_size", kernel_size)
        self.stride = pair("Conv2D: stride", stride)
        self.dilation = pair("Conv2D: dilation", dilation)
        self.groups = check_count("Conv2D", "groups", groups)
        self.padding = padding
        resolve_padding(padding, (1, 1), self.kernel_size, self.stride, self.dilation)
        if self.filters % self.groups:
            raise ValueError(
                f"Conv2D: filters must be a multiple of groups={self.groups}, got {filters}"
            )

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} needs images (H, W, C), got shape {input_shape}")
        height, width, channels = input_shape
        if channels % self.groups:
            raise ValueError(
                f"{self.label}: the image's channels must be a multiple of groups={self.groups}, "
                f"got {channels}"
            )
        rows, cols = self._output_size((height, width))
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self._create({"w": shape}, self.filters, rng)
        return rows, cols, self.filters

    def _output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        steps = (self.stride, self.dilation)
        padding = resolve_padding(self.padding, size, self.kernel_size, *steps)
        return output_size(self.label, size, self.kernel_size, steps[0], padding, steps[1])

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments of `nanocnn.ops.conv2d_forward`, without the activation."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def _op_forward(self, x: Array, activation: str | None) -> tuple[Array, Any]:
        return ops.conv2d_forward(
            x, self.params["w"], self.params.get("b"), **self.geometry, activation=activation
        )

    def _op_backward(
        self, dy: Array, cache: Any, need_dx: bool, need_dw: bool
    ) -> tuple[Array | None, Array | None, Array | None]:
        return ops.conv2d_backward(dy, cache, need_dx=need_dx, need_dw=need_dw)

    def multiply_adds(self, input_shape: Shape) -> int:
        rows, cols = self._output_size((input_shape[0], input_shape[1]))
        depth = input_shape[2] // self.groups
        return rows * cols * self.filters * math.prod(self.kernel_size) * depth

    def get_config(self) -> dict[str, Any]:
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            **self.geometry,
            **self._affine_config(),
        }
