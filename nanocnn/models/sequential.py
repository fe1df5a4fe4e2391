"""The container that applies layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, final, overload

import numpy as np

from ..layers.base import Array, Layer, Rng, Shape
from ..layers.keys import as_key, derive
from .model import Model
from .naming import name_layers
from .pooled_relu import with_pooled_slopes


class SequentialCache(NamedTuple):
    """The caches of the layers, in order."""

    caches: tuple[Any, ...]


def build_once(layer: Layer, input_shape: Shape, rng: np.random.Generator) -> Shape:
    """Build a layer, but let parameters and state that are there already keep their values.

    A layer's own `build` may simply create them: it is asked for shapes again later on, when the
    layer has learnt something.
    """
    kept, state = dict(layer.params), dict(layer.state)
    shape = layer.build(input_shape, rng)
    for what, old in (("params", kept), ("state", state)):
        new = getattr(layer, what)
        if any(new.get(key) is not value for key, value in old.items()):
            found = {key: value.shape for key, value in old.items()}
            needed = {key: value.shape for key, value in new.items()}
            if found != {key: needed.get(key) for key in found}:
                raise ValueError(
                    f"{layer.label} has {what} of shapes {found}, this input needs {needed}"
                )
            setattr(layer, what, {**new, **old})
    return shape


def output_shape_of(layer: Layer, input_shape: Shape) -> Shape:
    """Return the output's shape of a layer that is built, and change nothing."""
    if not isinstance(layer, Sequential):
        return build_once(layer, input_shape, np.random.default_rng(0))
    for part in layer.layers:
        input_shape = output_shape_of(part, input_shape)
    return input_shape


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
class Sequential(Model):
    """Layers applied one after another; itself a layer.

    Parameters
    ----------
    layers : sequence of Layer
        The same layer may stand in it more than once: its gradients are then summed.
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
        super().__init__(name=name, seed=seed, dtype=dtype)
        if isinstance(layers, Layer):
            raise TypeError(f"layers must be a list, got {layers!r}; write Sequential([...])")
        self.layers = tuple(layers)
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers[{i}] must be a layer, got {layer!r}")
        if not self.layers:
            raise ValueError("a Sequential needs at least one layer, got none")
        name_layers(self.layers)
        if input_shape is not None:
            self.build(check_input_shape(input_shape), np.random.default_rng(seed))

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape = input_shape = check_input_shape(input_shape)
        fresh = [layer for layer in self.layers if not layer.params]
        try:
            for layer in self.layers:
                self._agree_on_dtype(layer)
                shape = build_once(layer, shape, rng)
        except Exception:
            for layer in fresh:  # as before, so that another input_shape can be tried
                layer.params, layer.state = {}, {}
            raise
        self.input_shape, self.output_shape = input_shape, shape
        return shape

    def _agree_on_dtype(self, layer: Layer) -> None:
        if not layer.params:
            layer.dtype = self.dtype
        for key, p in layer.params.items():
            if p.dtype != self.dtype:
                raise ValueError(
                    f"{layer.label} has {p.dtype} parameters ({key}), the model is {self.dtype}; "
                    "give both the same dtype"
                )

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, SequentialCache]:
        key = as_key(rng)
        caches = []
        for i, (layer, acting) in enumerate(
            zip(self.layers, with_pooled_slopes(self.layers), strict=True)
        ):
            # A layer that stands here twice must not drop the same elements both times.
            again = self.layers[:i].count(layer)
            label = f"{layer.name}.{again}" if again else str(layer.name)
            own = None if key is None else derive(key, label)
            x, cache = acting.forward(x, training=training, rng=own)
            caches.append(cache)
        return x, SequentialCache(tuple(caches))

    def backward(
        self, dy: Array, cache: SequentialCache, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        grads: dict[str, Array] = {}
        acting = with_pooled_slopes(self.layers)
        learners = [i for i, layer in enumerate(self.layers) if self._learns(layer)]
        first = 0 if need_dx else min(learners, default=len(self.layers))
        dx: Array | None = dy
        for i in reversed(range(first, len(self.layers))):
            if dx is None:  # a layer of the user's own, most likely
                wrong = self.layers[i + 1].label
                raise TypeError(f"{wrong}: backward returned no dx although need_dx was True")
            layer = self.layers[i]
            dx, own = acting[i].backward(dx, cache.caches[i], need_dx=need_dx or i > first)
            for key, g in own.items():
                name = f"{layer.name}.{key}"
                grads[name] = grads[name] + g if name in grads else g  # used twice: the sum
        return (dx if need_dx else None), {
            name: grads[name] for name in self.params if name in grads
        }

    def __call__(self, x: Array) -> Array:
        for layer in with_pooled_slopes(self.layers):
            x = layer(x)
        return x

    def update_state(self, cache: SequentialCache) -> None:
        for layer, own in zip(self.layers, cache.caches, strict=True):
            layer.update_state(own)

    def _learns(self, layer: Layer) -> bool:
        parts = layer.layers if isinstance(layer, Sequential) else ()
        return any(map(self._learns, parts)) if parts else bool(layer.params) and layer.trainable

    @property
    def params(self) -> dict[str, Array]:
        """All parameters by name, the arrays themselves: changes in place are the model's."""
        return {f"{a.name}.{key}": value for a in self.layers for key, value in a.params.items()}

    @params.setter
    def params(self, values: dict[str, Array]) -> None:
        self._hand_down("params", values)

    @property
    def state(self) -> dict[str, Array]:
        return {f"{a.name}.{key}": value for a in self.layers for key, value in a.state.items()}

    @state.setter
    def state(self, values: dict[str, Array]) -> None:
        self._hand_down("state", values)

    def _hand_down(self, what: str, values: dict[str, Array]) -> None:
        for layer in self.layers:
            start = f"{layer.name}."
            own = {key[len(start) :]: v for key, v in values.items() if key.startswith(start)}
            setattr(layer, what, own)

    @property
    def trainable(self) -> bool:
        """Whether any layer in it is; setting it sets all of them."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = value

    def multiply_adds(self, input_shape: Shape) -> int:
        if self.input_shape is None:
            raise ValueError(f"{self.label} is not built; give it an input_shape")
        total = 0
        for layer in self.layers:
            total += layer.multiply_adds(input_shape)
            input_shape = output_shape_of(layer, input_shape)
        return total

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

    def __repr__(self) -> str:
        given = {k: v for k, v in self.get_config().items() if v is not None}
        inside = [
            f"[{', '.join(map(repr, self.layers))}]",
            *(f"{k}={v!r}" for k, v in given.items()),
        ]
        return f"Sequential({', '.join(inside)})"

    def get_config(self) -> dict[str, Any]:
        return {
            "input_shape": self.input_shape,
            "seed": self.seed,
            "dtype": self.dtype,
            "name": self.name,
        }
