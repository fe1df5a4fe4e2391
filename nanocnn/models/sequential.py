"""The container that applies layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast, final, overload

import numpy as np

from ..layers.base import Array, Layer, Rng, Shape
from ..layers.container import Container, Visit, learns, output_shape_of
from ..layers.join import sum_of
from ..layers.pool import MaxPool2D
from ..ops.pool import max_pool2d_backward_onto
from .model import Model
from .pooled_relu import with_pooled_slopes
from .side_by_side import with_pairs_apart


class SequentialCache(NamedTuple):
    """The caches of the layers, in order."""

    caches: tuple[Any, ...]


def _acting(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers that do the same with less memory and copying, where neighbours allow it."""
    return with_pairs_apart(with_pooled_slopes(layers))


def _no_dx(layer: Layer) -> str:
    return f"{layer.label}: backward returned no dx although need_dx was True"


def check_input_shape(input_shape: Any) -> Shape:
    """Return the shape as a tuple of int, or raise ValueError."""
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    if not shape or not all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1 for n in shape
    ):
        raise ValueError(
            "input_shape must be the shape of one image, without the batch, in whole numbers from "
            f"1, such as (128, 128, 3), got {input_shape!r}"
        )
    return tuple(int(n) for n in shape)


@final
class Sequential(Container, Model):
    """Layers applied one after another; itself a layer.

    Parameters
    ----------
    layers : sequence of Layer
        The same layer may stand in it more than once: its gradients are then summed. A list in
        the list becomes a Sequential of its own.
    input_shape : tuple of int, optional
        (H, W, C) of one image, without the batch axis. Without it the model is built when it
        first sees data.
    seed : int
        Of the parameters' initial values.
    dtype : "float32" or "float64"
    name : str, optional

    Raises
    ------
    TypeError
        If something in `layers` is no layer.
    ValueError
        If two layers share a name, or one cannot take the output of the one before it.

    Examples
    --------
    >>> import nanocnn as nc
    >>> model = nc.Sequential([nc.Flatten(), nc.Dense(2)], input_shape=(4, 4, 1), seed=0)
    >>> list(model.params)
    ['dense_1.w', 'dense_1.b']
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: Sequence[int] | None = None,
        seed: int = 0,
        dtype: str = "float32",
        name: str | None = None,
    ) -> None:
        Model.__init__(self, name=name, seed=seed, dtype=dtype)
        self._hold(layers)
        if input_shape is not None:
            self.build(check_input_shape(input_shape), np.random.default_rng(seed))

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        input_shape = check_input_shape(input_shape)
        output_shape = super().build(input_shape, rng)
        self.input_shape, self.output_shape = input_shape, output_shape
        return output_shape

    def trace_shapes(self, input_shape: Shape, visit: Visit) -> Shape:
        for layer in self.layers:
            input_shape = visit(layer, input_shape)
        return input_shape

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, SequentialCache]:
        caches = []
        for layer, key in zip(_acting(self.layers), self._keys(rng), strict=True):
            x, cache = layer.forward(x, training=training, rng=key)
            caches.append(cache)
        return x, SequentialCache(tuple(caches))

    def backward(
        self, dy: Array, cache: SequentialCache, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        first = 0
        if not need_dx:
            learners = (i for i, layer in enumerate(self.layers) if learns(layer))
            first = next(learners, len(self.layers))
        dx, grads = self._carry_back(dy, cache, first, need_dx)
        return (dx if need_dx else None), self._gather(grads)

    def backward_onto(
        self, dx: Array, dy: Array, cache: SequentialCache
    ) -> tuple[Array | None, dict[str, Array]]:
        """Return `backward`, but with dx added to its dx.

        For what hands one array to this and to others. Max pooling, where it comes first, needs no
        array of its own then: it changes dx, which must be nobody else's.
        """
        if not isinstance(self.layers[0], MaxPool2D):
            own, grads = self.backward(dy, cache)
            return sum_of([own, dx]), grads
        pooled, parts = self._carry_back(dy, cache, 1, need_dx=True)
        if pooled is None:
            raise TypeError(_no_dx(self.layers[1]))
        total = max_pool2d_backward_onto(dx, pooled, cache.caches[0])
        return total, self._gather([*parts, (self.layers[0], {})])

    def _carry_back(
        self, dy: Array, cache: SequentialCache, first: int, need_dx: bool
    ) -> tuple[Array | None, list[tuple[Layer, dict[str, Array]]]]:
        """Go from the last layer to layer `first`; return its dx and all gradients."""
        grads: list[tuple[Layer, dict[str, Array]]] = []
        acting, dx = _acting(self.layers), cast("Array | None", dy)
        for i in reversed(range(first, len(self.layers))):
            if dx is None:  # a layer of the user's own, most likely
                raise TypeError(_no_dx(self.layers[i + 1]))
            dx, own = acting[i].backward(dx, cache.caches[i], need_dx=need_dx or i > first)
            grads.append((self.layers[i], own))
        return dx, grads

    def __call__(self, x: Array) -> Array:
        for layer in _acting(self.layers):
            x = layer(x)
        return x

    def multiply_adds(self, input_shape: Shape) -> int:
        if self.input_shape is None:
            raise ValueError(f"{self.label} is not built; give it an input_shape")
        return super().multiply_adds(input_shape)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, i: int) -> Layer: ...
    @overload
    def __getitem__(self, i: slice) -> Sequential: ...
    def __getitem__(self, i: int | slice) -> Layer | Sequential:
        """Return a layer; or, for a slice, a model that shares the layers and their parameters."""
        if not isinstance(i, slice):
            return self.layers[i]
        start, stop, step = i.indices(len(self.layers))
        if step != 1 or start >= stop:
            raise ValueError(
                f"model[{i.start}:{i.stop}:{i.step}] must keep at least one layer, in order"
            )
        part = Sequential(self.layers[start:stop], seed=self.seed, dtype=self.dtype)
        if self.input_shape is not None:
            shape = self.input_shape
            for layer in self.layers[:start]:
                shape = output_shape_of(layer, shape)
            part.build(shape, np.random.default_rng(0))
        return part

    def get_config(self) -> dict[str, Any]:
        return {
            "input_shape": self.input_shape,
            "seed": self.seed,
            "dtype": self.dtype,
            "name": self.name,
        }


Container.make_sequential = Sequential
