"""Names for layers that have none: conv2d_1, conv2d_2, max_pool2d_1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .base import Layer


def _snake(name: str) -> str:
    """Turn a class name into the beginning of a layer's name: MaxPool2D becomes max_pool2d."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()


def name_layers(layers: Sequence[Layer]) -> None:
    """Give a name to each layer that has none; raise ValueError where two share one."""
    taken = {layer.name for layer in layers if layer.name is not None}
    counts: Counter[str] = Counter()
    for layer in layers:
        if layer.name is None:
            kind = _snake(type(layer).__name__)
            while layer.name is None or layer.name in taken:
                counts[kind] += 1
                layer.name = f"{kind}_{counts[kind]}"
            taken.add(layer.name)
    by_name: dict[str, Layer] = {}
    for layer in layers:
        if by_name.setdefault(str(layer.name), layer) is not layer:
            raise ValueError(
                f"two layers are called {layer.name!r}; give each its own name, or none at all"
            )
