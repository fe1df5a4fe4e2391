"""The pictures: training curves, cases with contours, scores of all cases, what augmenting does."""

from __future__ import annotations

from pathlib import Path

import nanocnn as nc
from nanocnn.evaluation import plot_segmentation_cases, plot_segmentation_scores

from .measures import Measured
from .sources import Data

BLUE, ORANGE = "#0072B2", "#E69F00"


def draw_all(
    history: nc.History, data: Data, found: Measured, augment: nc.data.Augment, out: Path
) -> None:
    """Leave all pictures in a folder."""
    draw_curves(history, out / "curves.png", data.note)
    draw_augmenting(data, augment, out / "augmentation.png")
    plot_segmentation_scores(found.report, out / "scores.png", unit=data.unit, note=data.note)
    if found.report.ranked:  # a few cases may all be without the structure
        plot_segmentation_cases(
            found.report,
            found.images,
            found.targets,
            found.predicted,
            out / "cases.png",
            cases=found.cases,
            unit=data.unit,
            note=data.note,
        )


def draw_curves(history: nc.History, path: Path, note: str) -> None:
    """Draw loss and Dice against the epoch, for training and validation."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    fig = Figure(figsize=(10, 3.8), dpi=120, layout="constrained", facecolor="white")
    for ax, key in zip(fig.subplots(1, 2), ("loss", "dice"), strict=True):
        for name, color, line, said in (
            (key, BLUE, "o-", "training, augmented"),
            (f"val_{key}", ORANGE, "s--", "validation"),
        ):
            values = history.history[name]
            ax.plot(range(1, len(values) + 1), values, line, color=color, ms=4, label=said)
        ax.set_xlabel("epoch")
        ax.set_title("Dice plus cross-entropy" if key == "loss" else "Dice, mean of the batches")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylim(bottom=0)
        ax.grid(alpha=0.3)
        ax.legend()
    fig.supxlabel(note, fontsize=9, color="#666666")
    fig.savefig(path)


def draw_augmenting(data: Data, augment: nc.data.Augment, path: Path) -> None:
    """Draw what the policy does to the training slice with the largest structure."""
    masks = [mask for _, mask in data.train]
    fullest = max(range(len(masks)), key=lambda i: int((masks[i] > 0).sum()))
    image, mask = data.train[fullest]
    channel = image[..., data.channel : data.channel + 1].copy()
    augment.gallery(channel, mask).savefig(path)
