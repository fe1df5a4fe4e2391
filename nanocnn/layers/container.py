"""Layers made of layers, and what is the same for all of them: names, parameters, keys, shapes.

A container calls its children by itself, so that its `forward` and `backward` show what happens
to the data and to the gradient. Three things to write for a new one: `trace_shapes`, which child
sees which shape; `forward`, whose cache has a field `caches`, one for each child in order; and
`backward`, which takes the children's gradients together with `_gather`. `nanocnn.layers.join`
has the shortest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from .base import Array, Layer, Rng, Shape
from .keys import as_key, derive
from .naming import name_layers

Visit = Callable[[Layer, Shape], Shape]


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
    if isinstance(layer, Container):
        return layer.trace_shapes(input_shape, output_shape_of)
    return build_once(layer, input_shape, np.random.default_rng(0))


def learns(layer: Layer) -> bool:
    """Tell whether training changes a parameter of the layer, or of any layer in it."""
    if isinstance(layer, Container):
        return any(map(learns, layer.layers))
    return bool(layer.params) and layer.trainable


class Container(Layer):
    """Abstract: a layer that consists of others.

    Parameters
    ----------
    layers : sequence of Layer
        A list of layers in it becomes a `Sequential`. The same layer may stand in it more than
        once: its gradients are then summed.
    name : str, optional

    Attributes
    ----------
    layers : tuple of Layer
        The children. Parameters and state are theirs, under names such as "conv2d_1.w".

    Raises
    ------
    TypeError
        If something in `layers` is no layer.
    ValueError
        If there is none, or two share a name.
    """

    layers: tuple[Layer, ...]
    # What a list becomes: `nanocnn.models`, which stands on the layers, puts Sequential here.
    make_sequential: ClassVar[Callable[[Sequence[Layer]], Layer]]

    def __init__(self, layers: Sequence[Any], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._hold(layers)

    def _hold(self, layers: Sequence[Any]) -> None:
        kind = type(self).__name__
        if isinstance(layers, Layer):
            raise TypeError(f"layers must be a list, got {layers!r}; write {kind}([...])")
        self.layers = tuple(
            Container.make_sequential(a) if isinstance(a, (list, tuple)) else a for a in layers
        )
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers[{i}] must be a layer, got {layer!r}")
        if not self.layers:
            raise ValueError(f"a {kind} needs at least one layer, got none")
        name_layers(self.layers)

    @classmethod
    def from_layers(cls, layers: Sequence[Layer], config: dict[str, Any]) -> Container:
        """Return what has these children and what `get_config` told: saved models are remade so."""
        return cls(layers, **config)

    def trace_shapes(self, input_shape: Shape, visit: Visit) -> Shape:
        """Return the output's shape, calling `visit` for each child with the shape of its input.

        Parameters
        ----------
        input_shape : tuple of int
            Without the batch axis.
        visit : function `(layer, input_shape) -> output_shape`
            Called in the order in which the children compute.

        Raises
        ------
        ValueError
            If the shapes do not fit each other.
        """
        raise NotImplementedError(f"{type(self).__name__} must define trace_shapes")

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        def visit(layer: Layer, shape: Shape) -> Shape:
            self._agree_on_dtype(layer)
            return build_once(layer, shape, rng)

        fresh = [layer for layer in self.layers if not layer.params]
        try:
            return self.trace_shapes(input_shape, visit)
        except Exception:
            for layer in fresh:  # as before, so that another input_shape can be tried
                layer.params, layer.state = {}, {}
            raise

    def _agree_on_dtype(self, layer: Layer) -> None:
        if not layer.params:
            layer.dtype = self.dtype
        for key, p in layer.params.items():
            if p.dtype != self.dtype:
                raise ValueError(
                    f"{layer.label} has {p.dtype} parameters ({key}), the model is {self.dtype}; "
                    "give both the same dtype"
                )

    def _keys(self, rng: Rng) -> list[int | None]:
        """Return a random key for each child, derived from its name."""
        key = as_key(rng)
        if key is None:
            return [None] * len(self.layers)
        # A layer that stands here twice must not drop the same elements both times.
        times = [self.layers[:i].count(layer) for i, layer in enumerate(self.layers)]
        return [
            derive(key, f"{layer.name}.{again}" if again else str(layer.name))
            for layer, again in zip(self.layers, times, strict=True)
        ]

    def _gather(self, parts: Iterable[tuple[Layer, dict[str, Array]]]) -> dict[str, Array]:
        """Return the children's gradients under the names of the parameters, in their order."""
        found: dict[str, dict[str, Array]] = {}
        for layer, own in parts:
            name = str(layer.name)
            if name in found:  # used twice: the sum
                found[name] = {key: found[name][key] + g for key, g in own.items()}
            else:
                found[name] = own
        grads: dict[str, Array] = {}
        for layer in self.layers:
            own = found.pop(str(layer.name), {})
            # A container has put its own in order already; to list its parameters takes long.
            keys = own if isinstance(layer, Container) else layer.params
            grads |= {f"{layer.name}.{key}": own[key] for key in keys if key in own}
        return grads

    def update_state(self, cache: Any) -> None:
        for layer, own in zip(self.layers, cache.caches, strict=True):
            layer.update_state(own)

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
        total = 0

        def visit(layer: Layer, shape: Shape) -> Shape:
            nonlocal total
            total += layer.multiply_adds(shape)
            return output_shape_of(layer, shape)

        self.trace_shapes(input_shape, visit)
        return total

    def __repr__(self) -> str:
        given = {k: v for k, v in self.get_config().items() if v is not None}
        inside = [self._repr_layers(), *(f"{k}={v!r}" for k, v in given.items())]
        return f"{type(self).__name__}({', '.join(inside)})"

    def _repr_layers(self) -> str:
        return f"[{', '.join(map(repr, self.layers))}]"
