"""The transposed convolution layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from .. import ops
from ..initializers import Initializer
from ..ops._checks import pair, resolve_padding
from ..ops.conv_transpose import transposed_size
from .affine import Affine, check_count
from .base import Array, Shape


@final
class ConvTranspose2D(Affine):
    """Filters stamped on a larger image, (T1): a convolution's adjoint, with bias and activation.

    Parameters
    ----------
    filters : int
        F, the channels of the output.
    kernel_size : int or (int, int)
    stride : int or (int, int)
        How many times larger the image becomes; 2 with a kernel of 2 is U-Net's way up.
    padding : "valid", "same", int, (int, int) or ((top, bottom), (left, right))
        What is cut off. "same" gives H * stride rows, "valid" (H - 1) * stride + KH.
    activation : str, optional
        "relu", "leaky_relu", "sigmoid", "tanh", "gelu" or "softmax".
    use_bias : bool
    initializer : str or function `(shape, rng, dtype) -> array`
        Of the filters, see `nanocnn.initializers`; the bias starts at zero.
    name : str, optional

    Attributes
    ----------
    params : w (KH, KW, F, C), and b (F,) with `use_bias`

    Examples
    --------
    >>> import numpy as np, nanocnn as nc
    >>> layer = nc.ConvTranspose2D(4, 2, stride=2)
    >>> layer.build((9, 8, 6), np.random.default_rng(0))
    (18, 16, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[Any] = "valid",
        activation: str | None = None,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(activation, use_bias, initializer, name)
        self.filters = check_count("ConvTranspose2D", "filters", filters)
        self.kernel_size = pair("ConvTranspose2D: kernel_size", kernel_size)
        self.stride = pair("ConvTranspose2D: stride", stride)
        self.padding = padding
        resolve_padding(padding, (1, 1), self.kernel_size, self.stride)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} needs images (H, W, C), got shape {input_shape}")
        height, width, channels = input_shape
        (rows, cols), _ = transposed_size(
            self.label, (height, width), self.kernel_size, self.stride, self.padding
        )
        shape = (*self.kernel_size, self.filters, channels)
        self._create({"w": shape}, self.filters, rng)
        return rows, cols, self.filters

    def _op_forward(self, x: Array, activation: str | None) -> tuple[Array, Any]:
        w, b = self.params["w"], self.params.get("b")
        geometry: dict[str, Any] = {"stride": self.stride, "padding": self.padding}
        return ops.conv_transpose2d_forward(x, w, b, **geometry, activation=activation)

    def _op_backward(
        self, dy: Array, cache: Any, need_dx: bool, need_dw: bool
    ) -> tuple[Array | None, Array | None, Array | None]:
        return ops.conv_transpose2d_backward(dy, cache, need_dx=need_dx, need_dw=need_dw)

    def multiply_adds(self, input_shape: Shape) -> int:
        return math.prod(input_shape) * math.prod(self.kernel_size) * self.filters

    def get_config(self) -> dict[str, Any]:
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            **self._affine_config(),
        }
