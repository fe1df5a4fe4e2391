"""The sheet that every picture is drawn on: its colours, its panels, its names, its file."""

from __future__ import annotations

import os
from typing import Any

BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#C1121F", "#666666"
_DPI = 120


def new_figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # here: `import nanocnn` must not load matplotlib

    fig: Any = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    fig.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return fig


def panels_of(fig: Any, rows: int, columns: int) -> list[Any]:
    return list(fig.subplots(rows, columns, squeeze=False).ravel())


def short_name(name: str, longest: int) -> str:
    """Shorten the name of a class; a bare number would read like a measurement."""
    return short_text(f"class {name}" if name.isdigit() else name, longest)


def short_text(text: str, longest: int) -> str:
    """Shorten a text from outside, and keep its dollar signs from being read as mathematics."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return short.replace("$", r"\$")


def save(fig: Any, path: str | os.PathLike[str], note: str | None) -> None:
    if note:
        fig.supxlabel(note.replace("$", r"\$"), fontsize=9, color=GREY)
    fig.savefig(path, format="png", dpi=_DPI)  # a bare Figure draws with Agg
