"""Parallel coordinates: each trial is a line through its values to its score."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .space import integer, log_uniform
from .trials import show

if TYPE_CHECKING:
    from .trials import Trial, Tuning

GREY, DARK = "#8A8A8A", "#333333"
WIDTHS, STRENGTHS = (0.9, 2.6), (0.4, 1.0)  # of lines: the first rung's, and the last one's


class Axis(NamedTuple):
    """A vertical axis: where values are, from 0 to 1, and what is written beside it."""

    title: str
    heights: dict[int, float]  # by the trial's number
    ticks: list[tuple[float, str]]


def draw(result: Tuning, path: str | os.PathLike[str]) -> None:
    """Write the picture; see `Tuning.figure`."""
    from matplotlib.figure import Figure  # here: `import nanocnn` must not load matplotlib

    scored = [t for t in result.trials if t.score is not None]
    axes = [value_axis(name, given, result.trials) for name, given in result.space.items()]
    score = score_axis(result.monitor, scored)
    fig: Any = Figure(figsize=(2.4 + 1.55 * len(axes), 4.6), dpi=120, layout="constrained",
                      facecolor="white")  # fmt: skip
    ax = fig.add_subplot()
    ax.set(xlim=(-0.35, len(axes) + 0.55), ylim=(-0.05, 1.13))
    ax.axis("off")
    colours = _colours(scored, result.mode)
    rungs = sorted({t.epochs for t in result.trials})
    for trial in reversed(result.trials):  # the best last, above the others
        heights = [axis.heights[trial.number] for axis in axes]
        if trial.score is None:
            # An end in the open, a third of the way: no height on the last axis.
            _line(ax, heights, 1.0, GREY, 0.7, "--", stub=True)
            continue
        strength = (rungs.index(trial.epochs) + 1) / len(rungs)
        width, alpha = (a + (b - a) * strength for a, b in (WIDTHS, STRENGTHS))
        heights.append(score.heights[trial.number])
        _line(ax, heights, width, colours[trial.number], alpha, "-")
    for k, axis in enumerate([*axes, score]):
        _draw_axis(ax, k, axis)
    _title(fig, result, rungs)
    fig.savefig(path, format="png", dpi=120)


def value_axis(name: str, given: Any, trials: tuple[Trial, ...]) -> Axis:
    """Return the axis of a hyper-parameter: its choices, or its range."""
    if isinstance(given, list):
        places = np.linspace(0, 1, len(given)) if len(given) > 1 else np.array([0.5])
        heights = {t.number: float(places[given.index(t.values[name])]) for t in trials}
        step = -(-len(given) // 12)  # so many names have room
        ticks = [(float(p), show(v)) for p, v in zip(places, given, strict=True)][::step]
        return Axis(name, heights, ticks)
    log = isinstance(given, log_uniform)
    low, high = (np.log(v) if log else float(v) for v in (given.low, given.high))

    def height(value: float) -> float:
        return float(((np.log(value) if log else value) - low) / (high - low))

    marks = _marks(given.low, given.high, log, isinstance(given, integer))
    heights = {t.number: height(t.values[name]) for t in trials}
    title = f"{name}\n(log scale)" if log else name
    return Axis(title, heights, [(height(v), f"{v:g}") for v in marks])


def score_axis(monitor: str, scored: list[Trial]) -> Axis:
    """Return the last axis, from the lowest score to the highest."""
    values = [float(t.score) for t in scored if t.score is not None]
    if not values:
        return Axis(monitor, {}, [])
    low, high = min(values), max(values)
    if low == high:
        return Axis(monitor, {t.number: 0.5 for t in scored}, [(0.5, f"{low:.4g}")])
    heights = {t.number: (v - low) / (high - low) for t, v in zip(scored, values, strict=True)}
    marks = _marks(low, high, log=False, whole=False)
    return Axis(monitor, heights, [((v - low) / (high - low), f"{v:.4g}") for v in marks])


def _marks(low: float, high: float, log: bool, whole: bool) -> list[float]:
    """Return where an axis is marked: both ends, and round numbers that are not too near them."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    locator: Any = LogLocator(numticks=8) if log else MaxNLocator(5, integer=whole)
    found = np.asarray(locator.tick_values(low, high), np.float64)
    found = found[(found > low) & (found < high)]
    a, b, at = (np.log(v) if log else v for v in (low, high, found))
    share = (at - a) / (b - a)
    return [low, *found[(share > 0.07) & (share < 0.93)].tolist(), high]


