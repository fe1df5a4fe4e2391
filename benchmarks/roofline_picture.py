"""The picture of `roofline.py`: operations a second over operations a byte, below the two roofs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLOURS = {  # Okabe and Ito's, told apart by everyone
    "direct convolution": "#0072B2",
    "chosen path": "#D55E00",
    "1x1 convolution": "#56B4E9",
    "depthwise convolution": "#000000",
    "convolution and pooling": "#7CA800",
    "dense": "#009E73",
    "pooling": "#E69F00",
    "activation": "#CC79A7",
    "dropout": "#7F6000",
    "softmax": "#6A3D9A",
    "loss of pixels": "#1B7837",
    "optimizer": "#B2182B",
    "sums for the bias": "#888888",
    "augmentation": "#E0007A",
    "normalization": "#00C5C8",
}
MARKERS = {"forward": "o", "gradient for the input": "v", "gradient for the weights": "s"}
GREY = "#666666"
FONT = 7.5
LEFT, RIGHT = 0.235, 0.795  # between them are the points, beside them their names


def draw(rows: list[dict[str, Any]], note: str, path: Path, limits: tuple[float, float]) -> None:
    """Write the picture."""
    figure(rows, note, limits).savefig(path)


def figure(rows: list[dict[str, Any]], note: str, limits: tuple[float, float]) -> Any:
    """Return the picture; what is above the roof does with fewer operations than were counted."""
    from matplotlib.figure import Figure

    peak, bandwidth = limits[0] / 1e9, limits[1] / 1e9
    fig = Figure(figsize=(13, 8.6), dpi=110, facecolor="white")
    ax = fig.add_axes((0.055, 0.19, 0.935, 0.755))
    _axes(ax, rows, peak, bandwidth)
    for row in rows:
        ax.plot(
            row["intensity"],
            row["GFLOP/s"],
            MARKERS[which(row["kernel"])],
            color=COLOURS[row["family"]],
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            zorder=3,
        )
    sides: tuple[list[Any], list[Any]] = ([], [])
    for name, points in _named(rows).items():
        x = points[0]["intensity"]
        y = sorted(p["GFLOP/s"] for p in points)
        colour = COLOURS[points[0]["family"]]
        ax.plot((x, x), (y[0], y[-1]), color=colour, linewidth=1, zorder=2)
        sides[x > peak / bandwidth].append((y[len(y) // 2], x, name, colour))
    _names(ax, sides[0], LEFT - 0.015, "right")
    _names(ax, sides[1], RIGHT + 0.015, "left")
    _legend(fig, {row["family"] for row in rows})
    fig.text(0.01, 0.012, note, fontsize=7, color=GREY)
    return fig


def which(kernel: str) -> str:
    """Return the pass that a kernel belongs to: gradients of single arrays count as the input's."""
    if "_weight" in kernel or "_bias" in kernel:
        return "gradient for the weights"
    return "gradient for the input" if "_backward" in kernel else "forward"


