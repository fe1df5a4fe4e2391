"""Measuring case by case, a case being a patient or a volume with all of its slices."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import nanocnn as nc
from nanocnn.evaluation import SegmentationReport, estimate, segmentation_report

from .sources import Data


class Measured(NamedTuple):
    """A part of the data, what the model made of it, and how good that is."""

    images: np.ndarray
    targets: np.ndarray
    predicted: np.ndarray
    cases: np.ndarray
    report: SegmentationReport


def measure(model: nc.Sequential, data: Data, part: nc.data.ImageDataset) -> Measured:
    """Segment a part of the data, and compare the masks case by case."""
    images, targets = part.arrays()
    predicted = model.predict(part).argmax(axis=-1).astype(np.uint8)
    assert part.groups is not None
    report = segmentation_report(
        list(targets),
        list(predicted),
        cases=part.groups,
        spacing=data.spacing,
        class_names=data.classes,
    )
    return Measured(images[..., data.channel], targets, predicted, part.groups, report)


def evaluate(model: nc.Sequential, data: Data, part: nc.data.ImageDataset) -> dict[str, Any]:
    """Return Dice and Hausdorff distance with 95 % intervals over the cases."""
    return numbers(measure(model, data, part).report)


def numbers(report: SegmentationReport) -> dict[str, Any]:
    """Return the report's means as value, low, high; None where no case has the structure."""
    found: dict[str, Any] = {}
    for measure_, table in (("dice", report.dice), ("hausdorff95", report.hausdorff)):
        each = means(table)
        held = each[~np.isnan(each)]
        triple = estimate(np.mean, held)[:3] if held.size else (math.nan,) * 3
        found[f"mean_{measure_}"] = [v if math.isfinite(v) else None for v in triple]
    for name, row in report.to_json()["summary"].items():
        key = name.replace(", ", " ").replace(" ", "_")
        found[key] = [row["mean"], row["low"], row["high"]]
    found["n_cases"] = len(report.cases)
    found["n_missed"] = int(report.missed.sum())
    return found


def means(table: np.ndarray) -> np.ndarray:
    """Return each case's mean over the classes that it has; NaN if it has none."""
    held = ~np.isnan(table)
    total = np.where(held, table, 0).sum(axis=1)
    return np.where(held.any(axis=1), total / np.maximum(held.sum(axis=1), 1), np.nan)
