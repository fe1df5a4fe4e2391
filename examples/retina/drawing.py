"""Pictures: the vessels that were found and those that were not, beside the photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .photographs import Photographs

DPI = 120
# Okabe and Ito: to be told apart by colour-blind readers, too.
KINDS = {"hit": "#222222", "missed": "#D55E00", "false alarm": "#0072B2"}


def colour_map(
    photograph: NDArray[np.float32],
    true: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    field: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return hits, misses and false alarms in colour, over the photograph in pale grey."""
    grey = photograph.mean(axis=-1)
    low, high = np.percentile(grey[field], (1, 99))
    pale = 0.72 + 0.23 * np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
    shown = np.where(field, pale, 1.0)[..., None].repeat(3, axis=-1).astype(np.float32)
    for kind, at in zip(
        KINDS, (true & predicted, true & ~predicted, ~true & predicted), strict=True
    ):
        shown[at & field] = [int(KINDS[kind][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return shown


def plot_vessels(
    photographs: Photographs,
    predicted: NDArray[np.bool_],
    dice: NDArray[np.float64],
    path: Path,
    note: str,
) -> None:
    """Draw the best, the middle and the worst photograph, each beside its map."""
    ranked = np.argsort(-dice, kind="stable")
    names = {int(ranked[-1]): "worst", int(ranked[len(ranked) // 2]): "middle"}
    names[int(ranked[0])] = "best"
    chosen = [int(i) for i in ranked if int(i) in names]
    fig: Any = Figure(
        figsize=(3.3 * len(chosen) + 0.6, 7.4), dpi=DPI, layout="constrained", facecolor="white"
    )
    axes = fig.subplots(2, len(chosen), squeeze=False)
    for column, i in zip(axes.T, chosen, strict=True):
        found = colour_map(
            photographs.images[i], photographs.vessels[i], predicted[i], photographs.field[i]
        )
        column[0].set_title(f"{names[i]} of {len(dice)}: Dice {dice[i]:.3f}", fontsize=10)
        for ax, image in zip(column, (photographs.images[i], found), strict=True):
            ax.imshow(image, interpolation="nearest")
            ax.set_axis_off()
    patches = [Patch(color=colour, label=kind) for kind, colour in KINDS.items()]
    fig.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, title=note)
    fig.savefig(path, dpi=DPI)