def _named(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows by name: the passes of one convolution stand above each other."""
    named: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        named.setdefault(name_of(row), []).append(row)
    return named


def name_of(row: dict[str, Any]) -> str:
    """Return a short name: passes of one convolution share it, since they move the same arrays."""
    shape = re.sub(r" (N|groups)=\d+", "", row["shape"])
    if "->" in shape:
        short = {
            "direct convolution": "direct",
            "chosen path": "chosen",
            "1x1 convolution": "conv",
            "convolution and pooling": "pooled",
        }
        family = row["family"].removesuffix(" convolution")
        return f"{short.get(row['family'], family)} {shape}"
    window = f" {shape.split()[-1]}" if "/" in shape else ""
    columns = f" of {shape.split('x')[-1]}" if row["family"] == "softmax" else ""
    return f"{row['kernel']}{window}{columns}"


def _axes(ax: Any, rows: list[dict[str, Any]], peak: float, bandwidth: float) -> None:
    """Set logarithmic axes with room for the names on both sides, and draw the roofs."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low = 0.7 * min(row["intensity"] for row in rows)
    high = 1.5 * max(*(row["intensity"] for row in rows), peak / bandwidth)
    decades = (high / low) ** (1 / (RIGHT - LEFT))
    ax.set(xscale="log", yscale="log")
    ax.set_xlim(low * decades**-LEFT, high * decades ** (1 - RIGHT))
    ax.set_ylim(
        0.6 * min(row["GFLOP/s"] for row in rows),
        1.6 * max(peak, *(row["GFLOP/s"] for row in rows)),
    )
    ridge = peak / bandwidth
    ax.plot((low, ridge), (low * bandwidth, peak), "-", color=GREY, linewidth=1.5, zorder=1)
    ax.plot((ridge, high), (peak, peak), "-", color="#222222", linewidth=1.5, zorder=1)
    ax.xaxis.set_major_locator(LogLocator(numticks=20))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks([t for t in ax.get_xticks() if low <= t <= high])
    ax.minorticks_off()
    ax.grid(color="#EEEEEE")
    ax.set_axisbelow(True)
    ax.set_xlabel("operations a byte (every array read or written once)", fontsize=9)
    ax.set_ylabel("GFLOP/s", fontsize=9)
    ax.tick_params(labelsize=8)
    ax.set_title(
        f"Compiled kernels below the roof: {peak:.0f} GFLOP/s multiply-add peak, "
        f"{bandwidth:.1f} GB/s copy",
        loc="left",
        fontsize=11,
    )


def _names(ax: Any, named: list[Any], edge: float, align: str) -> None:
    """Write names in a column, in the order of their points' heights, each with a line to it."""
    to_axes = ax.transData + ax.transAxes.inverted()
    named = sorted(named)
    wanted = [to_axes.transform((x, y))[1] for y, x, _, _ in named]
    gap = 1.5 * FONT / 72 / (ax.get_position().height * ax.figure.get_figheight())
    for (y, x, name, colour), place in zip(named, spread(wanted, gap), strict=True):
        ax.annotate(
            name,
            (x, y),
            (edge, place),
            textcoords="axes fraction",
            ha=align,
            va="center",
            fontsize=FONT,
            color=colour,
            arrowprops={
                "arrowstyle": "-",
                "color": "#BBBBBB",
                "linewidth": 0.6,
                "relpos": (float(align == "right"), 0.5),  # from the end that faces the point
            },
        )


def spread(wanted: Sequence[float], gap: float, margin: float = 0.02) -> list[float]:
    """Move rising heights between 0 and 1 apart by at least `gap`, and as little as need be.

    Less k gaps, the k-th place must not be lower than the one before. Of such places those with the
    least sum of squared moves are means over runs of neighbours: whoever would stand too low joins
    the run below.
    """
    runs: list[tuple[float, int]] = []
    for k, height in enumerate(wanted):
        mean, count = height - k * gap, 1
        while runs and runs[-1][0] >= mean:
            below, many = runs.pop()
            mean, count = (below * many + mean * count) / (many + count), many + count
        runs.append((mean, count))
    high = 1 - margin - (len(wanted) - 1) * gap
    level = [min(max(mean, margin), high) for mean, count in runs for _ in range(count)]
    return [place + k * gap for k, place in enumerate(level)]


def _legend(fig: Any, families: set[str]) -> None:
    from matplotlib.lines import Line2D

    def mark(marker: str, colour: str, label: str) -> Line2D:
        return Line2D([], [], marker=marker, linestyle="", color=colour, label=label)

    at = {"loc": "upper left", "fontsize": 8}
    colours = [mark("o", colour, name) for name, colour in COLOURS.items() if name in families]
    fig.legend(handles=colours, bbox_to_anchor=(0.05, 0.125), ncols=5, **at)
    passes = [mark(marker, GREY, name) for name, marker in MARKERS.items()]
    fig.legend(handles=passes, bbox_to_anchor=(0.7, 0.125), **at)
