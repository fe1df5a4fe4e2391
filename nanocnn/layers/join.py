"""Branches side by side: their outputs summed, or their channels put behind each other.

    forward     x goes to every branch          y = a + b            y = [a, b]
    backward    dx = sum of the branches' dx    da = db = dy (J2)    da, db = the parts of dy (J4)

A copy forward is a sum backward; `nanocnn.reference.join` derives it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

from .. import ops
from .base import Array, Layer, Rng, Shape
from .container import Container, Visit


@final
class Identity(Layer):
    """Returns x: the branch of an `Add` or a `Concatenate` that does nothing."""

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        return x, None

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        return (dy if need_dx else None), {}


class BranchesCache(NamedTuple):
    """The branches' caches, and those of the joints: after the second branch, the third, ..."""

    caches: tuple[Any, ...]
    joints: tuple[Any, ...]


def sum_of(dxs: list[Array | None]) -> Array | None:
    """Return the gradient of what was handed to several layers; None where nobody needs it."""
    total: Array | None = None
    for dx in dxs:
        if dx is not None:
            total = dx if total is None else ops.add_forward(total, dx)[0]
    return total


class Branches(Container):
    """Abstract: all branches see x, and their outputs are joined from left to right."""

    def _join(self, a: Array, b: Array) -> tuple[Array, Any]:
        raise NotImplementedError

    def _part(self, dy: Array, joint: Any) -> tuple[Array, Array]:
        raise NotImplementedError

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, BranchesCache]:
        caches, joints = [], []
        for i, (branch, key) in enumerate(zip(self.layers, self._keys(rng), strict=True)):
            own, cache = branch.forward(x, training=training, rng=key)
            caches.append(cache)
            if i == 0:
                y = own
            else:
                y, joint = self._join(y, own)
                joints.append(joint)
        return y, BranchesCache(tuple(caches), tuple(joints))

    def backward(
        self, dy: Array, cache: BranchesCache, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        dxs, parts = [], []
        for i in reversed(range(len(self.layers))):
            branch, own = self.layers[i], dy
            if i > 0:
                dy, own = self._part(dy, cache.joints[i - 1])
            dx, grads = branch.backward(own, cache.caches[i], need_dx=need_dx)
            dxs.append(dx)
            parts.append((branch, grads))
        return sum_of(dxs), self._gather(parts)

    def __call__(self, x: Array) -> Array:
        first, *others = self.layers
        y = first(x)
        for branch in others:
            y, _ = self._join(y, branch(x))
        return y


@final
class Add(Branches):
    """Branches that all get x; their outputs are added, (J1).

    Parameters
    ----------
    layers : sequence of Layer or list of layers
        The branches. `Identity` is x itself.
    name : str, optional

    Examples
    --------
    >>> import nanocnn as nc
    >>> nc.Add([nc.Identity(), [nc.Conv2D(8, 3, padding="same"), nc.ReLU()]]).layers[0]
    Identity(name='identity_1')
    """

    def trace_shapes(self, input_shape: Shape, visit: Visit) -> Shape:
        shapes = [visit(branch, input_shape) for branch in self.layers]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(f"{self.label}: branches must end in one shape, these end in {shapes}")
        return shapes[0]

    def _join(self, a: Array, b: Array) -> tuple[Array, Any]:
        return ops.add_forward(a, b)

    def _part(self, dy: Array, joint: Any) -> tuple[Array, Array]:
        return ops.add_backward(dy, joint)


@final
class Concatenate(Branches):
    """Branches that all get x; their channels are put behind each other, (J3).

    Parameters
    ----------
    layers : sequence of Layer or list of layers
        The branches. `Identity` is x itself.
    name : str, optional
    """

    def trace_shapes(self, input_shape: Shape, visit: Visit) -> Shape:
        shapes = [visit(branch, input_shape) for branch in self.layers]
        if any(shape[:-1] != shapes[0][:-1] for shape in shapes):
            raise ValueError(
                f"{self.label}: branches must end in one shape but for the channels, these end in "
                f"{shapes}"
            )
        return *shapes[0][:-1], sum(shape[-1] for shape in shapes)

    def _join(self, a: Array, b: Array) -> tuple[Array, Any]:
        return ops.concatenate_forward(a, b)

    def _part(self, dy: Array, joint: Any) -> tuple[Array, Array]:
        return ops.concatenate_backward(dy, joint)
