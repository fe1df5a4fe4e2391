"""Pictures: some images of each class, and a batch as the network gets it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import nanocnn as nc

GREY, DPI = "#666666", 120
COLUMNS, MOST_CLASSES, MOST_IMAGES = 6, 4, 16


def contact_sheet(dataset: nc.data.ImageDataset, path: Path, title: str) -> None:
    """Draw a row of images for each class, spread over all of its images."""
    classes = dataset.classes[:MOST_CLASSES]
    fig: Any = Figure(
        figsize=(1.75 * COLUMNS + 0.4, 1.95 * len(classes) + 0.5),
        dpi=DPI, layout="constrained", facecolor="white",
    )  # fmt: skip
    fig.suptitle(title, fontsize=11)
    rows = fig.subplots(len(classes), COLUMNS, squeeze=False)
    for label, (name, axes) in enumerate(zip(classes, rows, strict=True)):
        members = np.flatnonzero(dataset.labels == label)
        spread = members[np.linspace(0, len(members) - 1, COLUMNS).round().astype(int)]
        chosen = [int(i) for i in dict.fromkeys(spread.tolist())]
        for ax, i in zip(axes, chosen, strict=False):
            try:
                show(ax, dataset[i][0], 0, 1, shorten(dataset.name(i)))
            except nc.data.DataError:
                show(ax, np.ones((8, 8, 1)), 0, 1, shorten(dataset.name(i)))
                ax.text(0.5, 0.5, "cannot be read", transform=ax.transAxes, ha="center", fontsize=9)
        for ax in axes[len(chosen) :]:
            ax.set_axis_off()
        axes[0].set_ylabel(shorten(name, 18), fontsize=11)
    fig.savefig(path, dpi=DPI)


def batch(
    images: NDArray[Any], labels: NDArray[Any], classes: Sequence[str], path: Path, title: str
) -> None:
    """Draw the images of a batch, all on one scale of grey."""
    low, high = np.percentile(images, (0.5, 99.5))
    n = min(len(images), MOST_IMAGES)
    columns = min(8, n)
    rows = -(-n // columns)
    fig: Any = Figure(
        figsize=(max(1.4 * columns, 5.6) + 0.2, 1.6 * rows + 0.5),
        dpi=DPI, layout="constrained", facecolor="white",
    )  # fmt: skip
    fig.suptitle(title, fontsize=11)
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax, image, label in zip(axes[:n], images[:n], labels[:n], strict=True):
        show(ax, image, float(low), float(high), shorten(classes[label], 16))
    for ax in axes[n:]:
        ax.set_axis_off()
    fig.savefig(path, dpi=DPI)


def show(ax: Any, image: NDArray[Any], low: float, high: float, title: str) -> None:
    """Draw one grey image."""
    ax.imshow(image[:, :, 0], cmap="gray", vmin=low, vmax=high)
    ax.set_title(title, fontsize=8, pad=3)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color=GREY, linewidth=0.8)


def shorten(name: str, longest: int = 24) -> str:
    """Return the end of a name that is too long; its dollar signs are no mathematics."""
    short = name if len(name) <= longest else "…" + name[-longest + 1 :]
    return short.replace("$", r"\$")
