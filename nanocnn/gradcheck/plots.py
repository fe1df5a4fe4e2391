"""Pictures of a report: analytic against numeric, and the error against the step size."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nanocnn.gradcheck.report import Report, Row

# Blue and orange (Okabe and Ito) differ for colour-blind readers; the markers differ as well.
BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#C1121F", "#666666"
_LOOKS: dict[str, dict[str, Any]] = {
    "central differences": {"color": BLUE, "marker": "o"},
    "complex step": {"color": ORANGE, "marker": "s"},
}
_LEAST = 1e-17  # an error of 0 is drawn here


def draw(report: Report, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw two panels for each gradient of the report; see `Report.plot`."""
    from matplotlib.figure import Figure

    rows = [row for row in report.rows if row.values.size]
    if not rows:
        raise ValueError(f"{report.title}: no gradient was compared, so there is nothing to draw")
    height = 2.9 * len(rows) + 0.5
    fig = Figure(figsize=(9.2, height), dpi=100, facecolor="white")
    axes = fig.subplots(len(rows), 2, squeeze=False)
    for row, (left, right) in zip(rows, axes, strict=True):
        _scatter(left, row)
        _steps(right, row)
    fig.subplots_adjust(
        left=0.1, right=0.97, bottom=0.55 / height, top=1 - 0.75 / height, hspace=0.55, wspace=0.27
    )
    title = report.title if len(report.title) < 100 else report.title[:97] + "..."
    fig.suptitle(title, x=0.02, y=1 - 0.12 / height, ha="left", va="top", fontsize=10, wrap=True)
    if path is not None:
        fig.savefig(path)
    return fig


def _scatter(ax: Any, row: Row) -> None:
    """Draw one point for each probed element; right ones lie on the diagonal."""
    analytic, numeric = row.values
    finite = np.isfinite(row.values).all(axis=0)
    every = row.values[:, finite]
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    room = 0.06 * ((high - low) or 1.0)
    ends = [low - room, high + room]
    ax.plot(ends, ends, color=GREY, linewidth=0.8, zorder=1)
    colour = BLUE if row.passed else RED
    marker = "o" if row.passed else "x"
    ax.scatter(
        numeric[finite], analytic[finite], s=18, color=colour, marker=marker, alpha=0.7, zorder=2
    )
    ax.set_xlim(ends)
    ax.set_ylim(ends)
    ax.set_xlabel(f"numeric ({row.method})", fontsize=8)
    ax.set_ylabel("analytic (backward)", fontsize=8)
    verdict = "passed" if row.passed else "FAILED"
    ax.set_title(f"{row.name}: {verdict}, error {row.error:.1e}", fontsize=9, loc="left")
    if not finite.all():
        ax.text(0.03, 0.92, f"{(~finite).sum()} not finite", transform=ax.transAxes, color=RED)
    ax.tick_params(labelsize=7)
    ax.grid(alpha=0.25)


def _steps(ax: Any, row: Row) -> None:
    """Draw the error against the step size, and the tolerance."""
    for curve in row.trace() if row.trace is not None else []:
        errors = np.where(np.isfinite(curve.errors), np.maximum(curve.errors, _LEAST), np.nan)
        ax.loglog(
            curve.steps,
            errors,
            markersize=3.5,
            linewidth=1.1,
            label=curve.method,
            **_LOOKS[curve.method],
        )
    ax.axhline(row.tolerance, color=GREY, linestyle="--", linewidth=0.8)
    ax.text(1.5e-14, row.tolerance * 1.6, f"tolerance {row.tolerance:.0e}", fontsize=7, color=GREY)
    ax.set_ylim(_LEAST / 3, 30)
    ax.set_xlim(3e-15, 3)
    ax.set_xlabel("step size h", fontsize=8)
    ax.set_ylabel("relative error", fontsize=8)
    ax.set_title(f"{row.name}: error along one direction", fontsize=9, loc="left")
    ax.legend(fontsize=7, loc="upper center", framealpha=0.9)
    ax.tick_params(labelsize=7)
    ax.grid(alpha=0.25)
