"""The picture of `asm.py`: what the instructions of each innermost loop are."""

from __future__ import annotations

from pathlib import Path

from .counts import KINDS
from .rows import Row

GREY, RED = "#666666", "#C00000"
COLOURS = {
    "fma": "#0072B2",
    "vector": "#56B4E9",
    "load": "#009E73",
    "broadcast": "#F0E442",
    "store": "#E69F00",
    "scalar": "#D55E00",
    "call": "#CC79A7",
    "other": "#D0D0D0",
}
NAMES = {
    "fma": "multiply-add",
    "vector": "other vector",
    "load": "vector load",
    "store": "vector store",
    "scalar": "scalar float",
    "other": "address, counter, jump",
}


def draw(rows: list[Row], widths: list[str], note: str, path: Path) -> None:
    """Write one bar for each loop, the shares of its kinds of instructions."""
    from matplotlib.figure import Figure

    if not rows:
        return
    height = 1.6 + 0.22 * len(rows)
    fig = Figure(figsize=(11, height), dpi=110, facecolor="white")
    ax = fig.add_axes((0.3, 0.8 / height, 0.46, 1 - 1.6 / height))
    places = range(len(rows))[::-1]
    left = [0.0] * len(rows)
    for kind in KINDS:
        shares = [100 * row.counts.kinds[kind] / row.counts.instructions for row in rows]
        label = NAMES.get(kind, kind)
        ax.barh(places, shares, left=left, color=COLOURS[kind], height=0.75, label=label)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    for place, row, width in zip(places, rows, widths, strict=True):
        told = f"{row.counts.instructions:>4} instructions, {width}"
        ax.text(101, place, told, va="center", fontsize=7, color=GREY)
        if row.counts.spills:
            told = f"{row.counts.spills} spill{'s' if row.counts.spills > 1 else ''}"
            ax.text(137, place, told, va="center", fontsize=7, color=RED)
    names = [f"{row.kernel}, line {row.line or '?'}, {row.role}" for row in rows]
    ax.set_yticks(places, names, fontsize=7)
    ax.set_xlim(0, 100)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlabel("share of the loop's instructions, percent", fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=8, fontsize=7, frameon=False,
              columnspacing=1, handlelength=1)  # fmt: skip
    fig.text(0.02, 1 - 0.3 / height, "Innermost loops of the kernels", fontsize=12)
    fig.text(0.02, 0.08 / height, note, fontsize=6, color=GREY)
    fig.savefig(path)
