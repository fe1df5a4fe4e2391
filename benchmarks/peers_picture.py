"""The picture of `peers.py`: how much of the fastest peer's time nanocnn needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#666666"


def draw(rows: list[dict[str, Any]], note: str, path: Path) -> None:
    """Write one bar for each workload: nanocnn's time over that of the fastest peer."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if row["ratio"]]
    if not rows:
        return
    height = 1.6 + 0.3 * len(rows)
    fig = Figure(figsize=(9, height), dpi=120, facecolor="white")
    ax = fig.add_axes((0.3, 0.75 / height, 0.62, 1 - 1.35 / height))
    places = list(range(len(rows)))[::-1]
    ratios = [row["ratio"] for row in rows]
    colours = [BLUE if ratio <= 1 else ORANGE for ratio in ratios]
    ax.barh(places, ratios, color=colours, height=0.7)
    ax.axvline(1, color=GREY, linewidth=1)
    end = 1.5 * max(1.0, *ratios)
    for place, row in zip(places, rows, strict=True):
        told = f"{row['ratio']:.2f} of {row['fastest peer']}"
        ax.text(
            row["ratio"] + 0.01 * end, place, told, va="center", fontsize=8, backgroundcolor="white"
        )
    ax.set_yticks(places, [row["workload"] for row in rows], fontsize=8)
    ax.set_xlim(0, end)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlabel("nanocnn's time over the fastest peer's (less is faster; orange: a peer wins)")
    ax.set_title("nanocnn beside its peers", loc="left")
    fig.text(0.02, 0.06 / height, note, fontsize=6, color=GREY)
    fig.savefig(path)
