"""Pictures: some nodules with what was said of them, ROC curves, true and estimated diameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nanocnn.evaluation import Estimate, plots, roc_curve

from . import recipe
from .cases import Part

BLUE, ORANGE, GREY, DPI = plots.BLUE, plots.ORANGE, plots.GREY, 120
CLASSES = ("benign", "malignant")
TITLES = {"network": "by the network's second head", "area": "by the area"}


def examples(part: Part, logits: np.ndarray, path: Path, note: str) -> None:
    """Draw nodules, each in its largest slice: the most confident mistakes, and some right ones."""
    score, y = recipe.per_nodule(logits, part), recipe.of_nodules(part.labels, part)
    malignant = 1 / (1 + np.exp(-score))
    largest = recipe.largest_slices(part)
    # plot_predictions takes mistakes in the order given; the right ones are mixed.
    wrong = (score > 0) != y
    order = np.lexsort((np.random.default_rng(0).permutation(len(y)), -np.abs(score) * wrong))
    plots.plot_predictions(
        part.images[largest][order], y[order],
        np.stack([1 - malignant, malignant], axis=1)[order], CLASSES, path, note=note,
    )  # fmt: skip


def roc(
    part: Part, logits: np.ndarray, found: Mapping[str, Estimate], path: Path, note: str
) -> None:
    """Draw the network's and the area's ROC curve, a slice and a nodule."""
    fig, axes = _figure(2, note)
    levels = recipe.levels(logits, part).items()
    for ax, (level, (y, score, area, _)) in zip(axes, levels, strict=True):
        ax.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="guessing")
        for name, key, values, colour, line in (
            ("area alone", f"{level}_area_auc", area, ORANGE, "--"),
            ("network", f"{level}_auc", score, BLUE, "-"),
        ):
            curve = roc_curve(y, values)
            ax.plot(
                curve.false_positive_rate, curve.true_positive_rate, color=colour, linestyle=line,
                lw=2, label=f"{name}: AUC {found[key]}",
            )  # fmt: skip
        ax.set_title(f"a {level}: {len(y)}, of them {int(y.sum())} malignant")
        ax.set_xlabel("false positive rate (1 - specificity)")
        ax.set_ylabel("true positive rate (sensitivity)")
        ax.set_aspect("equal")
        ax.grid(alpha=0.3)
        ax.legend(loc="lower right", fontsize=9)
    fig.savefig(path, dpi=DPI)


def diameters(
    true: np.ndarray, estimated: Mapping[str, np.ndarray], found: Mapping[str, Any], path: Path,
    note: str,
) -> None:  # fmt: skip
    """Draw estimated against true diameters, a point a slice, for each way to estimate."""
    fig, axes = _figure(len(estimated), note)
    for ax, (name, values), colour in zip(axes, estimated.items(), (BLUE, ORANGE), strict=False):
        ends = [0.0, 1.05 * max(true.max(), *(v.max() for v in estimated.values()))]
        ax.plot(ends, ends, color=GREY, linestyle=":", label="right")
        mae, r2 = found[f"diameter_{name}_mae_mm"], found[f"diameter_{name}_r2"]
        label = f"mean absolute error {mae.value:.2f} mm\n$R^2$ = {r2.value:.3f}"
        ax.scatter(true, values, s=14, color=colour, alpha=0.55, linewidths=0, label=label)
        ax.set(xlabel="true diameter (mm)", ylabel="estimated diameter (mm)", xlim=ends, ylim=ends)
        ax.set_title(f"{TITLES[name]}, {len(true)} slices")
        ax.set_aspect("equal")
        ax.grid(alpha=0.3)
        ax.legend(loc="upper left", fontsize=9)
    fig.savefig(path, dpi=DPI)


def _figure(panels: int, note: str) -> tuple[Any, list[Any]]:
    fig: Any = Figure(figsize=(5.0 * panels, 5.7), dpi=DPI, layout="constrained", facecolor="white")
    fig.supxlabel(note.replace("$", r"\$"), fontsize=9, color=GREY)
    return fig, list(fig.subplots(1, panels, squeeze=False).ravel())
