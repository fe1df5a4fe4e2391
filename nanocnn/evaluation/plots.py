"""Pictures of a training run and of its predictions, written as PNG files.

Every function makes its own `matplotlib` figure: no window opens and no global state changes.
Blue and orange (Okabe and Ito) can be told apart by colour-blind readers, and no statement rests
on colour alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import estimate
from .metrics import auc, roc_curve
from .sheet import BLUE, GREY, ORANGE, RED, new_figure, panels_of, save, short_name


def plot_history(
    history: Mapping[str, Sequence[float]], path: str | os.PathLike[str], *, note: str | None = None
) -> None:
    """Draw loss and accuracy against the epoch, for training and validation.

    Parameters
    ----------
    history : dict of lists, one number an epoch
        "loss" and "val_loss" go to the left panel, "accuracy" and "val_accuracy" to the right one.
        What is missing is left out; other keys are not drawn.
    path : PNG file to write
    note : str or None      a line at the bottom

    Raises
    ------
    ValueError
        If none of these four is there, or all are empty.
    """
    from matplotlib.ticker import MaxNLocator

    panels = [
        (key, [(k, history[k]) for k in (key, f"val_{key}") if len(history.get(k, ()))])
        for key in ("loss", "accuracy")
    ]
    panels = [(key, curves) for key, curves in panels if curves]
    if not panels:
        raise ValueError(
            f"history has the keys {sorted(history)}; needed is at least one epoch of loss, "
            "val_loss, accuracy or val_accuracy"
        )
    fig = new_figure(5.0 * len(panels), 3.8)
    for ax, (key, curves) in zip(panels_of(fig, 1, len(panels)), panels, strict=True):
        for name, values in curves:
            validation = name.startswith("val_")
            ax.plot(
                np.arange(1, len(values) + 1),
                values,
                color=ORANGE if validation else BLUE,
                linestyle="--" if validation else "-",
                marker="s" if validation else "o",
                markersize=4,
                label="validation" if validation else "training",
            )
        ax.set_xlabel("epoch")
        ax.set_title(key)
        ax.set_xlim(0.5, max(len(values) for _, values in curves) + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if key == "loss":
            ax.set_ylim(bottom=0)
        else:
            ax.set_ylim(top=1.0 + 0.03 * (1.0 - ax.get_ylim()[0]))
        ax.grid(alpha=0.3)
        ax.legend(loc="best")
    save(fig, path, note)


def plot_confusion_matrix(
    matrix: ArrayLike,
    classes: Sequence[str],
    path: str | os.PathLike[str],
    *,
    note: str | None = None,
) -> None:
    """Draw counts, and the percentage of each row (of each true class).

    Parameters
    ----------
    matrix : (K, K) integers        rows are the true classes, see `metrics.confusion_matrix`
    classes : K names
    path : PNG file to write
    note : str or None      a line at the bottom
    """
    counts = np.asarray(matrix)
    k = len(classes)
    if counts.shape != (k, k) or k == 0:
        raise ValueError(f"matrix has shape {counts.shape} and there are {k} names; give (K, K), K")
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.6, 1.0 + 0.9 * k), 14.0)
    fig = new_figure(side + 1.2, side)
    (ax,) = panels_of(fig, 1, 1)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = 12 if k <= 5 else 9 if k <= 10 else 6
    for i in range(k):
        for j in range(k):
            ax.text(
                j,
                i,
                f"{counts[i, j]}\n{100 * share[i, j]:.1f} %",
                ha="center",
                va="center",
                fontsize=size,
                fontweight="bold" if i == j else "normal",
                color="white" if share[i, j] > 0.5 else "black",
            )
    names = [short_name(name, 16) for name in classes]
    slanted = max(len(name) for name in names) * k > 40
    ax.set_xticks(
        range(k), names, rotation=40 if slanted else 0, ha="right" if slanted else "center"
    )
    ax.set_yticks(range(k), names)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.set_title(f"{np.trace(counts)} of {counts.sum()} right")
    fig.colorbar(image, ax=ax, label="share of the true class", fraction=0.046)
    save(fig, path, note)


def plot_roc(
    true: ArrayLike,
    score: ArrayLike,
    path: str | os.PathLike[str],
    *,
    positive: int | None = None,
    note: str | None = None,
) -> None:
    """Draw the ROC curve with its area and the area's 95 % bootstrap interval.

    Parameters
    ----------
    true : (N,) integers
    score : (N,) numbers, larger for the positive class, or (N, K)
    path : PNG file to write
    positive : int or None      the positive class; None: class 1, if there are two
    note : str or None      a line at the bottom

    Raises
    ------
    ValueError
        If only one class occurs, or for input that `metrics.roc_curve` refuses.
    """

    def area(y: ArrayLike, s: ArrayLike) -> float:
        return auc(y, s, positive=positive)

    curve = roc_curve(true, score, positive=positive)
    found = estimate(area, true, score)
    if math.isnan(found.value):
        raise ValueError("the cases are all positive or all negative; a ROC curve needs both")
    fig = new_figure(5.0, 5.2)
    (ax,) = panels_of(fig, 1, 1)
    ax.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="guessing: AUC 0.500")
    label = f"AUC {found.value:.3f}\n95 % interval {found.low:.3f} to {found.high:.3f}"
    ax.plot(curve.false_positive_rate, curve.true_positive_rate, color=BLUE, lw=2, label=label)
    ax.set_xlabel("false positive rate (1 - specificity)")
    ax.set_ylabel("true positive rate (sensitivity)")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_aspect("equal")
    ax.set_title(f"ROC curve, {np.asarray(true).shape[0]} cases")
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right")
    save(fig, path, note)


def plot_predictions(
    images: NDArray[Any],
    true: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    path: str | os.PathLike[str],
    *,
    n: int = 16,
    note: str | None = None,
) -> None:
    """Draw images with their predicted and true class; the wrong ones first, framed and named.

    Parameters
    ----------
    images : (N, H, W, C) float array in [0, 1], C = 1 or 3
    true : (N,) integers in 0..K-1
    probabilities : (N, K) array        the model's output; the largest of a row counts
    classes : K names
    path : PNG file to write
    n : int     how many panels; at most half of them show wrong predictions, if there are enough
                right ones to fill the other half. Each kind comes in the order given.
    note : str or None      a line at the bottom, such as "synthetic images"
    """
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(true).reshape(-1)
    if (
        images.ndim != 4
        or images.shape[3] not in (1, 3)
        or len(images) < 1
        or p.shape != (len(images), len(classes))
        or y.shape != (len(images),)
        or n < 1
    ):
        raise ValueError(
            f"images {images.shape}, true {y.shape}, probabilities {p.shape}, {len(classes)} "
            f"classes and n={n} given; needed are (N, H, W, 1 or 3), (N,), (N, K), K names, n >= 1"
        )
    guess = p.argmax(axis=1)
    chosen = choose_panels(guess == y, n)
    columns = min(max(4, math.ceil(math.sqrt(len(chosen)))), len(chosen))
    rows = math.ceil(len(chosen) / columns)
    fig = new_figure(max(2.4 * columns, 4.8), 2.9 * rows + 0.7)
    axes = panels_of(fig, rows, columns)
    for ax, i in zip(axes, chosen, strict=False):
        wrong = guess[i] != y[i]
        shown = images[i, :, :, 0] if images.shape[3] == 1 else images[i]
        small = max(images.shape[1:3]) < 100
        ax.imshow(
            np.clip(shown, 0, 1),
            cmap="gray",
            vmin=0,
            vmax=1,
            interpolation="nearest" if small else "antialiased",
        )
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set(color=RED if wrong else GREY, linewidth=4 if wrong else 0.8)
        said = f"{short_name(classes[guess[i]], 14)} {100 * p[i, guess[i]]:.0f} %"
        word = "WRONG: " if wrong else ""
        ax.set_title(
            f"{word}{said}\ntrue: {short_name(classes[y[i]], 18)}",
            fontsize=9,
            color=RED if wrong else "black",
            fontweight="bold" if wrong else "normal",
        )
    for ax in axes[len(chosen) :]:
        ax.remove()
    right = int((guess == y).sum())
    fig.suptitle(
        f"{right} of {len(y)} right; shown: {int((guess != y)[chosen].sum())} wrong, "
        f"{int((guess == y)[chosen].sum())} right\n(first line: predicted class, its probability)",
        fontsize=11,
    )
    save(fig, path, note)


def choose_panels(right: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Return up to `n` indices, wrong ones first: at most half of `n` unless the right run out."""
    wrong_at, right_at = np.flatnonzero(~right), np.flatnonzero(right)
    n_wrong = min(wrong_at.size, max(n // 2, n - right_at.size), n)
    return np.concatenate([wrong_at[:n_wrong], right_at[: n - n_wrong]]).astype(np.int64)
