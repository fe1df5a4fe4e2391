"""A segmentation case by case: Dice and 95 % Hausdorff distance of each patient or volume."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    classes : list of str      the names of classes 1, 2 and so on
    dice, hausdorff : float64 arrays     NaN where neither mask holds the class
    missed : bool array     one mask is empty: the distance is the diagonal of the case
    """

    cases: list[str]
    classes: list[str]
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
            for k, column in zip(self.classes, table.T, strict=True):
                held = column[~np.isnan(column)]
                std = float(np.std(held, ddof=1)) if held.size > 1 else math.nan
                nothing = Estimate(math.nan, math.nan, math.nan, 0)
                mean = estimate(_mean, held) if held.size else nothing
                found[f"{name}, {k}"] = {"mean": mean, "std": std, "cases": held.size}
        return found

    def to_json(self) -> dict[str, Any]:
        """Return all of it, ready for `json.dump`; what is not defined is None."""
        ranked = self.ranked
        rows = zip(self.cases, self.dice, self.hausdorff, self.missed, strict=True)
        return {
            "classes": self.classes,
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
        of = f"of {', '.join(self.classes)}"
        lines = [f"{'case':{width}}  Dice, then 95 % Hausdorff distance, {of}"]
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
    spacing: ArrayLike | Mapping[Any, Sequence[float]] | None = None,
    class_names: Sequence[str] | None = None,
) -> SegmentationReport:
    """Measure every case (patient or volume); the slices of one case are stacked to a volume.

    Where one mask of a case is empty the diagonal of the case counts as the distance, as in the
    BraTS challenges: leaving it out would flatter a model that misses things.

    Parameters
    ----------
    targets, predictions : N slices (H, W) or N volumes (D, H, W), class numbers or booleans
        Predictions may be scores too, (H, W, K), where slices are not stacked.
    cases : (N,) names or None      None: each slice or volume is a case, named 0, 1, ...
    spacing : numbers, (N, axes) numbers, dict or None
        A number for each axis of a case: three for stacked slices, their distance first. One set
        for all cases, a row for each mask, or a dict from case to set. None: 1, so in pixels.
    class_names : K names, class 0 first, or None      None: "class 1" and so on

    Raises
    ------
    ValueError
        For input that `dice` or `hausdorff95` refuses, or that does not fit `cases`.
    """
    n = len(targets)
    if len(predictions) != n or not n:
        raise ValueError(f"{n} targets and {len(predictions)} predictions given; needed are equal")
    names, number = group_numbers(np.arange(n) if cases is None else cases, n)
    pairs, steps = [], []
    for k, name in enumerate(names):
        at = np.flatnonzero(number == k).tolist()
        t, p = ([np.asarray(masks[i]) for i in at] for masks in (targets, predictions))
        steps.append(_spacing_of(spacing, name, at, n))
        if _is_stack(t, p, steps[-1], f"case {name}", named=cases is not None):
            t, p = [np.stack(t)], [np.stack(p)]
        pairs.append(mask_pair(t[0], p[0]))
        if steps[-1] is None:
            steps[-1] = np.ones(pairs[-1][0].ndim)
    classes = name_classes(class_names, max(2, *(found for _, _, found in pairs)))
    shape = (len(pairs), len(classes))
    overlap, distance = np.empty(shape), np.empty(shape)
    for i, j in np.ndindex(shape):
        target, predicted, _ = pairs[i]
        overlap[i, j] = dice(target, predicted, positive=j + 1)
        distance[i, j] = hausdorff95(target, predicted, steps[i], positive=j + 1)
    missed = np.isinf(distance)
    for i, (mask, _, _) in enumerate(pairs):
        distance[i, missed[i]] = np.linalg.norm(steps[i] * (np.array(mask.shape) - 1))
    return SegmentationReport([str(name) for name in names], classes, overlap, distance, missed)


def _spacing_of(spacing: Any, case: Any, at: list[int], n: int) -> NDArray[np.float64] | None:
    """Return the spacing of the case whose masks stand at these places."""
    if isinstance(spacing, Mapping):
        if case not in spacing:
            raise ValueError(f"spacing has no entry for case {case}")
        spacing = spacing[case]
    if spacing is None:
        return None
    steps: NDArray[np.float64] = np.asarray(spacing, np.float64)
    if steps.ndim < 2:
        return steps
    if len(steps) != n:
        raise ValueError(f"spacing has {len(steps)} rows for {n} masks; give one for each")
    if (steps[at] != steps[at[0]]).any():
        raise ValueError(f"the masks of case {case} have different spacings; resample them first")
    row: NDArray[np.float64] = steps[at[0]]
    return row


def _is_stack(
    targets: list[NDArray[Any]],
    predictions: list[NDArray[Any]],
    steps: NDArray[np.float64] | None,
    case: str,
    *,
    named: bool,
) -> bool:
    """Are these masks the slices of a volume? One slice is, if its spacing has three numbers."""
    first = targets[0]
    flat = steps is None or steps.shape != (3,)
    if len(targets) == 1 and (flat or not named or first.ndim != 2):
        return False
    if any(m.ndim != 2 or m.shape != first.shape for m in (*targets, *predictions)):
        shapes = sorted({str(m.shape) for m in (*targets, *predictions)})
        raise ValueError(
            f"{case} has masks of the shapes {', '.join(shapes)}; needed to stack them are (H, W) "
            "slices of one shape"
        )
    if steps is not None and flat:
        raise ValueError(
            f"{case} is {len(targets)} stacked slices, and its spacing is {steps.tolist()}; give "
            "three numbers, the distance between slices first"
        )
    return True


def name_classes(given: Sequence[str] | None, n_classes: int) -> list[str]:
    """Return the names of all classes but 0."""
    if given is None:
        return [f"class {k}" for k in range(1, n_classes)]
    if len(given) < n_classes:
        raise ValueError(
            f"{len(given)} class names given, and the masks have {n_classes} classes, counted with "
            "class 0; give a name for each, such as ['background', 'tumour']"
        )
    return list(given[1:])


def _mean(values: NDArray[np.float64]) -> float:
    held = values[~np.isnan(values)]
    return float(held.mean()) if held.size else math.nan


def _json(values: Any) -> list[float | None]:
    return [float(v) if math.isfinite(v) else None for v in values]
