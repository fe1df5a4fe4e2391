"""The picture of `accuracy.py`: each seed with its interval, beside targets and others' numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BLUE, GREY, RED = "#0072B2", "#666666", "#C00000"
NAMES = {"auc": "AUC", "dice": "Dice"}


def draw(found: list[tuple[Any, dict[int, Any]]], part: str, path: Path) -> None:
    """Write a panel for each data set and measure with a target.

    Parameters
    ----------
    found : list of (task, {seed: {measure: (value, low, high)}})
    part : str      "val" or "test"; targets and published numbers belong to the latter alone
    path : file to write
    """
    from matplotlib.figure import Figure

    panels = [
        (task, measure, {seed: run[measure] for seed, run in runs.items()})
        for task, runs in found
        for measure in task.targets
    ]
    rows = [
        len(values) + (len(task.published.get(measure, {})) if part == "test" else 0)
        for task, measure, values in panels
    ]
    height = 0.5 + sum(0.7 + 0.26 * n for n in rows)
    fig = Figure(figsize=(8, height), dpi=120, facecolor="white")
    top = height
    for (task, measure, values), n in zip(panels, rows, strict=True):
        top -= 0.4 + 0.26 * n
        ax = fig.add_axes((0.2, top / height, 0.75, 0.26 * n / height))
        top -= 0.3
        _panel(ax, task, measure, values, part)
    note = "95 % bootstrap intervals over the cases. For research and teaching; no medical device."
    fig.text(0.02, 0.12 / height, note, fontsize=7, color=GREY)
    fig.savefig(path)


def _panel(ax: Any, task: Any, measure: str, values: dict[int, Any], part: str) -> None:
    names = []
    for k, (seed, (value, low, high)) in enumerate(values.items()):
        ax.plot([low, high], [k, k], color=BLUE, linewidth=1.5)
        ax.plot(value, k, "o", color=BLUE, markersize=5)
        names.append(f"nanocnn, seed {seed}")
    title = f"{task.name}: {NAMES.get(measure, measure)} per {task.unit}, {part} part"
    if part == "test":
        for k, (name, value) in enumerate(task.published.get(measure, {}).items(), len(values)):
            ax.plot(value, k, "D", color=GREY, markersize=4)
            names.append(name)
        must, aim = task.targets[measure]
        ax.axvline(must, color=RED, linewidth=1, zorder=0)
        ax.axvline(aim, color=RED, linewidth=1, linestyle=":", zorder=0)
        title += "   (red: must; dotted: aim)"
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_title(title, loc="left", fontsize=9)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
