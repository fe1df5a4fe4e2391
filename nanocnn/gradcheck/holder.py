"""A private copy of a layer or model, whose parameters can be exchanged for a while."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Holder:
    """Holds a deep copy of a layer, and finds every place that holds a parameter.

    Works on anything with `params`: it follows attributes, lists and dicts, so a container of your
    own needs no registration. The original is never touched.

    Parameters
    ----------
    layer : object with params
    widen : bool
        Move all numbers to float64, which the evidence for gradients needs.
    """

    def __init__(self, layer: Any, *, widen: bool = True) -> None:
        self.layer = copy.deepcopy(layer)
        self.trainable = True
        self._widen = widen
        self._places: list[dict[Any, Any]] = []
        self.refresh()

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> Any:
        """Build the layer if it has no parameters, and return the output's shape it declares.

        A layer that has them is asked on a copy: `build` may simply create new ones.
        """
        if self.params:
            return copy.deepcopy(self.layer).build(input_shape, rng)
        declared = self.layer.build(input_shape, rng)
        self.refresh()
        return declared

    def refresh(self) -> None:
        """Look for parameters again, after `build`, and make all numbers float64 if asked to."""
        seen: set[int] = set()
        self._places = list(_dicts(self.layer, seen))
        wide: dict[int, Array] = {}
        for place in self._places:
            for key, value in place.items():
                if key == "trainable" and not value:
                    self.trainable = False
                elif not self._widen:
                    continue
                elif isinstance(value, np.ndarray) and value.dtype == np.float32:
                    place[key] = wide.setdefault(id(value), value.astype(np.float64))
                elif key == "dtype" and str(value) == "float32":
                    place[key] = "float64"

    @property
    def params(self) -> dict[str, Array]:
        return dict(self.layer.params)

    def stir(self, rng: np.random.Generator) -> None:
        """Move all parameters by random amounts, so that none is 0, 1 or equal to another."""
        for p in self.params.values():
            rms = float(np.sqrt(np.mean(np.square(p)))) if p.size else 0.0
            p += 0.3 * (rms or 1.0) * rng.standard_normal(p.shape)

    @contextmanager
    def holding(self, name: str, value: Array) -> Iterator[None]:
        """Give the parameter `name` other numbers, in place, inside the `with` block."""
        p = self.params[name]
        before = p.copy()
        p[...] = value
        try:
            yield
        finally:
            p[...] = before

    @contextmanager
    def complex_valued(self, exchange: Mapping[str, Array]) -> Iterator[None]:
        """Make all parameters complex inside the `with` block; `exchange` gives other values."""
        new = {
            id(p): exchange.get(name, p).astype(np.complex128) for name, p in self.params.items()
        }
        undo = []
        for place in self._places:
            for key, value in list(place.items()):
                if id(value) in new:
                    undo.append((place, key, value))
                    place[key] = new[id(value)]
        try:
            yield
        finally:
            for place, key, value in undo:
                place[key] = value


def _dicts(thing: Any, seen: set[int]) -> Iterator[dict[Any, Any]]:
    """Yield every dict that can be reached from an object, its attributes included."""
    if id(thing) in seen or isinstance(thing, (type, str, np.ndarray)):
        return
    seen.add(id(thing))
    if isinstance(thing, dict):
        yield thing
        for value in list(thing.values()):
            yield from _dicts(value, seen)
    elif isinstance(thing, (list, tuple)):
        for value in thing:
            yield from _dicts(value, seen)
    elif isinstance(getattr(thing, "__dict__", None), dict) and hasattr(thing, "forward"):
        yield from _dicts(vars(thing), seen)
