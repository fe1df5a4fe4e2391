"""Each look at a real test part leaves lines in benchmarks/test_readings.csv."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from nanocnn.evaluation import Estimate


def add(path: Path, found: Mapping[str, Estimate], data: str, seed: int) -> None:
    """Append the network a nodule and a slice, alone, less the area, and with it, to the table."""
    rows = [
        (f"a {level}", found[f"{level}_accuracy"], found[f"{level}_auc"])
        for level in ("nodule", "slice")
    ]
    rows += [
        ("a nodule less area alone", None, found["nodule_auc_less_area"]),
        ("with area a nodule", None, found["nodule_both_auc"]),
        ("with area a nodule less area alone", None, found["nodule_both_auc_less_area"]),
    ]
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        if fresh:
            measures = [f"{m}{end}" for m in ("accuracy", "auc") for end in ("", "_low", "_high")]
            table.writerow(["date", "commit", "data", "split", "configuration", "seed", *measures])
        for what, accuracy, auc in rows:
            table.writerow(
                [date.today().isoformat(), _commit(), data, "test",
                 f"lung_nodule_malignancy.py {what}", seed, *_numbers(accuracy), *_numbers(auc)]
            )  # fmt: skip


def _numbers(value: Estimate | None) -> list[str]:
    return [""] * 3 if value is None else [f"{number:.4f}" for number in value[:3]]


def _commit() -> str:
    """Return the commit that was run, or "" where there is no git."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