def _colours(scored: list[Trial], mode: str) -> dict[int, Any]:
    """Return a colour by rank, the best darkest: one outlier then does not make all others alike.

    The yellow end of the map is left out: it can hardly be seen on white.
    """
    from matplotlib import colormaps

    sign = 1 if mode == "max" else -1
    values = [sign * float(t.score) for t in scored if t.score is not None]
    order = sorted(set(values))
    cmap = colormaps["viridis"]
    share = [order.index(v) / max(len(order) - 1, 1) for v in values]
    return {t.number: cmap(0.75 * (1 - s)) for t, s in zip(scored, share, strict=True)}


def _line(
    ax: Any, heights: list[float], width: float, colour: Any, alpha: float, style: str,
    stub: bool = False,
) -> None:  # fmt: skip
    """Draw a smooth line through the axes, level at each, so that crossings can be followed."""
    xs, ys = [np.array([0.0])], [np.array([heights[0]])]
    ease = np.linspace(0, 1, 40)[1:]
    bend = ease * ease * (3 - 2 * ease)
    for k, (a, b) in enumerate(pairwise(heights)):
        xs.append(k + ease)
        ys.append(a + (b - a) * bend)
    if stub:
        xs.append(np.array([len(heights) - 0.7]))
        ys.append(np.array([heights[-1]]))
        ax.plot(xs[-1], ys[-1], "x", color=colour, markersize=5)
    ax.plot(np.concatenate(xs), np.concatenate(ys), style, color=colour, linewidth=width,
            alpha=alpha, solid_capstyle="round")  # fmt: skip


def _draw_axis(ax: Any, k: int, axis: Axis) -> None:
    ax.plot([k, k], [0, 1], color=DARK, linewidth=1.2, zorder=5)
    back = {"facecolor": "white", "alpha": 0.95, "edgecolor": "none", "pad": 0.8}
    for height, text in axis.ticks:
        ax.plot([k, k + 0.03], [height, height], color=DARK, linewidth=1.2, zorder=5)
        ax.text(k + 0.05, height, text.replace("$", r"\$"), fontsize=8, color=DARK,
                va="center", zorder=6, bbox=back)  # fmt: skip
    ax.text(k, 1.06, _wrap(axis.title), fontsize=9, ha="center", va="bottom", color="black")


def _wrap(title: str) -> str:
    """Break a long name at an underscore, so that neighbours do not touch."""
    first, *rest = title.split("\n")
    if len(first) > 14 and "_" in first[4:-4]:
        half = min(
            (i for i, c in enumerate(first) if c == "_"), key=lambda i: abs(2 * i - len(first))
        )
        first = f"{first[: half + 1]}\n{first[half + 1 :]}"
    return "\n".join([first, *rest]).replace("$", r"\$")


def _title(fig: Any, result: Tuning, rungs: list[int]) -> None:
    failed = sum(t.score is None for t in result.trials)
    text = f"{len(result.trials)} trials"
    text += f", {failed} failed (dashed)" if failed else ""
    fig.suptitle(text, fontsize=11)
    note = "darkest: best"
    if len(rungs) > 1:
        note += f"; strongest: {rungs[-1]} epochs, faintest: {rungs[0]}"
    fig.supxlabel(note, fontsize=9, color="#666666")
