"""The picture of `scaling.py`: a panel for each series, both axes logarithmic."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#666666"


def draw(rows: list[dict[str, Any]], note: str, path: Path) -> None:
    """Write measured and predicted times, and the line that was fitted, for each row."""
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, NullLocator

    across = 4
    down = math.ceil(len(rows) / across)
    fig = Figure(figsize=(3.1 * across, 3.1 * down + 0.5), dpi=110, facecolor="white")
    fig.subplots_adjust(
        left=0.05, right=0.98, top=0.93, bottom=0.2 if down == 1 else 0.13, wspace=0.3, hspace=0.5
    )
    for k, row in enumerate(rows):
        ax = fig.add_subplot(down, across, k + 1)
        x, y = (np.array(row[key], float) for key in ("values", "seconds"))
        level = np.exp(np.mean(np.log(y)) - row["exponent"] * np.mean(np.log(x)))
        line = np.array([x.min(), x.max()])
        ax.plot(line, 1e3 * level * line ** row["exponent"], color=BLUE, linewidth=1)
        ax.plot(x, 1e3 * y, "o", color=BLUE, markersize=5, label="measured, fit")
        ax.plot(x, 1e3 * np.array(row["predicted"]), "s--", color=ORANGE, markersize=4,
                linewidth=1, label="predicted")  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_xticks(x, [f"{v:g}" for v in x], fontsize=8)
        lowest, highest = ax.get_ylim()
        ax.set_ylim(lowest / 1.3, highest * 1.3)
        ticks = [
            t * 10.0**e for e in range(-3, 6) for t in (1, 2, 5)
            if lowest / 1.3 <= t * 10.0**e <= highest * 1.3
        ]  # fmt: skip
        ax.set_yticks(ticks, [f"{t:g}" for t in ticks], fontsize=8)
        ax.set_title(
            f"{row['what']}\nexponent {row['exponent']:.2f} "
            f"(expected {row['expected'].split(':')[0]})",
            fontsize=9,
            loc="left",
        )
        ax.set_xlabel(row["grows"], fontsize=8)
        if k % across == 0:
            ax.set_ylabel("milliseconds", fontsize=8)
        if k == 0:
            ax.legend(fontsize=7, frameon=False)
    fig.text(0.02, 0.015, note, fontsize=6, color=GREY)
    fig.savefig(path)
