"""The table that `model.summary()` prints."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._backend import backend
from ..layers.base import Layer
from .model import Model
from .pooled_relu import with_pooled_slopes


def _arrays(cache: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(cache, np.ndarray):
        return [cache]
    if isinstance(cache, (tuple, list)):
        return [array for part in cache for array in _arrays(part)]
    return []


def _address(array: np.ndarray[Any, Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _kept(
    model: Model, layers: tuple[Layer, ...], images: int
) -> tuple[list[tuple[int, ...]], list[int]]:
    """Run images of zeros through the layers; return shapes in and behind, and bytes in caches.

    An array that two caches share, or a view of it, is counted once, where it first appears;
    parameters are not counted.
    """
    assert model.input_shape is not None
    x = np.zeros((images, *model.input_shape), model.dtype)
    counted = {_address(p) for p in model.params.values()}
    shapes, sizes = [x.shape[1:]], []
    alive: list[Any] = []  # all caches at once, as in training: so no address comes twice
    with backend("vectorized"):  # nothing to compile, and the caches are the same
        for acting in with_pooled_slopes(layers):
            y, cache = acting.forward(x, training=True, rng=0)
            alive.append((x, cache))
            kept = {_address(a): a.nbytes for a in _arrays(cache) if _address(a) not in counted}
            counted |= set(kept)
            shapes.append(y.shape[1:])
            sizes.append(sum(kept.values()))
            x = y
    return shapes, sizes


def _rows(model: Model, layers: tuple[Layer, ...]) -> list[tuple[str, ...]]:
    """Return a row of texts for each layer.

    What an image costs is what a third adds to two: statistics of a batch need two at least, and
    are kept once, however many there are.
    """
    (shapes, two), (_, three) = (_kept(model, layers, images) for images in (2, 3))
    rows: list[tuple[str, ...]] = []
    for k, layer in enumerate(layers):
        parameters = sum(p.size for p in layer.params.values())
        rows.append(
            (
                f"{layer.name} ({type(layer).__name__})",
                " x ".join(map(str, shapes[k + 1])),
                f"{parameters:,}" + ("" if layer.trainable or not parameters else " frozen"),
                f"{layer.multiply_adds(shapes[k]):,}",
                f"{three[k] - two[k]:,}",
            )
        )
    return rows


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
    layers: tuple[Layer, ...] = getattr(model, "layers", (model,))
    head = ("layer", "output", "parameters", "multiply-adds", "bytes for backward")
    rows = _rows(model, layers)
    parameters = {_address(p): p for p in model.params.values()}.values()
    totals = (
        "total, one image",
        "",
        f"{sum(p.size for p in parameters):,}",
        f"{model.multiply_adds(model.input_shape):,}",
        f"{sum(int(row[4].replace(',', '')) for row in rows):,}",
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
