"""The picture: a row for each step, a dot for each seed, and what the step brought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .compare import GAIN, WITHIN, WORSE, Row, title

DPI = 120
COLOURS = {"base": "#444444", GAIN: "#0072B2", WORSE: "#C1121F", WITHIN: "#707070"}


def draw(rows: list[Row], measure: str, path: Path, note: str | None) -> None:
    """Write the picture."""
    fig: Any = Figure(figsize=(10, 1.5 + 0.46 * len(rows)), dpi=DPI, layout="constrained",
                      facecolor="white")  # fmt: skip
    ax = fig.add_subplot()
    for y, row in enumerate(rows):
        colour = COLOURS[row.verdict]
        if row.before:  # what this step is added to
            ax.plot([np.mean(row.before)] * 2, [y - 0.5, y + 0.5], "--", color="#555555", lw=1)
        ax.plot(row.values, [y] * len(row.values), "o", color=colour, alpha=0.55, markersize=6)
        ax.plot([np.mean(row.values)] * 2, [y - 0.28, y + 0.28], "-", color=colour, lw=3)
    ax.set_yticks(range(len(rows)), [_label(row) for row in rows])
    for tick, row in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_color(COLOURS[row.verdict])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel(
        f"{title(measure)} on validation images: a dot for each seed, a bar for their mean;\n"
        "dashed: the mean of what the step is added to"
    )
    ax.grid(axis="x", color="#DDDDDD", lw=0.8)
    ax.set_axisbelow(True)
    right = ax.secondary_yaxis("right")
    right.set_yticks(range(len(rows)), [_gain(row) for row in rows])
    for tick, row in zip(right.get_yticklabels(), rows, strict=True):
        tick.set_color(COLOURS[row.verdict])
    for side in ax.spines, right.spines:
        for spine in side.values():
            spine.set_visible(False)
    for axis in ax, right:
        axis.tick_params(axis="y", length=0, labelsize=10)
    fig.suptitle("What each step brought" + (f"; {note}" if note else ""), fontsize=11)
    fig.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    fig.savefig(path, dpi=DPI)


def _label(row: Row) -> str:
    return f"+ {row.name}" if row.before else row.name


def _gain(row: Row) -> str:
    if not row.before:
        return f"mean {np.mean(row.values):.3f}"
    gain = f"{row.gain:+.3f}".replace("-", "−")
    return f"{gain} ± {row.spread:.3f}  {row.verdict}"
