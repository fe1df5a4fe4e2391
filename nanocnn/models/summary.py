"""The table that `model.summary()` prints."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._backend import backend
from ..layers.base import Layer, Shape
from ..layers.container import Container, output_shape_of
from .model import Model


def _arrays(cache: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(cache, np.ndarray):
        return [cache]
    if isinstance(cache, (tuple, list)):
        return [array for part in cache for array in _arrays(part)]
    return []


def _address(array: np.ndarray[Any, Any]) -> int:
    return int(array.__array_interface__["data"][0])


class _Row(NamedTuple):
    """A line of the table; a container's numbers are those of all that is in it."""

    name: str
    output: Shape
    parameters: int
    frozen: bool
    multiply_adds: int
    kept: int

    def cells(self) -> tuple[str, ...]:
        frozen = " frozen" if self.frozen and self.parameters else ""
        return (
            self.name,
            " x ".join(map(str, self.output)),
            f"{self.parameters:,}{frozen}",
            f"{self.multiply_adds:,}",
            f"{self.kept:,}",
        )


def _rows(layer: Layer, shape: Shape, cache: Any, counted: set[int], depth: int) -> list[_Row]:
    """Return the layer's line, and behind it, if it is a container, those of its layers, indented.

    An array that two caches share, or a view of it, is counted once, where it first appears;
    what has come before is in `counted`.
    """
    inside: list[_Row] = []
    kept = 0
    if isinstance(layer, Container):
        for (child, seen), own in zip(_children(layer, shape), cache.caches, strict=True):
            rows = _rows(child, seen, own, counted, depth + 1)
            kept += rows[0].kept
            inside += rows
    arrays = {_address(a): a.nbytes for a in _arrays(cache) if _address(a) not in counted}
    counted |= set(arrays)
    parameters = {_address(p): p.size for p in layer.params.values()}
    row = _Row(
        f"{'  ' * depth}{layer.name} ({type(layer).__name__})",
        output_shape_of(layer, shape),
        sum(parameters.values()),
        not layer.trainable,
        layer.multiply_adds(shape),
        kept + sum(arrays.values()),
    )
    return [row, *inside]


def _children(layer: Container, shape: Shape) -> list[tuple[Layer, Shape]]:
    """Return the layers in a container, each with the shape of its input."""
    found: list[tuple[Layer, Shape]] = []

    def visit(child: Layer, seen: Shape) -> Shape:
        found.append((child, seen))
        return output_shape_of(child, seen)

    layer.trace_shapes(shape, visit)
    return found


def _rows_of(model: Model, shape: Shape, images: int) -> list[_Row]:
    """Run images of zeros through the model and look at what its caches hold."""
    x = np.zeros((images, *shape), model.dtype)
    with backend("vectorized"):  # nothing to compile, and the caches are the same
        # All caches are there at once, as in training: so no address comes twice.
        cache = model.forward(x, training=True, rng=0)[1]
    counted = {_address(p) for p in model.params.values()}
    return _rows(model, shape, cache, counted, -1)


def summarize(model: Model) -> str:
    """Return the table as text.

    Raises
    ------
    ValueError
        If the model is not built, so that there are no shapes to tell.
    """
    if model.input_shape is None:
        raise ValueError(
            "the model has no shapes yet; give it an input_shape, for example (128, 128, 3)"
        )
    # What an image costs is what a third adds to two: statistics of a batch need two at least, and
    # are kept once, however many there are.
    two, three = (_rows_of(model, model.input_shape, images) for images in (2, 3))
    found = [b._replace(kept=b.kept - a.kept) for a, b in zip(two, three, strict=True)]
    whole, rows = found[0], [row.cells() for row in found[1:] or found]
    head = ("layer", "output", "parameters", "multiply-adds", "bytes for backward")
    parameters = {_address(p): p for p in model.params.values()}.values()
    totals = (
        "total, one image",
        "",
        f"{sum(p.size for p in parameters):,}",
        f"{whole.multiply_adds:,}",
        f"{whole.kept:,}",
    )
    table = [head, *rows, totals]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]

    def line(row: tuple[str, ...]) -> str:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [row[i].rjust(widths[i]) for i in range(2, len(row))]
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    where = f"input {' x '.join(map(str, model.input_shape))}, {model.dtype}"
    size = f"parameters take {sum(p.nbytes for p in parameters):,} bytes"
    if model.state:
        size += f", running statistics {sum(s.nbytes for s in model.state.values()):,}"
    lines = [where, line(head), rule, *map(line, rows), rule, line(totals), size]
    return "\n".join(lines)
