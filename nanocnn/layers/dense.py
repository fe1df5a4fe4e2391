"""The dense (fully connected) layer."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from .. import ops
from ..initializers import Initializer
from .affine import Affine, check_count
from .base import Array, Shape


@final
class Dense(Affine):
    """Every output is a weighted sum of all inputs, (D1), with a bias and an activation.

    Parameters
    ----------
    units : int
        F, the number of outputs.
    activation : str, optional
        "relu", "leaky_relu", "sigmoid", "tanh", "gelu" or "softmax".
    use_bias : bool
    initializer : str or function `(shape, rng, dtype) -> array`
        Of the weights, see `nanocnn.initializers`; the bias starts at zero.
    name : str, optional

    Attributes
    ----------
    params : w (D, F), and b (F,) with `use_bias`
    """

    def __init__(
        self,
        units: int,
        *,
        activation: str | None = None,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(activation, use_bias, initializer, name)
        self.units = check_count("Dense", "units", units)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 1:
            raise ValueError(
                f"{self.label} needs rows of numbers (D,), got shape {input_shape}; put Flatten() "
                "or GlobalAveragePool2D() before it"
            )
        self._create({"w": (input_shape[0], self.units)}, self.units, rng)
        return (self.units,)

    def _op_forward(self, x: Array, activation: str | None) -> tuple[Array, Any]:
        return ops.dense_forward(x, self.params["w"], self.params.get("b"), activation=activation)

    def _op_backward(
        self, dy: Array, cache: Any, need_dx: bool, need_dw: bool
    ) -> tuple[Array | None, Array | None, Array | None]:
        return ops.dense_backward(dy, cache, need_dx=need_dx, need_dw=need_dw)

    def multiply_adds(self, input_shape: Shape) -> int:
        return input_shape[0] * self.units

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, **self._affine_config()}
