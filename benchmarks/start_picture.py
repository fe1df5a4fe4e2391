"""The pictures of `cold_start.py` and `memory_peak.py`: a panel of bars for each thing measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BLUE, GREY, LIGHT, RED = "#0072B2", "#666666", "#BBBBBB", "#C00000"


def draw(rows: list[dict[str, Any]], note: str, path: Path) -> None:
    """Write one panel for each kind of row, nanocnn in blue, its targets as strokes."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(row["what"] for row in rows))
    counts = [sum(row["what"] == kind for row in rows) for kind in kinds]
    height = 0.6 + sum(0.75 + 0.28 * n for n in counts)
    fig = Figure(figsize=(9, height), dpi=120, facecolor="white")
    top = height - 0.1
    for kind, n in zip(kinds, counts, strict=True):
        panel = 0.28 * n
        top -= 0.35 + panel
        ax = fig.add_axes((0.24, top / height, 0.7, panel / height))
        top -= 0.4
        _bars(ax, kind, [row for row in rows if row["what"] == kind])
    fig.text(0.02, 0.1 / height, note, fontsize=6, color=GREY, va="bottom")
    fig.savefig(path)


def _bars(ax: Any, kind: str, rows: list[dict[str, Any]]) -> None:
    end = 1.18 * max(v for row in rows for v in (row["quartiles"][1], row["must"] or 0))
    for place, row in enumerate(rows):
        ours = row["name"].startswith("nanocnn")
        low, high = row["quartiles"]
        ax.barh(place, row["median"], height=0.7, color=BLUE if ours else LIGHT)
        ax.plot([low, high], [place, place], color="black", linewidth=1)
        for target, dash in ((row["must"], "-"), (row["aim"], ":")):
            if target is not None:
                ax.plot([target] * 2, [place - 0.45, place + 0.45], color=RED, linestyle=dash)
        told = f"{row['median']:.3g}" if row["median"] < 100 else f"{row['median']:.0f}"
        near = [t for t in (row["must"], row["aim"]) if t is not None and t < high + 0.1 * end]
        ax.text(max(high, *near, 0) + 0.012 * end, place, told, va="center", fontsize=8)
    ax.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=8)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, end)
    ax.tick_params(axis="x", labelsize=7)
    targets = any(row["must"] for row in rows)
    ax.set_title(
        kind + ("   (red stroke: must stay below; dotted: the aim)" if targets else ""),
        loc="left",
        fontsize=9,
    )
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
