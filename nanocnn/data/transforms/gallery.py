"""A picture of what a preparation does: the image after each step, its histogram beneath."""

from __future__ import annotations

import textwrap
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from ..augmentation.gallery import GREY, SIDE, show
from ..errors import DataError
from .base import Images, Masks, Transform
from .checks import check_images, check_masks
from .compose import Compose

COLUMNS = 5  # in a row
LETTERS = 28  # in a line of a title
BINS = 64
COLORS = {1: ("#444444",), 3: ("#C03A2B", "#2E8B57", "#3B6FB6")}


class Panel(NamedTuple):
    """An image with its mask, after a step."""

    title: str
    image: Images
    mask: Masks | None


def figure(transform: Transform, image: Images, mask: Masks | None) -> Any:
    """Return the picture; see `Transform.gallery`."""
    from matplotlib.figure import Figure  # here: `import nanocnn` must not load matplotlib

    shown = panels(transform, image, mask)
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    fig: Any = Figure(
        figsize=(columns * (SIDE + 0.35) + 0.3, rows * (SIDE + 1.35) + 0.1),
        dpi=120,
        layout="constrained",
        facecolor="white",
    )
    axes = fig.subplots(2 * rows, columns, squeeze=False, height_ratios=(3, 1) * rows)
    for k in range(rows * columns):
        above, beneath = axes[2 * (k // columns) : 2 * (k // columns) + 2, k % columns]
        if k < len(shown):
            _show(above, shown[k])
            _histogram(beneath, shown[k].image)
        else:
            above.set_axis_off()
            beneath.set_axis_off()
    return fig


def panels(transform: Transform, image: Images, mask: Masks | None) -> list[Panel]:
    """Return the image as it is given, and after each step."""
    if isinstance(image, np.ndarray) and image.ndim == 2:
        image = image[:, :, None]
    check_images(image)
    if image.ndim != 3 or image.shape[2] not in COLORS:
        raise DataError(f"gallery: the image is {image.shape}; needed is one, with 1 or 3 channels")
    if mask is not None:
        check_masks(mask, image)
    found = [Panel(f"given\n{_size(image)}", image, mask)]
    for step in transform.steps if isinstance(transform, Compose) else (transform,):
        if mask is None:
            image = step(image)
        else:
            image, mask = step(image, mask)
        found.append(Panel(told(step), image, mask))
    return found


def told(step: Transform) -> str:
    """Return a step's name, and its settings below, with numbers cut short."""
    values = {f.name: getattr(step, f.name) for f in fields(step)}
    settings = [
        f"{f.name} {_short(values[f.name])}" for f in fields(step) if values[f.name] != f.default
    ]
    whole = ", ".join(setting.replace(" ", "\N{NO-BREAK SPACE}") for setting in settings)
    lines = textwrap.wrap(whole, LETTERS, break_long_words=False)
    return "\n".join((type(step).__name__, *lines)).replace("\N{NO-BREAK SPACE}", " ")


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_short, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _size(image: Images) -> str:
    return f"{image.shape[0]}×{image.shape[1]}"


def _range(image: Images) -> tuple[float, float]:
    """Return what is black and what is white: 0 and 1, or else the image's own ends."""
    low, high = float(image.min()), float(image.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _show(ax: Any, panel: Panel) -> None:
    low, high = _range(panel.image)
    unit = np.clip((panel.image - low) / (high - low or 1), 0, 1)
    masks = None if panel.mask is None else panel.mask[None]
    show(ax, panel.title, unit[None], masks)


def _histogram(ax: Any, image: Images) -> None:
    """Count the pixels of each value, on a logarithmic scale: the background has most of them."""
    low, high = _range(image)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    for c, color in enumerate(COLORS[image.shape[2]]):
        counts = np.histogram(image[:, :, c], edges)[0]
        ax.stairs(counts + 0.5, edges, baseline=0.5, fill=image.shape[2] == 1, color=color, lw=0.9)
    ax.set_yscale("log")
    ax.set_xlim(edges[0], edges[-1])
    labels = [f"{end:.3g}" for end in (edges[0], edges[-1])]
    texts = ax.set_xticks([edges[0], edges[-1]], labels, fontsize=7)
    for tick, side in zip(texts, ("left", "right"), strict=True):
        tick.label1.set_horizontalalignment(side)
    ax.tick_params(axis="x", length=2, color=GREY, pad=2)
    ax.minorticks_off()
    ax.set_yticks([])
    for name, spine in ax.spines.items():
        spine.set(visible=name == "bottom", color=GREY, linewidth=0.8)
