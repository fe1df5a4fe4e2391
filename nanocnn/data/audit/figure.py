"""An audit as one picture: class counts, sizes or intensities, and what is there twice."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .problems import class_name

if TYPE_CHECKING:
    from .report import AuditReport, Copies

# Okabe and Ito's colours, which can be told apart by colour-blind readers; and other hatches.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
RED, GREY = "#C1121F", "#666666"
_MARKERS = ("o", "s", "^", "D", "v", "P")
_PAIRS, _DPI, _SHOWN_SIZE = 6, 120, 192


def draw(report: AuditReport, path: str | os.PathLike[str]) -> None:
    """Write the picture; the images of the pairs are decoded once more."""
    from matplotlib.figure import Figure  # here: `import nanocnn` must not load matplotlib

    pairs = _choose_pairs(report)
    rows = -(-len(pairs) // 3)
    fig: Any = Figure(figsize=(11, 4.2 + 2.5 * rows), dpi=_DPI, layout="constrained")
    fig.set_facecolor("white")
    parts = fig.subfigures(2 if rows else 1, 1, height_ratios=[4.2, 2.5 * rows] if rows else None)
    top, bottom = (parts[0], parts[1]) if rows else (parts, None)
    left, right = top.subplots(1, 2)
    _draw_counts(left, report)
    if len(report.sizes) > 1:
        _draw_sizes(right, report)
    else:
        _draw_intensities(right, report)
    n = len(report.problems)
    fig.suptitle(
        f"Audit of {len(report.dataset)} images: {n or 'no'} problem{'' if n == 1 else 's'}",
        fontsize=13,
    )
    if bottom is not None:
        panels = bottom.subfigures(rows, 3, squeeze=False).ravel()
        for panel, pair in zip(panels, pairs, strict=False):
            _draw_pair(panel, report, *pair)
    fig.savefig(path, format="png", dpi=_DPI)


def _draw_counts(ax: Any, report: AuditReport) -> None:
    counts = report.class_counts
    parts = report.parts or ("all",)
    names = [_short(class_name(name), 18) for name in report.dataset.classes]
    height = 0.8 / len(parts)
    for p, part in enumerate(parts):
        y = np.arange(len(names)) + (p - (len(parts) - 1) / 2) * height
        bars = ax.barh(y, counts[part], height * 0.9, label=_short(part, 12),
                       color=COLOURS[p % len(COLOURS)])  # fmt: skip
        if len(names) * len(parts) <= 24:
            ax.bar_label(bars, padding=2, fontsize=8)
    ax.set_yticks(np.arange(len(names)), names, fontsize=9 if len(names) <= 20 else 6)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel("images")
    ax.set_title("images of each class")
    if report.parts:
        ax.legend(loc="best", fontsize=9)


def _classes_shown(report: AuditReport) -> list[tuple[int, str, NDArray[np.bool_]]]:
    """Return number, name and images of the classes that get a colour; all as one if too many."""
    labels = report.dataset.labels[report.facts.place]
    classes = report.dataset.classes
    if len(classes) > len(COLOURS):
        return [(0, "all classes", np.ones(len(labels), bool))]
    found = [(k, _short(class_name(name), 18), labels == k) for k, name in enumerate(classes)]
    return [entry for entry in found if entry[2].any()]


def _draw_sizes(ax: Any, report: AuditReport) -> None:
    for k, name, chosen in _classes_shown(report):
        sizes, counts = np.unique(report.facts.shape[chosen, :2], axis=0, return_counts=True)
        area = 30 + 25 * k + 300 * counts / len(report.facts.place)
        ax.scatter(sizes[:, 1], sizes[:, 0], area, label=name, marker=_MARKERS[k],
                   facecolors="none", edgecolors=COLOURS[k], linewidths=1.6)  # fmt: skip
    ax.set_xlabel("width in pixels")
    ax.set_ylabel("height in pixels")
    ax.set_title("sizes (larger marks: more images)")
    ax.margins(0.1)
    ax.grid(alpha=0.3)
    legend = ax.legend(loc="best", fontsize=9)
    for handle in legend.legend_handles:
        handle.set_sizes([40])


def _draw_intensities(ax: Any, report: AuditReport) -> None:
    mean = report.facts.mean
    if not len(mean):
        ax.set_axis_off()
        return
    low, high = float(mean.min()), float(mean.max())
    edges = np.linspace(low, high if high > low else low + 0.01, 41)
    styles = ("-", "--", "-.", ":", "-", "--")
    for k, name, chosen in _classes_shown(report):
        share = np.histogram(mean[chosen], edges)[0] / chosen.sum()
        ax.stairs(share, edges, label=name, color=COLOURS[k], linestyle=styles[k], linewidth=1.8)
    ax.set_xlabel("mean intensity of an image")
    ax.set_ylabel("share of the class")
    ax.set_title(f"intensities (all images: {next(iter(report.sizes))})")
    ax.grid(alpha=0.3)
    ax.legend(loc="best", fontsize=9)


def _choose_pairs(report: AuditReport) -> list[tuple[int, int, str, bool]]:
    """Return the pairs to show, with what they are; the gravest first, and some of each kind."""
    kinds = [
        (report.exact, report.exact.across_parts, "equal", True),
        (report.near, report.near.across_parts, "near duplicates", True),
        (report.exact, report.exact.labels_differ, "equal", True),
        (report.near, report.near.labels_differ, "near duplicates", True),
        (report.exact, np.ones(len(report.exact), bool), "equal", False),
        (report.near, np.ones(len(report.near), bool), "near duplicates", False),
    ]
    queues = [_take(*kind) for kind in kinds]
    chosen: dict[tuple[int, int], tuple[int, int, str, bool]] = {}
    for k in range(_PAIRS):
        for queue in queues:
            if k < len(queue) and len(chosen) < _PAIRS:
                chosen.setdefault(queue[k][:2], queue[k])
    return list(chosen.values())


def _take(
    copies: Copies, where: NDArray[np.bool_], kind: str, grave: bool
) -> list[tuple[int, int, str, bool]]:
    places = np.flatnonzero(where)[:_PAIRS]
    return [(int(copies.pairs.i[k]), int(copies.pairs.j[k]), kind, grave) for k in places]


def _draw_pair(panel: Any, report: AuditReport, i: int, j: int, kind: str, grave: bool) -> None:
    dataset, part_of = report.dataset, report.part_of
    panel.suptitle(kind, fontsize=9, color=RED if grave else "black")
    for ax, k in zip(panel.subplots(1, 2), (i, j), strict=True):
        ax.imshow(_picture(dataset[k][0]), cmap="gray", vmin=0, vmax=1)
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set(color=RED if grave else GREY, linewidth=2.5 if grave else 0.8)
        about = [] if part_of is None or not part_of[k] else [_short(str(part_of[k]), 10)]
        if not dataset.has_masks:
            about.append(_short(class_name(dataset.classes[dataset.labels[k]]), 16))
        ax.set_title(_short(dataset.name(k), 24), fontsize=8)
        ax.set_xlabel(", ".join(about), fontsize=8)


def _picture(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image for `imshow`, of a size that a small panel can show."""
    shown = image[:, :, 0] if image.shape[2] == 1 else image
    scale = _SHOWN_SIZE / max(shown.shape[:2])
    if scale >= 1:
        return shown
    height, width = (max(1, round(n * scale)) for n in shown.shape[:2])
    bytes_ = Image.fromarray(np.round(np.clip(shown, 0, 1) * 255).astype(np.uint8))
    small = bytes_.resize((width, height), Image.Resampling.BILINEAR)
    picture: NDArray[np.float32] = np.asarray(small, dtype=np.float32) / np.float32(255)
    return picture


def _short(name: str, longest: int) -> str:
    """Shorten a name from its left, where a path has its folders; no dollar is mathematics."""
    short = name if len(name) <= longest else "…" + name[-(longest - 1) :]
    return short.replace("$", r"\$")
