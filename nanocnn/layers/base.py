"""What a layer is. Six things to write for a new one; nothing to register.

    class Scale(Layer):
        def build(self, input_shape, rng):
            self.params = {"s": np.ones(input_shape[-1:], self.dtype)}
            return input_shape

        def forward(self, x, *, training=False, rng=None):
            return x * self.params["s"], ScaleCache(x)

        def backward(self, dy, cache, *, need_dx=True):
            grads = {"s": (dy * cache.x).sum(axis=tuple(range(dy.ndim - 1)))}
            return (dy * self.params["s"] if need_dx else None), grads

and, for saving, `get_config`. `nanocnn.gradcheck.check_layer` tells whether it is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]
Rng: TypeAlias = "int | np.random.Generator | None"  # a text, since np.random loads when named


class Layer:
    """Holds parameters and calls operations; the base of all layers and containers.

    `forward` and `backward` are pure: they keep nothing on the layer and change neither it nor
    their arguments, so a layer may be used twice in a model, and by several threads at once.

    Parameters
    ----------
    name : str, optional
        Unique within a model, without a dot; a container gives one to a layer that has none.

    Attributes
    ----------
    params : dict of str to array
        What training changes. Empty before `build`, and in layers that learn nothing.
    state : dict of str to array
        What `update_state` changes, such as running statistics.
    trainable : bool
        False after `freeze()`: `backward` then returns no gradients for the parameters.
    dtype : "float32" or "float64"
        Of the parameters; set by the model before `build`.
    """

    name: str | None
    dtype: str
    learns = False  # whether `build` creates parameters: a model file must then hold them

    def __init__(self, *, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or not name or "." in name):
            raise ValueError(f"a layer's name must be a text without a dot, got {name!r}")
        self.name = name
        self.dtype = "float32"
        self._params: dict[str, Array] = {}
        self._state: dict[str, Array] = {}
        self._flags = {"trainable": True}  # in a dict, which copies that share parameters share too

    @property
    def trainable(self) -> bool:
        return self._flags["trainable"]

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._flags["trainable"] = bool(value)

    @property
    def params(self) -> dict[str, Array]:
        return self._params

    @params.setter
    def params(self, values: dict[str, Array]) -> None:
        # In place: a copy of the layer that shares its parameters sees the new ones too.
        values = dict(values)
        self._params.clear()
        self._params.update(values)

    @property
    def state(self) -> dict[str, Array]:
        return self._state

    @state.setter
    def state(self, values: dict[str, Array]) -> None:
        values = dict(values)
        self._state.clear()
        self._state.update(values)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        """Create the parameters, if there are none yet, and return the output's shape.

        Parameters
        ----------
        input_shape : tuple of int
            Without the batch axis.
        rng : numpy.random.Generator
            Where initial values come from.

        Returns
        -------
        tuple of int
            The output's shape without the batch axis.

        Raises
        ------
        ValueError
            If the layer cannot take inputs of this shape.
        """
        return input_shape

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        """Compute the output, and a cache with what `backward` needs and no more.

        Parameters
        ----------
        x : (N, ...) array of the layer's dtype
        training : bool
            Changes only what is computed (dropout drops), never what is kept or learnt.
        rng : int or numpy.random.Generator, optional
            The key of what is random; needed in training by layers that are.

        Returns
        -------
        y : (N, ...) array
        cache : NamedTuple
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        """Carry a gradient back.

        Parameters
        ----------
        dy : array of y's shape
        cache : what `forward` returned
        need_dx : bool
            False for a model's first layer, whose dx nobody reads.

        Returns
        -------
        dx : array of x's shape, or None if not needed
        grads : dict of str to array
            One for each parameter of a trainable layer, same keys; nothing is added up over calls.
        """
        raise NotImplementedError(f"{type(self).__name__} must define backward")

    def __call__(self, x: Array) -> Array:
        """Compute the output in inference; no cache is kept."""
        return self.forward(x)[0]

    def update_state(self, cache: Any) -> None:
        """Take over what a training pass found out, such as batch statistics. `fit` calls this."""

    def freeze(self) -> None:
        """Leave the parameters as they are in training: `backward` gives no gradient for them."""
        self.trainable = False

    def unfreeze(self) -> None:
        """Train the parameters again."""
        self.trainable = True

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications, each with its addition, that one image costs."""
        return 0

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, ready for JSON, with which `type(self)(**config)` is its like."""
        return {"name": self.name}

    def _check_built(self) -> Mapping[str, Array]:
        if not self.params:
            raise ValueError(
                f"{self.label} has no parameters yet; give the model an input_shape, or call "
                "layer.build(input_shape, rng)"
            )
        return self.params

    @property
    def label(self) -> str:
        """The layer as error messages call it."""
        return f"{type(self).__name__} {self.name!r}" if self.name else type(self).__name__

    def __repr__(self) -> str:
        given = {k: v for k, v in self.get_config().items() if v is not None}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"
