"""The picture of `ladder.py`: how far each rung is from what the machine could do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {"loops": "#E69F00", "NumPy": "#009E73", "kernels": "#0072B2"}
GREY = "#666666"


def draw(rows: list[dict[str, Any]], note: str, path: Path) -> None:
    """Write a dot for each rung: its time over the predicted one, at the small and a large size."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if row["predicted"]]  # flattening needs no time at all
    titles = list(dict.fromkeys(row["title"] for row in rows))[::-1]
    height = 1.9 + 0.21 * len(titles)
    fig = Figure(figsize=(11, height), dpi=110, facecolor="white")
    axes = fig.subplots(1, 2, sharey=True)
    fig.subplots_adjust(0.22, 0.95 / height, 0.98, 1 - 0.75 / height, wspace=0.05)
    fig.suptitle("Time over the time predicted from operations and bytes", x=0.02, ha="left")
    largest = {row["title"]: row["shape"] for row in rows if not row["small"]}
    panels = (
        ("small: a call costs more than its work", [row for row in rows if row["small"]]),
        ("large", [row for row in rows if row["shape"] == largest.get(row["title"])]),
    )
    for ax, (title, shown) in zip(axes, panels, strict=True):
        _panel(ax, titles, shown)
        ax.set_title(title, loc="left", fontsize=10)
    axes[0].set_yticks(range(len(titles)), titles, fontsize=8)
    axes[0].set_ylim(-0.8, len(titles) - 0.2)
    axes[1].legend(loc="upper left", bbox_to_anchor=(0.35, 1 + 0.55 / height), ncols=3, fontsize=8)
    fig.text(0.02, 0.12 / height, note, fontsize=7, color=GREY)
    fig.savefig(path)


def _panel(ax: Any, titles: list[str], rows: list[dict[str, Any]]) -> None:
    for place, title in enumerate(titles):
        over = {
            row["rung"]: row["seconds"]["median"] / row["predicted"]
            for row in rows
            if row["title"] == title and row["seconds"]
        }
        if over:
            ends = min(over.values()), max(over.values())
            ax.plot(ends, (place, place), color="#CCCCCC", linewidth=2, zorder=1)
        for rung, value in over.items():
            ax.plot(value, place, "o", color=COLOURS[rung], markersize=5, zorder=2)
    for rung, colour in COLOURS.items():
        ax.plot([], [], "o", color=colour, label=rung)
    ax.axvline(1, color=GREY, linewidth=1)
    ax.set_xscale("log")
    ax.grid(axis="x", color="#EEEEEE")
    ax.set_axisbelow(True)
    ax.set_xlabel("measured over predicted (1: the machine's limit)", fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
