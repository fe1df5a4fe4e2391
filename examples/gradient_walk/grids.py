"""Pictures made of numbered grids: which number goes where, in convolution and in pooling.

Each picture is one sheet measured in cells, x to the right and y down; a grid is put in its
place by its upper left corner.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

from .bars import BLUE, DPI, GREY, ORANGE, RED, new_figure
from .convolution import flip

GREEN, PURPLE = "#009E73", "#CC79A7"
CELL = 0.5  # inches


def sheet(width: float, height: float, title: str) -> tuple[Any, Any]:
    """Return a figure with one empty plane of width by height cells."""
    fig = new_figure(CELL * width, CELL * height + 0.5)
    ax = fig.subplots()
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_aspect("equal")
    ax.axis("off")
    fig.suptitle(title, fontsize=15)
    return fig, ax


def write(ax: Any, x: float, y: float, text: str, **look: Any) -> None:
    """Write a line, by default centred and small."""
    ax.text(x, y, text, zorder=4, **{"ha": "center", "va": "center", "fontsize": 10, **look})


def grid(
    ax: Any, x: float, y: float, a: Any, title: str, decimals: int = 1, faint: Any = None
) -> None:
    """Draw a matrix as numbers in cells; those that are `faint` are grey."""
    whole = bool(np.all(a == np.round(a)))
    for r, q in np.ndindex(*a.shape):
        pale = faint is not None and faint[r, q]
        fill = "#F4F4F4" if pale else "white"
        ax.add_patch(Rectangle((x + q, y + r), 1, 1, fc=fill, ec=GREY, lw=0.8))
        text = number(a[r, q], 0 if whole or pale else decimals)
        write(ax, x + q + 0.5, y + r + 0.5, text, color="#999999" if pale else "black")
    write(ax, x + a.shape[1] / 2, y - 0.5, title, fontsize=11)


def mark(ax: Any, x: float, y: float, w: float, h: float, color: str, **look: Any) -> None:
    """Shade and frame w by h cells."""
    ax.add_patch(Rectangle((x, y), w, h, fc=color, alpha=0.22, lw=0, zorder=2))
    look = {"lw": 2.6, **look}
    ax.add_patch(Rectangle((x, y), w, h, fill=False, ec=color, zorder=3, **look))


def arrow(ax: Any, x: float, y: float, length: float, text: str) -> None:
    """Draw an arrow to the right, and say above it what happens."""
    ax.add_patch(
        FancyArrowPatch((x, y), (x + length, y), arrowstyle="-|>", mutation_scale=16, color=GREY)
    )
    write(ax, x + length / 2, y - 0.4, text, color=GREY)


def origin(ax: Any, x: float, y: float, flipped: bool) -> None:
    """Write into each cell of a filter of 3x3 which of its weights stands there."""
    for r, q in np.ndindex(3, 3):
        u, v = (2 - r, 2 - q) if flipped else (r, q)
        write(ax, x + q + 0.5, y + r + 0.19, f"w[{u},{v}]", fontsize=6.5, color=GREY)


def terms(weights: Any, numbers: Any) -> str:
    """Write out the sum of products, without those that are zero."""
    pairs = zip(np.ravel(weights), np.ravel(numbers), strict=True)
    return " + ".join(f"{_factor(w)}·{_factor(v)}" for w, v in pairs if w and v)


def _factor(v: float) -> str:
    return f"{v:g}" if v >= 0 else f"(−{-v:g})"


def number(v: float, decimals: int = 1) -> str:
    """Return a number as text, with a minus sign instead of a hyphen, and none before 0."""
    text = f"{v:.{decimals}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "−")


def draw_convolution(s: Any, path: Path) -> None:
    """Draw one output, one pixel's gradient and one weight's gradient, with their sums."""
    fig, ax = sheet(23, 25.6, "Convolution: what is multiplied and added for one result")
    _one_output(ax, 1.2, s, i=1, j=0)
    _one_pixel(ax, 9.0, s, r=1, q=3)
    _one_weight(ax, 19.0, s, u=0, v=2)
    fig.savefig(path, format="png", dpi=DPI)


def _row(ax: Any, y: float, left: Any, titles: Any, middle: Any, right: Any, faint: Any) -> Any:
    """Draw three grids side by side, centred on one line; return their upper left corners."""
    corners = [
        (start + (7 - a.shape[1]) / 2, y + (len(left) - len(a)) / 2)
        for start, a in ((0.5, left), (8.5, middle), (15.5, right))
    ]
    for (x, top), a, title, pale in zip(
        corners, (left, middle, right), titles, (faint, None, None), strict=True
    ):
        grid(ax, x, top, a, title, faint=pale)
    arrow(ax, 7.9, y + len(left) / 2, 1.9, "multiply")
    arrow(ax, 14.0, y + len(left) / 2, 2.0, "add")
    return corners


def _one_output(ax: Any, y: float, s: Any, i: int, j: int) -> None:
    """(C1): the filter lies on the window as it is."""
    titles = (f"(C1)  x, the window of y[{i},{j}]", "w, as it is", "y")
    (x0, y0), (x1, y1), (x2, y2) = _row(ax, y, s.x, titles, s.w, s.y, None)
    origin(ax, x1, y1, flipped=False)
    mark(ax, x0 + j, y0 + i, 3, 3, BLUE)
    mark(ax, x1, y1, 3, 3, BLUE)
    mark(ax, x2 + j, y2 + i, 1, 1, BLUE)
    products = terms(s.w, s.x[i : i + 3, j : j + 3])
    text = f"y[{i},{j}]  =  b + sum  =  {s.b.item():g} + {products}  =  {number(s.y[i, j], 0)}"
    write(ax, 11.5, y + 5.6, text, color=BLUE)


def _one_pixel(ax: Any, y: float, s: Any, r: int, q: int) -> None:
    """(C2): the pixel gathers from all windows that it lies in, by the filter turned around."""
    padded, ring = np.pad(s.dy, 2), np.pad(np.zeros_like(s.dy), 2, constant_values=1) > 0
    titles = (f"(C2)  dy among zeros, what pixel ({r},{q}) gathers", "w, turned by 180°", "dx")
    (x0, y0), (x1, y1), (x2, y2) = _row(ax, y, padded, titles, flip(s.w), s.dx, ring)
    origin(ax, x1, y1, flipped=True)
    mark(ax, x0 + q, y0 + r, 3, 3, ORANGE)
    mark(ax, x1, y1, 3, 3, ORANGE)
    mark(ax, x2 + q, y2 + r, 1, 1, ORANGE)
    why = f"y[i,j] sees pixel ({r},{q})\nthrough w[{r}−i, {q}−j]:\n"
    why += "as i goes up,\nits index goes down"
    write(ax, x1 + 1.5, y1 + 4.2, why, color=GREY)
    products = terms(flip(s.w), padded[r : r + 3, q : q + 3])
    write(
        ax, 11.5, y + 7.6, f"dx[{r},{q}]  =  {products}  =  {number(s.dx[r, q])}", color="#9A6A00"
    )


def _one_weight(ax: Any, y: float, s: Any, u: int, v: int) -> None:
    """(C3): the weight gathers from all places that it lay on."""
    titles = (f"(C3)  x, what w[{u},{v}] lay on", "dy, as it is", "dw")
    (x0, y0), (x1, y1), (x2, y2) = _row(ax, y, s.x, titles, s.dy, s.dw, None)
    mark(ax, x0 + v, y0 + u, 3, 3, GREEN)
    mark(ax, x1, y1, 3, 3, GREEN)
    mark(ax, x2 + v, y2 + u, 1, 1, GREEN)
    products = terms(s.dy, s.x[u : u + 3, v : v + 3])
    write(
        ax, 11.5, y + 5.6, f"dw[{u},{v}]  =  {products}  =  {number(s.dw[u, v])}", color="#00654A"
    )


WINDOWS = [  # of 3x3, two pixels apart: place, colour, line
    ((0, 0), BLUE, "-"),
    ((0, 1), ORANGE, "--"),
    ((1, 0), GREEN, "-."),
    ((1, 1), PURPLE, ":"),
]


def draw_pooling(s: Any, path: Path) -> None:
    """Draw the windows, their winners, and where the gradient goes."""
    fig, ax = sheet(22, 15.6, "Pooling with windows of 3x3, two pixels apart: overlaps add")
    _max_row(ax, 1.2, s)
    _lower_row(ax, 9.4, s)
    fig.savefig(path, format="png", dpi=DPI)


def _max_row(ax: Any, y: float, s: Any) -> None:
    """The windows on x, dy with one number for each, and dx at the winners."""
    grid(ax, 1, y, s.x, "(P1)  x, four windows, their winners")
    for (i, j), color, line in WINDOWS:
        gap = 0.07 + 0.05 * (i + 2 * j)  # a little apart, so that all four lines are seen
        corner, side = (1 + 2 * j + gap, y + 2 * i + gap), 3 - 2 * gap
        frame = Rectangle(corner, side, side, fill=False, ec=color, ls=line, lw=2.4, zorder=3)
        ax.add_patch(frame)
    _winners(ax, 1, y, s)
    grid(ax, 9.8, y + 1.5, s.dy, "dy, one for each window")
    for (i, j), color, line in WINDOWS:
        mark(ax, 9.8 + j + 0.06, y + 1.5 + i + 0.06, 0.88, 0.88, color, ls=line)
    arrow(ax, 12.6, y + 2.5, 2.4, "to the winner")
    grid(ax, 16, y, s.dx, "(P2)  dx of max pooling", faint=s.dx == 0)
    _winners(ax, 16, y, s)
    both = " + ".join(_factor(v) for v in s.dy[0])
    write(ax, 18.5, y + 5.6, f"dx[1,2]  =  {both}  =  {number(s.dx[1, 2])}")
    write(ax, 18.5, y + 6.2, "24 has won two windows: their gradients add")


def _winners(ax: Any, x: float, y: float, s: Any) -> None:
    """Shade the winners in their windows' colours; a shared one is cut in two."""
    rows, columns = s.winners
    for r, q in {(int(a), int(b)) for a, b in zip(rows.flat, columns.flat, strict=True)}:
        colors = [c for (place, c, _) in WINDOWS if (rows[place], columns[place]) == (r, q)]
        w = 1 / len(colors)
        for k, color in enumerate(colors):
            part = Rectangle((x + q + k * w, y + r), w, 1, fc=color, alpha=0.4, lw=0, zorder=2)
            ax.add_patch(part)
        ax.add_patch(Rectangle((x + q, y + r), 1, 1, fill=False, ec="black", lw=1.6, zorder=3))


def _lower_row(ax: Any, y: float, s: Any) -> None:
    """The usual mistake, how often a pixel is covered, and the gradient of the average."""
    covered = np.zeros((5, 5))
    for i, j in np.ndindex(2, 2):
        covered[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += 1
    grid(ax, 1, y, s.overwritten, "wrong: written over, not added", faint=s.overwritten == 0)
    mark(ax, 3, y + 1, 1, 1, RED)
    kept = f"{number(s.overwritten[1, 2])} from the last window, not {number(s.dx[1, 2])}"
    write(ax, 3.5, y + 5.6, kept, color="#A34700")
    grid(ax, 8.5, y, covered, "how many windows cover a pixel")
    grid(ax, 16, y, s.average_dx, "(P4)  dx of average pooling", decimals=2)
    for x, color in ((8.5, GREY), (16, BLUE)):
        mark(ax, x, y + 2, 5, 1, color, lw=1.2)
        mark(ax, x + 2, y, 1, 5, color, lw=1.2)
    write(ax, 18.5, y + 5.6, "a ninth of dy, from every window that covers")
