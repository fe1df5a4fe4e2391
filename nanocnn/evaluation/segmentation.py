"""A segmentation case by case: Dice and 95 % Hausdorff distance of each patient or volume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import Estimate, estimate
from .groups import group_numbers
from .overlap import dice, mask_pair
from .surface import hausdorff95


@dataclass(frozen=True)
class SegmentationReport:
    """What `segmentation_report` found; arrays of (cases, classes), class 0 left out.

    Attributes
    ----------
    cases : list of str
    dice, hausdorff : float64 arrays     NaN where neither mask holds the class
    missed : bool array     one mask is empty: the distance is the diagonal of the case
    """

    cases: list[str]
    dice: NDArray[np.float64]
    hausdorff: NDArray[np.float64]
    missed: NDArray[np.bool_]

    @property
    def ranked(self) -> list[int]:
        """Cases from the lowest mean Dice to the highest; those without any are left out."""
        scores = [_mean(row) for row in self.dice]
        return sorted((i for i, s in enumerate(scores) if s == s), key=scores.__getitem__)

    @property
    def summary(self) -> dict[str, dict[str, Any]]:
        """For each measure and class the mean over the cases, its interval, and the deviation."""
        found = {}
        for name, table in (("dice", self.dice), ("hausdorff95", self.hausdorff)):
            for k, column in enumerate(table.T, start=1):
                held = column[~np.isnan(column)]
                std = float(np.std(held, ddof=1)) if held.size > 1 else math.nan
                nothing = Estimate(math.nan, math.nan, math.nan, 0)
                mean = estimate(_mean, held) if held.size else nothing
                found[f"{name}, class {k}"] = {"mean": mean, "std": std, "cases": held.size}
        return found

    def to_json(self) -> dict[str, Any]:
        """Return all of it, ready for `json.dump`; what is not defined is None."""
        ranked = self.ranked
        rows = zip(self.cases, self.dice, self.hausdorff, self.missed, strict=True)
        return {
            "cases": [
                {"case": c, "dice": _json(d), "hausdorff95": _json(h), "missed": m.tolist()}
                for c, d, h, m in rows
            ],
            "summary": {
                name: dict(
                    zip(
                        ("mean", "low", "high", "std"),
                        _json([*s["mean"][:3], s["std"]]),
                        strict=True,
                    ),
                    cases=s["cases"],
                )
                for name, s in self.summary.items()
            },
            "worst": self.cases[ranked[0]] if ranked else None,
            "best": self.cases[ranked[-1]] if ranked else None,
        }

    def __str__(self) -> str:
        width = max(4, *(len(case) for case in self.cases))
        lines = [f"{'case':{width}}  Dice, then 95 % Hausdorff distance, of each class"]
        for case, d, h, m in zip(self.cases, self.dice, self.hausdorff, self.missed, strict=True):
            far = "".join(f"{x:9.2f}{'*' if miss else ' '}" for x, miss in zip(h, m, strict=True))
            lines.append(f"{case:{width}}{''.join(f'{x:8.3f}' for x in d)} {far}".rstrip())
        for name, s in self.summary.items():
            lines.append(f"{name}: mean {s['mean']}, std {s['std']:.3f}, {s['cases']} cases")
        if self.missed.any():
            lines.append("* one mask is empty: the diagonal of the case counts")
        if self.ranked:
            worst, best = self.cases[self.ranked[0]], self.cases[self.ranked[-1]]
            lines.append(f"worst {worst}, best {best}")
        return "\n".join(lines)


def segmentation_report(
    targets: Sequence[ArrayLike] | NDArray[Any],
    predictions: Sequence[ArrayLike] | NDArray[Any],
    cases: ArrayLike | None = None,
    spacing: Sequence[float] | None = None,
) -> SegmentationReport:
    """Measure every case (patient or volume); the slices of one case are stacked to a volume.

    Where one mask of a case is empty the diagonal of the case counts as the distance, as in the
    BraTS challenges: leaving it out would flatter a model that misses things.

    Parameters
    ----------
    targets, predictions : N slices (H, W) or N volumes (D, H, W), class numbers or booleans
    cases : (N,) names or None      None: each slice or volume is a case
    spacing : a number for each axis of a case (three for stacked slices), or None for 1

    Raises
    ------
    ValueError
        For input that `dice` or `hausdorff95` refuses, or that does not fit `cases`.
    """
    n = len(targets)
    if len(predictions) != n or not n:
        raise ValueError(f"{n} targets and {len(predictions)} predictions given; needed are equal")
    names, number = group_numbers(np.arange(n) if cases is None else cases, n)
    pairs = []
    for k in range(len(names)):
        at = np.flatnonzero(number == k)
        t, p = ([np.asarray(masks[i]) for i in at] for masks in (targets, predictions))
        if len(at) > 1 and any(m.ndim != 2 or m.shape != t[0].shape for m in (*t, *p)):
            raise ValueError(f"the masks of case {names[k]} are not (H, W) slices of one shape")
        several = cases is not None and t[0].ndim == 2 and (len(at) > 1 or len(spacing or ()) == 3)
        pairs.append(mask_pair(*((np.stack(m) if several else m[0]) for m in (t, p))))
    shape = (len(pairs), max(2, *(pair[2] for pair in pairs)) - 1)
    overlap, distance = np.empty(shape), np.empty(shape)
    for i, j in np.ndindex(shape):
        overlap[i, j] = dice(*pairs[i][:2], positive=j + 1)
        distance[i, j] = hausdorff95(*pairs[i][:2], spacing, positive=j + 1)
    missed = np.isinf(distance)
    for i, (mask, _, _) in enumerate(pairs):
        steps = np.ones(mask.ndim) if spacing is None else np.asarray(spacing, np.float64)
        distance[i, missed[i]] = np.linalg.norm(steps * (np.array(mask.shape) - 1))
    return SegmentationReport([str(name) for name in names], overlap, distance, missed)


def _mean(values: NDArray[np.float64]) -> float:
    held = values[~np.isnan(values)]
    return float(held.mean()) if held.size else math.nan


def _json(values: Any) -> list[float | None]:
    return [float(v) if math.isfinite(v) else None for v in values]
