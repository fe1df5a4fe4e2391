"""The dropout layer."""

from __future__ import annotations

from typing import Any, final

from .. import ops
from ..ops.dropout import check_rate
from .base import Array, Layer, Rng
from .keys import as_key


@final
class Dropout(Layer):
    """In training, sets a share of the values to zero and scales up the rest, (R1).

    In inference it does nothing. The mask follows from the key that `forward` gets as `rng`: in a
    model that is derived from the seed, the step and this layer's name, so a run can be repeated
    bit for bit on any number of threads.

    Parameters
    ----------
    rate : float
        The share that is dropped, from 0 to below 1.
    name : str, optional
    """

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name=name)
        check_rate(rate)
        self.rate = rate

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        if not training or self.rate == 0:
            return x, None
        key = as_key(rng)
        if key is None:
            raise ValueError(
                f"{self.label} draws at random in training: give forward a key, for example rng=0 "
                "or rng=numpy.random.default_rng(0)"
            )
        return ops.dropout_forward(x, self.rate, key)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        if not need_dx or cache is None:
            return (dy if need_dx else None), {}
        return ops.dropout_backward(dy, cache), {}

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, **super().get_config()}
