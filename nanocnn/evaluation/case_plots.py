"""Pictures of a `SegmentationReport`: a gallery of cases, and the scores of all cases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import Estimate
from .contours import LEGEND, add_legend, check_image, draw_contours, show_image
from .groups import group_numbers
from .overlap import mask_pair
from .segmentation import SegmentationReport
from .sheet import BLUE, RED, new_figure, panels_of, save, short_name, short_text


def plot_segmentation_cases(
    report: SegmentationReport,
    images: Sequence[NDArray[Any]] | NDArray[Any],
    targets: Sequence[ArrayLike] | NDArray[Any],
    predictions: Sequence[ArrayLike] | NDArray[Any],
    path: str | os.PathLike[str],
    *,
    cases: ArrayLike | None = None,
    unit: str | None = None,
    note: str | None = None,
) -> None:
    """Draw the worst, the median and the best case by Dice, without contours and with them.

    Of several slices the one with the most of the true mask is shown; the numbers are the case's.

    Parameters
    ----------
    report : what `segmentation_report` returned for these masks
    images : N slices (H, W) or (H, W, C), or N volumes (D, H, W) or (D, H, W, C), in [0, 1]
    targets, predictions, cases : as they were given to `segmentation_report`
    path : PNG file to write
    unit : str or None      of the distances, such as "mm"
    note : str or None      a line at the bottom

    Raises
    ------
    ValueError
        If the report is of other cases, none of them has a Dice score, or images do not fit.
    """
    n = len(targets)
    if n == 0 or not len(images) == len(predictions) == n:
        raise ValueError(
            f"{len(images)} images, {n} targets and {len(predictions)} predictions given; needed "
            "are as many of each"
        )
    names, number = group_numbers(np.arange(n) if cases is None else cases, n)
    if [str(name) for name in names] != report.cases:
        raise ValueError("the report is of other cases; give those that it was made of")
    chosen = choose_cases(report.ranked)
    if not chosen:
        raise ValueError("no case has a Dice score: neither mask of any holds a class")
    shown = [
        _fullest_slice(images, targets, predictions, np.flatnonzero(number == i).tolist())
        for _, i in chosen
    ]
    side = float(np.clip(max(max(t.shape) for _, t, _, _ in shown) / 100, 3.4, 4.8))
    fig = new_figure(side * len(chosen) + LEGEND, 2 * side + 1.2)
    axes = panels_of(fig, 2, len(chosen))
    held: set[int] = set()
    for column, ((word, i), (image, t, p, where)) in enumerate(zip(chosen, shown, strict=True)):
        plain, lined = axes[column], axes[column + len(chosen)]
        for ax in (plain, lined):
            show_image(ax, image)
        draw_contours(lined, t, p, len(report.classes), side / max(t.shape))
        held.update(np.union1d(t, p).tolist())
        plain.set_title(f"{word}: case {short_text(report.cases[i], 20)}{where}", fontsize=10)
        lined.set_title("\n".join(_scores_of(report, i, unit)), fontsize=9)
    labels = [("true", "predicted")] * len(report.classes)
    add_legend(fig, report.classes, sorted(held - {0}), labels)
    save(fig, path, note)


def plot_segmentation_scores(
    report: SegmentationReport,
    path: str | os.PathLike[str],
    *,
    unit: str | None = None,
    note: str | None = None,
) -> None:
    """Draw Dice and Hausdorff distance of every case as a dot, and the mean with its interval.

    Parameters
    ----------
    report : SegmentationReport
    path : PNG file to write
    unit : str or None      of the distances, such as "mm"
    note : str or None      a line at the bottom
    """
    fig = new_figure(11.0, 1.5 + 1.1 * len(report.classes))
    left, right = panels_of(fig, 1, 2)
    _set_axes(left, right, report, unit)
    summary = report.summary
    tables = (left, report.dice, "dice"), (right, report.hausdorff, "hausdorff95")
    for ax, table, measure in tables:
        for j, name in enumerate(report.classes):
            _draw_scores(ax, table[:, j], report.missed[:, j] & (ax is right), j)
            _draw_mean(ax, summary[f"{measure}, {name}"]["mean"], j)
        ax.set_ylim(len(report.classes) - 0.3, -0.6)
        ax.grid(axis="x", alpha=0.3)
    counts = (~np.isnan(report.dice)).sum(axis=0)
    rows = [f"{short_name(k, 20)}\n{n} cases" for k, n in zip(report.classes, counts, strict=True)]
    left.set_yticks(range(len(rows)), rows)
    right.set_yticks(range(len(rows)), [""] * len(rows))
    handles, labels = right.get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    fig.legend(by_label.values(), by_label, loc="outside upper center", ncols=3, frameon=False)
    save(fig, path, note)


def choose_cases(ranked: Sequence[int]) -> list[tuple[str, int]]:
    """Return the worst, the median and the best case; of two cases or one, what there is."""
    if len(ranked) < 3:
        return list(zip(("worst", "best"), ranked, strict=False))
    return [("worst", ranked[0]), ("median", ranked[(len(ranked) - 1) // 2]), ("best", ranked[-1])]


def _fullest_slice(
    images: Any, targets: Any, predictions: Any, at: list[int]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], str]:
    """Return the slice of a case with the most true pixels, and the words that tell which it is."""
    t: Any
    p: Any
    if np.ndim(targets[at[0]]) == 3:
        shown, (t, p, _) = images[at[0]], mask_pair(targets[at[0]], predictions[at[0]])
    else:
        shown = [images[i] for i in at]
        t, p, _ = zip(*(mask_pair(targets[i], predictions[i]) for i in at), strict=True)
    k = max(range(len(t)), key=lambda i: (np.count_nonzero(t[i]), np.count_nonzero(p[i])))
    where = f", slice {k + 1} of {len(t)}" if len(t) > 1 else ""
    return check_image(shown[k], t[k]), t[k], p[k], where


def _scores_of(report: SegmentationReport, i: int, unit: str | None) -> list[str]:
    """Return a line for each class of case `i`."""
    lines = []
    for j, name in enumerate(report.classes):
        said = f"Dice {report.dice[i, j]:.3f}, HD95 {report.hausdorff[i, j]:.1f} {unit or ''}"
        if report.missed[i, j]:
            said = "Dice 0, one mask is empty"
        elif np.isnan(report.dice[i, j]):
            said = "in neither mask"
        lines.append(f"{short_name(name, 14)}: {said.rstrip()}")
    return lines


def _set_axes(left: Any, right: Any, report: SegmentationReport, unit: str | None) -> None:
    lowest = np.nanmin(report.dice, initial=1.0)
    left.set_xlim(lowest - 0.08 * (1.05 - lowest), 1.02)
    left.set_xlabel("Dice")
    farthest = np.nanmax(report.hausdorff, initial=1.0)
    right.set_xlim(-0.02 * farthest, 1.1 * farthest)
    label = f"95 % Hausdorff distance{f' ({unit})' if unit else ''}"
    if report.missed.any():  # a diagonal is far from all else
        right.set_xscale("symlog", linthresh=1.0)
        right.xaxis.set_major_formatter("{x:g}")
        right.set_xlim(-0.1, 1.5 * farthest)
        label += ", logarithmic from 1 on"
    right.set_xlabel(label)


def _draw_scores(ax: Any, values: NDArray[Any], missed: NDArray[np.bool_], row: int) -> None:
    """Draw a dot a case above the line of its class, scattered so that equal ones are seen."""
    scatter = row - 0.32 + 0.36 * (np.arange(len(values)) * 0.618 % 1)
    ax.scatter(values[~missed], scatter[~missed], s=22, color=BLUE, alpha=0.6, lw=0, label="a case")
    if missed.any():
        ax.scatter(
            values[missed],
            scatter[missed],
            s=34,
            marker="^",
            facecolor="none",
            edgecolor=RED,
            label="one mask is empty: the diagonal counts",
        )


def _draw_mean(ax: Any, mean: Estimate, row: int) -> None:
    if np.isnan(mean.value):
        return
    spread = [[mean.value - mean.low], [mean.high - mean.value]]
    ax.errorbar(
        mean.value,
        row + 0.2,
        xerr=np.abs(spread),
        color="black",
        marker="D",
        markersize=5,
        capsize=4,
        lw=1.6,
        label="mean, 95 % interval",
    )
    ((across, _),) = ax.transAxes.inverted().transform(ax.transData.transform([(mean.value, row)]))
    ax.annotate(
        str(mean),
        (mean.value, row + 0.2),
        (0, -8),
        textcoords="offset points",
        ha="left" if across < 1 / 3 else "right" if across > 2 / 3 else "center",
        va="top",
        fontsize=9,
    )
