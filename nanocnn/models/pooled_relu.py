"""relu before max pooling: done with it at once, and the largest arrays are never there.

The slope of relu follows from its output, so a convolution with relu keeps its output for the
backward pass. Where max pooling follows, that is not needed:

    forward      z  --relu-->  a  --max-->  p
    backward     dz  <--slope [a > 0]--  da  <--winner--  dp

da is 0 but at the winners, and there a is p. So dz is also what the winners get of [p > 0] dp: the
same numbers from an array a quarter as large, which the next layer keeps as its input anyway. In
the article's network a of the first layer is 65 MB for 32 images, more than everything else that a
training step has to keep, and dz and da were as large again.

Since nobody needs a any more, it is not even made: the compiled convolution pools a band of rows
while it is in the cache. Nor is dz, in most cases: pooling hands dp and its winners to the
convolution as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, final

from .. import ops
from .._backend import current_backend
from ..layers import Conv2D, MaxPool2D
from ..layers.activations import Followed
from ..layers.affine import named_grads
from ..layers.base import Array, Layer, Rng
from ..ops.activations import OutputCache
from ..ops.conv_pool import conv2d_max_pool2d_backward, conv2d_max_pool2d_forward
from ..ops.pool import MaxPool2DCache


def with_pooled_slopes(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers that compute and learn the same, with smaller caches.

    They share parameters with those given; where nothing is to be gained, they are those.
    """
    leaner = list(layers)
    for i, (conv, pool) in enumerate(pairwise(layers)):
        if isinstance(conv, Conv2D) and conv.activation == "relu" and isinstance(pool, MaxPool2D):
            leaner[i], leaner[i + 1] = _ConvWithoutSlope(conv, pool), _PoolWithSlope(pool)
    return leaner


class _Pooled(NamedTuple):
    """What a convolution hands over that has pooled already."""

    y: Array
    cache: MaxPool2DCache


class _ToWinners(NamedTuple):
    """What pooling hands back to such a convolution: the gradient of y, not of what was pooled."""

    dy: Array
    y: Array
    cache: MaxPool2DCache


@final
class _ConvWithoutSlope(Layer):
    """Applies relu, but leaves its slope to the layer behind; pools already, where compiled."""

    def __init__(self, conv: Conv2D, pool: MaxPool2D) -> None:
        super().__init__(name=conv.name)
        self.conv, self.pool = conv, pool

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Any, Followed]:
        if current_backend() != "numba":
            z, cache = self.conv.forward(x)
            return z, Followed(cache.op._replace(y=None, activation=None), None)
        params = self.conv._check_built()
        y, conv_cache, pool_cache = conv2d_max_pool2d_forward(
            x, params["w"], params.get("b"), "relu", self.conv.geometry, self.pool.geometry
        )
        return _Pooled(y, pool_cache), Followed(conv_cache, None)

    def backward(
        self, dy: Array | _ToWinners, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        if not isinstance(dy, _ToWinners):
            return self.conv.backward(dy, cache, need_dx=need_dx)
        dx, dw, db = conv2d_max_pool2d_backward(
            dy.dy, dy.y, cache.op, dy.cache, need_dx=need_dx, need_dw=self.conv.trainable
        )
        return dx, named_grads(dw, db)


@final
class _PoolWithSlope(Layer):
    """Also carries gradients through the relu before the pooling."""

    def __init__(self, pool: MaxPool2D) -> None:
        super().__init__(name=pool.name)
        self.pool = pool

    def forward(
        self, x: Array | _Pooled, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, Any]:
        y, cache = x if isinstance(x, _Pooled) else self.pool.forward(x)
        return y, Followed(cache, OutputCache(y))

    def backward(
        self, dy: Array, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Any, dict[str, Array]]:
        if not need_dx:
            return None, {}
        if current_backend() == "numba":
            return _ToWinners(dy, cache.activation.y, cache.op), {}
        return self.pool.backward(ops.relu_backward(dy, cache.activation), cache.op)
