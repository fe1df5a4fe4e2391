"""The picture of a learning-rate range test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .rate_range import RangeTest

BLUE, ORANGE, GREY = "#0072B2", "#B35900", "#8A8A8A"


def draw(result: RangeTest, path: str | os.PathLike[str]) -> None:
    """Write the picture; see `RangeTest.plot`."""
    from matplotlib.figure import Figure  # here: `import nanocnn` must not load matplotlib

    fig: Any = Figure(figsize=(6.4, 4.0), dpi=120, layout="constrained", facecolor="white")
    ax = fig.add_subplot()
    ax.plot(result.rates, result.losses, ".", color=GREY, markersize=4, label="loss of each batch")
    ax.plot(result.rates, result.smoothed, color=BLUE, linewidth=2, label="smoothed")
    best = result.best
    ax.plot(result.rates[best], result.smoothed[best], "o", color=BLUE, markersize=7,
            label=f"smallest, at {result.rates[best]:.1e}")  # fmt: skip
    if result.suggestion is not None:
        ax.axvline(result.suggestion, color=ORANGE, linestyle="--",
                   label=f"suggestion {result.suggestion:.1e}")  # fmt: skip
    # The last losses of a run that diverges would flatten all others.
    low, high = result.smoothed.min(), result.smoothed[: best + 1].max()
    low = min(low, float(np.min(result.losses[: best + 1])))
    room = (high - low) or abs(high) or 1.0
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss", title="Learning-rate range test",
           ylim=(low - 0.1 * room, high + 0.6 * room))  # fmt: skip
    ax.grid(alpha=0.3)
    ax.legend(loc="best", fontsize=9)
    fig.savefig(path, format="png", dpi=120)
