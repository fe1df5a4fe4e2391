"""A convolution behind Concatenate: it reads both images where they lie.

    a ---.                                  a ---.
          concatenate -- [a, b] -- conv           conv          with half of the filters for each
    b ---'                                  b ---'

What the convolution makes is the same, bit for bit, and so are the gradients: it writes da and db
where otherwise d[a, b] would be cut in two. In a U-Net [a, b] is the largest array there is, and
making it takes as long as a tenth of all convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, final

from ..layers import Concatenate, Conv2D, Identity
from ..layers.activations import Followed, follow, fused_part, unfollow
from ..layers.base import Array, Layer, Rng
from ..layers.join import Branches, BranchesCache
from ..ops.conv_pair import conv2d_pair_backward, conv2d_pair_forward


def with_pairs_apart(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers that compute and learn the same, with less copying.

    They share parameters with those given; where nothing is to be gained, they are those.
    """
    apart = list(layers)
    for i, (join, conv) in enumerate(pairwise(layers)):
        if isinstance(join, Concatenate) and len(join.layers) == 2 and isinstance(conv, Conv2D):
            apart[i], apart[i + 1] = _Apart(join), _ConvOfPair(conv)
    return apart


@final
class _Apart(Branches):
    """Hands over what two branches make, and takes their gradients, as a pair."""

    def __init__(self, join: Concatenate) -> None:
        self.__dict__ = join.__dict__

    def _join(self, a: Array, b: Array) -> tuple[Any, Any]:
        return (a, b), None

    def _part(self, dy: Any, joint: Any) -> tuple[Array, Array]:
        da, db = dy
        return da, db

    def backward(
        self, dy: Any, cache: BranchesCache, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        beside, below = self.layers
        onto = getattr(below, "backward_onto", None)
        if onto is None or not need_dx or not isinstance(beside, Identity):
            return super().backward(dy, cache, need_dx=need_dx)
        da, db = dy  # da is both the gradient of what goes across, and ours alone
        dx, grads = onto(da, db, cache.caches[1])
        return dx, self._gather([(below, grads), (beside, {})])


@final
class _ConvOfPair(Layer):
    """Takes a pair for the two put side by side."""

    def __init__(self, conv: Conv2D) -> None:
        super().__init__(name=conv.name)
        self.conv = conv

    def forward(self, x: Any, *, training: bool = False, rng: Rng = None) -> tuple[Array, Followed]:
        params, activation = self.conv._check_built(), self.conv.activation
        a, b = x
        y, cache = conv2d_pair_forward(
            a, b, params["w"], params.get("b"), fused_part(activation), self.conv.geometry
        )
        return follow(y, cache, activation)

    def backward(
        self, dy: Array, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Any, dict[str, Array]]:
        dz = unfollow(dy, cache, self.conv.activation)
        pair, dw, db = conv2d_pair_backward(
            dz, cache.op, need_dx=need_dx, need_dw=self.conv.trainable
        )
        return pair, {key: g for key, g in (("w", dw), ("b", db)) if g is not None}
