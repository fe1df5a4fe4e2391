"""relu before max pooling: its slope is taken behind the pooling, and the largest arrays can go.

The slope of relu follows from its output, so a convolution with relu keeps its output for the
backward pass. Where max pooling follows, that is not needed:

    forward      z  --relu-->  a  --max-->  p
    backward     dz  <--slope [a > 0]--  da  <--winner--  dp

da is 0 but at the winners, and there a is p. So dz is also what the winners get of [p > 0] dp: the
same numbers from an array a quarter as large, which the next layer keeps as its input anyway. In
the article's network a of the first layer is 65 MB for 32 images, more than everything else that a
training step has to keep, and dz and da were as large again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, final

from .. import ops
from ..layers import Conv2D, MaxPool2D
from ..layers.activations import Followed
from ..layers.base import Array, Layer, Rng
from ..ops.activations import OutputCache


def with_pooled_slopes(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers that compute and learn the same, with smaller caches.

    They share parameters with those given; where nothing is to be gained, they are those.
    """
    leaner = list(layers)
    for i, (conv, pool) in enumerate(pairwise(layers)):
        if isinstance(conv, Conv2D) and conv.activation == "relu" and isinstance(pool, MaxPool2D):
            leaner[i], leaner[i + 1] = _ConvWithoutSlope(conv), _PoolWithSlope(pool)
    return leaner


@final
class _ConvWithoutSlope(Layer):
    """Applies relu, but leaves its slope to the layer behind."""

    def __init__(self, conv: Conv2D) -> None:
        super().__init__(name=conv.name)
        self.conv = conv

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, Followed]:
        y, cache = self.conv.forward(x)
        return y, Followed(cache.op._replace(y=None, activation=None), None)

    def backward(
        self, dy: Array, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return self.conv.backward(dy, cache, need_dx=need_dx)


@final
class _PoolWithSlope(Layer):
    """Also carries gradients through the relu before the pooling."""

    def __init__(self, pool: MaxPool2D) -> None:
        super().__init__(name=pool.name)
        self.pool = pool

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        y, cache = self.pool.forward(x)
        return y, Followed(cache, OutputCache(y))

    def backward(
        self, dy: Array, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        if not need_dx:
            return None, {}
        return self.pool.backward(ops.relu_backward(dy, cache.activation), cache.op)
