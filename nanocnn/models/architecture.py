"""A model's architecture as JSON, and back: the part of a model file that could do harm.

Nothing is executed and nothing is imported: a class is found by its name among the layers of this
package and those that the caller gives. No array is made here, whatever sizes a file asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import layers as _layers
from ..layers.base import Array, Layer
from .sequential import Sequential

# A layer may stand in a model many times, and so may a model with many layers, and so on: a file
# of a few lines could ask for more steps than there is time. The count is of steps, not of layers.
MAX_STEPS = 100_000


def describe(layer: Layer, seen: dict[int, int] | None = None) -> dict[str, Any]:
    """Return class and arguments; a layer that has come before is told by its number.

    Numbers count from 0, in the order in which descriptions begin in the file.
    """
    seen = {} if seen is None else seen
    if id(layer) in seen:
        return {"same_as": seen[id(layer)]}
    seen[id(layer)] = len(seen)
    described: dict[str, Any] = {"class": type(layer).__name__, "config": layer.get_config()}
    if isinstance(layer, Sequential):
        described["layers"] = [describe(part, seen) for part in layer.layers]
    elif not layer.trainable:
        described["frozen"] = True
    return described


class Maker:
    """Builds layers from what `describe` wrote; raises ValueError for anything else.

    Parameters
    ----------
    custom_objects : dict of str to class or function
        Layer classes and initializers of the caller's, by name.
    """

    def __init__(self, custom_objects: Mapping[str, Any]) -> None:
        ours = {name: getattr(_layers, name) for name in _layers.__all__ if name != "Layer"}
        self._custom = custom_objects
        self._known = {**ours, "Sequential": Sequential, **custom_objects}
        self._made: list[tuple[Layer, int] | None] = []

    def make(self, about: Any) -> Layer:
        """Return the layer, without parameters."""
        return self._make(about)[0]

    def _make(self, about: Any) -> tuple[Layer, int]:
        if not isinstance(about, dict):
            raise ValueError(f"expected the description of a layer, found {about!r:.40}")
        if "same_as" in about:
            return self._made_before(about["same_as"])
        number = len(self._made)
        self._made.append(None)
        kind, config, steps = self._class(about.get("class")), about.get("config"), 1
        if not isinstance(config, dict):
            raise ValueError(f"{kind.__name__} has no config")
        config = {key: _tuples(value) for key, value in config.items()}
        if kind is Sequential:
            config.pop("input_shape", None)
            parts = about.get("layers")
            if not isinstance(parts, list):
                raise ValueError("a Sequential has no list of layers")
            config["layers"], steps = [], 0
            for part in parts:
                layer, more = self._make(part)
                config["layers"].append(layer)
                steps += more
                if steps > MAX_STEPS:
                    raise ValueError(f"it has more than {MAX_STEPS:,} layers")
        initializer = config.get("initializer")
        if isinstance(initializer, str) and initializer in self._custom:
            config["initializer"] = self._custom[initializer]
        made: Layer = kind(**config)
        if about.get("frozen") is True:
            made.freeze()
        self._made[number] = made, steps
        return made, steps

    def _made_before(self, number: Any) -> tuple[Layer, int]:
        found = None
        if type(number) is int and 0 <= number < len(self._made):
            found = self._made[number]
        if found is None:
            raise ValueError(f"same_as {number!r:.40} is the number of no layer before it")
        return found

    def _class(self, name: Any) -> type[Layer]:
        kind = self._known.get(name) if isinstance(name, str) else None
        if kind is None:
            raise ValueError(
                f"it needs the layer class {name!r:.80}; "
                "pass custom_objects={'TheClass': TheClass}"
            )
        if not (isinstance(kind, type) and issubclass(kind, Layer)):
            raise ValueError(f"it uses {name!r:.80} as a layer class, which that is not")
        return kind


def _tuples(value: Any) -> Any:
    """JSON has no tuples: turn lists back into them."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def hand_out(model: Sequential, params: Mapping[str, Array]) -> None:
    """Give parameters to a model that is not built, so that `build` checks shapes and draws none.

    Raises
    ------
    ValueError
        If a layer of this package gets none but needs some: it would draw them, of whatever size
        the file asks for. Or if it gets some and has no use for them.
    """
    _set_dtype(model, model.dtype)
    model.params = dict(params)
    for name, layer in _leaves(model):
        if layer.learns and not layer.params:
            raise ValueError(f"the parameters of {name} are missing")
        ours = type(layer).__module__.startswith(f"{_layers.__name__}.")
        if layer.params and ours and not layer.learns:
            raise ValueError(f"{name} has parameters, a {type(layer).__name__} has none")


def _set_dtype(layer: Layer, dtype: str) -> None:
    layer.dtype = dtype
    if isinstance(layer, Sequential):
        for part in layer.layers:
            _set_dtype(part, dtype)


def _leaves(model: Sequential) -> list[tuple[str, Layer]]:
    found = []
    for layer in model.layers:
        if isinstance(layer, Sequential):
            found += [(f"{layer.name}.{name}", leaf) for name, leaf in _leaves(layer)]
        else:
            found.append((str(layer.name), layer))
    return found
