"""Pictures made of bars and points: all verdicts, softmax's gradient, analytic against numeric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .ledger import CORRECTED, PRINTED, SLIP, Verdict

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, ORANGE, SKY, RED, GREY = "#0072B2", "#E69F00", "#56B4E9", "#D55E00", "#666666"
COLORS = {PRINTED: RED, SLIP: ORANGE, CORRECTED: BLUE}
DPI = 120
LEAST, MOST = 1e-18, 1e3  # the axis of relative errors; an error of 0 is drawn at its left end


def new_figure(width: float, height: float) -> Any:
    """Return a figure that belongs to nobody: no window opens, no global state changes."""
    figure: Any = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return figure


def draw_formulas(verdicts: Sequence[Verdict], path: Path) -> None:
    """Draw the error of every formula on a logarithmic axis, beside the tolerance."""
    fig = new_figure(15, 10)
    left, right = fig.subplots(1, 2)
    _bars(left, [v for v in verdicts if v.section <= 4])
    _bars(right, [v for v in verdicts if v.section > 4])
    left.set_title("The dense layer and the article's formulas", fontsize=12, pad=10)
    right.set_title("Convolution, pooling, softmax", fontsize=12, pad=10)
    handles = [left.barh([0], [0], color=color, label=kind) for kind, color in COLORS.items()]
    handles += left.plot([], [], "|", color="black", ms=10, mew=2, label="tolerance of the check")
    fig.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=11)
    fig.supxlabel("worst relative error of the gradient (logarithmic)", fontsize=11)
    fig.savefig(path, format="png", dpi=DPI)


def _bars(ax: Any, verdicts: Sequence[Verdict]) -> None:
    """Draw one panel: a heading for each quantity, below it a bar for each way to write it."""
    y, names, places = 0.0, [], []
    for k, v in enumerate(verdicts):
        if k == 0 or v.quantity != verdicts[k - 1].quantity:
            y += 0.35 if k else 0
            ax.text(
                -0.01, y, v.quantity, transform=ax.get_yaxis_transform(), ha="right", va="center",
                fontsize=9.5, fontweight="bold",
            )  # fmt: skip
            y += 1
        error = v.error if math.isfinite(v.error) else MOST
        ax.barh(y, max(error, LEAST * 1.3), left=0, height=0.74, color=COLORS[v.written])
        text = f"{v.error:.1e}" if math.isfinite(v.error) else "wrong shape"
        if math.isfinite(v.error):
            ax.plot(v.tolerance, y, "|", color="black", ms=8, mew=2)
            ax.text(max(error, LEAST * 1.3) * 1.6, y, text, va="center", fontsize=8)
        else:
            ax.text(1, y, text, va="center", ha="right", fontsize=8)
        names.append(_plain(v))
        places.append(y)
        y += 1
    ax.set_xscale("log")
    ax.set_xlim(LEAST, MOST)
    ax.set_ylim(y - 0.3, -0.7)
    ax.set_yticks(places, names, fontsize=8, family="monospace")
    ax.set_xticks([10.0**e for e in range(-18, 1, 3)])
    ax.minorticks_off()
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _plain(v: Verdict) -> str:
    """Return the line of code, its tags in front of it: they end the comment."""
    code, _, comment = v.code.partition("  # ")
    return f"{code}   {comment}" if comment else code


def draw_softmax(shown: Any, path: Path) -> None:
    """Draw p, q and p - q of the two images that the walk prints."""
    fig = new_figure(10.5, 7)
    axes = fig.subplots(2, len(shown.p), sharey="row")
    k = np.arange(shown.p.shape[1])
    for n in range(len(shown.p)):
        above, below = axes[0, n], axes[1, n]
        _labelled(above, k - 0.2, shown.p[n], BLUE, "p, the probabilities", "")
        _labelled(above, k + 0.2, shown.q[n], ORANGE, "q, the target", "//")
        above.set_ylim(0, 1.4)
        above.set_xticks(k, [])
        above.set_title(f"image {n + 1}, true class {int(shown.q[n].argmax())}", fontsize=12)
        _labelled(below, k, shown.p[n] - shown.q[n], SKY, "p - q", "")
        below.axhline(0, color="black", lw=0.8)
        below.set_ylim(-1.1, 1.1)
        below.set_xticks(
            k, [f"class {c}\nz = {z + 0.0:.2f}" for c, z in zip(k, shown.z[n], strict=True)]
        )
        for ax in (above, below):
            ax.set_xlim(-0.6, len(k) - 0.4)
            ax.grid(axis="y", alpha=0.3)
            ax.set_axisbelow(True)
    axes[0, 0].set_ylabel("probability  (S1)")
    axes[1, 0].set_ylabel("p - q, which is N dL/dz  (L2)")
    axes[0, 0].legend(loc="upper left", ncols=2, fontsize=9)
    fig.suptitle("Softmax with cross-entropy: the gradient is what p has too much of", fontsize=13)
    fig.supxlabel(
        "The bars of p - q add up to 0. A step against them raises the score of the true class "
        "and lowers all others.", fontsize=10, color=GREY,
    )  # fmt: skip
    fig.savefig(path, format="png", dpi=DPI)


def _labelled(ax: Any, x: Any, heights: Any, color: str, label: str, hatch: str) -> None:
    """Draw bars with their numbers at the free end."""
    width = 0.38 if label != "p - q" else 0.5
    bars = ax.bar(
        x, heights, width, color=color, edgecolor="black", label=label, hatch=hatch, lw=0.8
    )
    ax.bar_label(bars, [f"{h:.2f}" for h in heights], padding=3, fontsize=9)


def draw_scatter(found: dict[str, tuple[Any, Any, Any]], path: Path) -> None:
    """Draw the printed and the corrected gradient against differences, element by element."""
    fig = new_figure(13, 4.8)
    for ax, (quantity, (numeric, printed, corrected)) in zip(
        fig.subplots(1, len(found)), found.items(), strict=True
    ):
        reach = 1.15 * max(np.abs(a).max() for a in (numeric, printed, corrected))
        ax.plot([-reach, reach], [-reach, reach], color=GREY, lw=1, zorder=1, label="equal")
        style = {"ls": "", "ms": 7}
        ax.plot(
            numeric.ravel(), corrected.ravel(), "o", mfc="none", mec=BLUE, mew=1.8, **style,
            label="corrected",
        )  # fmt: skip
        ax.plot(
            numeric.ravel(), printed.ravel(), "x", color=RED, mew=1.8, **style, label="as printed"
        )
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-reach, reach)
        ax.set_aspect("equal")
        ax.grid(alpha=0.3)
        ax.set_title(quantity, fontsize=12)
        ax.set_xlabel("central difference")
        ax.set_ylabel("formula")
        ax.legend(loc="upper left", fontsize=9)
    fig.suptitle(
        "The article's formulas (5), (6), (7) against numbers found without any formula",
        fontsize=13,
    )
    fig.savefig(path, format="png", dpi=DPI)
