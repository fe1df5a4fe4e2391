"""A segmentation over its image: the contours of the true mask and of the predicted one.

The truth is a solid line, the prediction a dashed one. With one class or two, blue and green are
true, orange and vermilion predicted (Okabe and Ito: colour-blind people can tell them apart); with
more, each class has one colour. Every line lies on a dark one, so that it is seen on bright tissue.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .overlap import dice, mask_pair
from .segmentation import name_classes
from .sheet import new_figure, panels_of, save, short_name

PAIRS = [("#56B4E9", "#E69F00"), ("#009E73", "#D55E00")]  # true, predicted
SINGLE = ["#56B4E9", "#E69F00", "#009E73", "#D55E00", "#F0E442", "#CC79A7", "#FFFFFF"]
STYLES: tuple[Any, Any] = ("-", (0, (3.0, 1.6)))  # true, predicted
HALO = "#1A1A1A"
LEGEND = 2.4  # inches


def plot_contours(
    image: NDArray[Any],
    target: ArrayLike,
    predicted: ArrayLike,
    path: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    note: str | None = None,
) -> None:
    """Draw an image with the contours of its true and its predicted mask.

    Parameters
    ----------
    image : (H, W) or (H, W, C) float array in [0, 1], C = 1 or 3
    target : (H, W) integers or booleans
    predicted : the same, or scores (H, W, K), of which the largest counts
    path : PNG file to write
    class_names : K names, class 0 first, or None      None: "class 1" and so on
    note : str or None      a line at the bottom

    Raises
    ------
    ValueError
        For masks that `dice` refuses, an image of another size, or more than 7 classes besides 0.
    """
    t, p, n_classes = mask_pair(target, predicted)
    names = name_classes(class_names, max(2, n_classes))
    shown = check_image(image, t)
    tallest = float(np.clip(max(t.shape) / 60, 5, 9))
    height, width = tallest * np.array(t.shape) / max(t.shape)
    fig = new_figure(width + LEGEND, height + 0.4)
    (ax,) = panels_of(fig, 1, 1)
    show_image(ax, shown)
    draw_contours(ax, t, p, len(names), height / len(t))
    labels = []
    for k in range(1, len(names) + 1):
        true = "true" if (t == k).any() else "true: none"
        found = (
            f"predicted\nDice {dice(t, p, positive=k):.3f}" if (p == k).any() else "predicted: none"
        )
        labels.append((true, found))
    held = [k for k in np.union1d(t, p).tolist() if k]
    if not held:
        ax.set_title("neither mask holds anything", fontsize=10)
    add_legend(fig, names, held, labels)
    save(fig, path, note)


def check_image(image: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    """Return an image that fits its mask as (H, W) or (H, W, 3)."""
    x = np.asarray(image)
    if x.dtype.kind != "f" or x.shape[:2] != mask.shape or x.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(
            f"image has shape {x.shape} and type {x.dtype}, its mask {mask.shape}; needed are "
            "floats in [0, 1], (H, W) or (H, W, 1 or 3), and a mask (H, W)"
        )
    return x[..., 0] if x.shape[2:] == (1,) else x


def show_image(ax: Any, image: NDArray[Any]) -> None:
    ax.imshow(
        np.clip(image, 0, 1),
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest" if max(image.shape[:2]) < 100 else "antialiased",
    )
    ax.set_axis_off()


def draw_contours(
    ax: Any, target: NDArray[Any], predicted: NDArray[Any], n_classes: int, pixel: float
) -> None:
    """Draw both masks' contours; `pixel` is a pixel's side in inches, and thin lines suit many."""
    from matplotlib.patheffects import withStroke

    width = float(np.clip(0.8 * 72 * pixel, 0.6, 1.8))
    halo = [withStroke(linewidth=1.8 * width, foreground=HALO)]
    height, across = target.shape
    for k, colours in enumerate(class_colours(n_classes), start=1):
        for mask, colour, style in zip((target, predicted), colours, STYLES, strict=True):
            if not (mask == k).any():
                continue  # matplotlib warns where there is no contour
            lines = ax.contour(
                np.arange(-1, across + 1),
                np.arange(-1, height + 1),
                np.pad((mask == k).astype(float), 1),  # closes the contour at the image's edge
                levels=[0.5],
                colors=[colour],
                linewidths=width,
                linestyles=[style],
            )
            lines.set(path_effects=halo, clip_on=False)
    ax.set(xlim=(-0.5, across - 0.5), ylim=(height - 0.5, -0.5))


def add_legend(
    fig: Any, names: Sequence[str], held: Sequence[int], labels: Sequence[tuple[str, str]]
) -> None:
    """Name the lines of the classes in `held`, beside the panels."""
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    handles = [
        Line2D(
            [],
            [],
            color=colour,
            linestyle=style,
            linewidth=2,
            label=f"{short_name(names[k - 1], 20)}, {label}",
            path_effects=[withStroke(linewidth=3.4, foreground=HALO)],
        )
        for k in held
        for colour, style, label in zip(
            class_colours(len(names))[k - 1], STYLES, labels[k - 1], strict=True
        )
    ]
    if handles:
        fig.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9)


def class_colours(n_classes: int) -> list[tuple[str, str]]:
    """Return the colours of the true and of the predicted contour of each class."""
    if n_classes > len(SINGLE):
        raise ValueError(
            f"{n_classes} classes are too many to tell apart; draw {len(SINGLE)} or fewer at once, "
            "the others set to 0"
        )
    return PAIRS[:n_classes] if n_classes <= len(PAIRS) else [(c, c) for c in SINGLE[:n_classes]]
