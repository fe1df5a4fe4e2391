"""Residual and dense blocks: a layer's input is kept beside what it makes of it.

Residual (He et al. 2016), with f the body and s the shortcut, which may be missing:

    y = act(f(x) + s(x))
    backward    dz = dy act'            the sum hands it to both, (J2)
                dx = f'(dz) + s'(dz)    x was handed to both, so what comes back is added, (J1)

Dense block (Huang et al. 2017), each layer sees all channels that were made before it:

    x_{k+1} = [x_k, f_k(x_k)]                                          channels side by side, (J3)
    backward    dx_k, dy_k = the parts of dx_{k+1}                     (J4)
                dx_k + f_k'(dy_k) goes on to x_k, which was read twice
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

from .. import ops
from ..ops._fused import check_fused
from .base import Array, Layer, Rng, Shape
from .container import Container, Visit, learns
from .join import sum_of

Body = Layer | Sequence[Any]


class ResidualCache(NamedTuple):
    """The caches of body and shortcut, and of the sum."""

    caches: tuple[Any, ...]
    sum: Any


@final
class Residual(Container):
    """y = activation(body(x) + shortcut(x)), with sum and relu in one pass.

    Parameters
    ----------
    body : Layer or list of layers
    shortcut : Layer or list of layers, optional
        What brings x to the shape of the body's output, such as ``Conv2D(64, 1, stride=2)``. None:
        x as it is.
    activation : None, "relu", "sigmoid" or "tanh"
        Of the sum.
    name : str, optional
    """

    def __init__(
        self,
        body: Body,
        shortcut: Body | None = None,
        *,
        activation: str | None = "relu",
        name: str | None = None,
    ) -> None:
        super().__init__([body] if shortcut is None else [body, shortcut], name=name)
        check_fused("Residual", activation)
        self.activation = activation

    @classmethod
    def from_layers(cls, layers: Sequence[Layer], config: dict[str, Any]) -> Residual:
        return cls(*layers, **config)

    @property
    def body(self) -> Layer:
        return self.layers[0]

    @property
    def shortcut(self) -> Layer | None:
        return self.layers[1] if len(self.layers) > 1 else None

    def trace_shapes(self, input_shape: Shape, visit: Visit) -> Shape:
        output = visit(self.body, input_shape)
        beside = visit(self.shortcut, input_shape) if self.shortcut else input_shape
        if output != beside:
            raise ValueError(
                f"{self.label}: the body makes {output} of {input_shape}, the shortcut {beside}; "
                "they must be alike, for example with shortcut=Conv2D(channels, 1, stride=...)"
            )
        return output

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, ResidualCache]:
        made = [
            layer.forward(x, training=training, rng=key)
            for layer, key in zip(self.layers, self._keys(rng), strict=True)
        ]
        beside = made[1][0] if self.shortcut else x
        y, joint = ops.add_forward(made[0][0], beside, activation=self.activation)
        return y, ResidualCache(tuple(cache for _, cache in made), joint)

    def backward(
        self, dy: Array, cache: ResidualCache, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        dz, _ = ops.add_backward(dy, cache.sum)
        dxs, parts = [], []
        for layer, own in zip(self.layers, cache.caches, strict=True):
            dx, grads = layer.backward(dz, own, need_dx=need_dx)
            dxs.append(dx)
            parts.append((layer, grads))
        if self.shortcut is None and need_dx:
            dxs.append(dz)
        return sum_of(dxs), self._gather(parts)

    def __call__(self, x: Array) -> Array:
        beside = self.shortcut(x) if self.shortcut else x
        return ops.add_forward(self.body(x), beside, activation=self.activation)[0]

    def get_config(self) -> dict[str, Any]:
        return {"activation": self.activation, **super().get_config()}

    def _repr_layers(self) -> str:
        linear = ["activation=None"] if self.activation is None else []  # which is no default
        return ", ".join([*map(repr, self.layers), *linear])


class DenseBlockCache(NamedTuple):
    """The layers' caches, and those of the joints behind them."""

    caches: tuple[Any, ...]
    joints: tuple[Any, ...]


@final
class DenseBlock(Container):
    """Layers that each see x and everything that the layers before them made.

    Parameters
    ----------
    layers : sequence of Layer or list of layers
        Each adds its output's channels to those that go on; they must keep the image's size.
    name : str, optional
    """

    def trace_shapes(self, input_shape: Shape, visit: Visit) -> Shape:
        shape = input_shape
        for layer in self.layers:
            *size, channels = visit(layer, shape)
            if size != list(shape[:-1]):
                raise ValueError(
                    f"{self.label}: {layer.label} makes {(*size, channels)} of {shape}; it must "
                    "keep all but the channels, for example with padding='same'"
                )
            shape = (*size, shape[-1] + channels)
        return shape

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, DenseBlockCache]:
        caches, joints = [], []
        for layer, key in zip(self.layers, self._keys(rng), strict=True):
            y, cache = layer.forward(x, training=training, rng=key)
            x, joint = ops.concatenate_forward(x, y)
            caches.append(cache)
            joints.append(joint)
        return x, DenseBlockCache(tuple(caches), tuple(joints))

    def backward(
        self, dy: Array, cache: DenseBlockCache, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        parts = []
        for k in reversed(range(len(self.layers))):
            layer = self.layers[k]
            earlier = need_dx or any(map(learns, self.layers[:k]))
            dx, dy_k = ops.concatenate_backward(dy, cache.joints[k])
            through, grads = layer.backward(dy_k, cache.caches[k], need_dx=earlier)
            parts.append((layer, grads))
            dy = dx if through is None else ops.add_forward(dx, through)[0]
        return (dy if need_dx else None), self._gather(parts)

    def __call__(self, x: Array) -> Array:
        for layer in self.layers:
            x, _ = ops.concatenate_forward(x, layer(x))
        return x
