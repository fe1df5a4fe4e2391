"""The register of looks at real test parts: each look adds a line to benchmarks/test_readings.csv.

A measure that no line had before gets its columns at the end; earlier lines leave them empty.
"""

from __future__ import annotations

import csv
import datetime
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
READINGS = ROOT / "benchmarks" / "test_readings.csv"


def add_reading(
    path: Path,
    data: str,
    configuration: str,
    seed: int,
    measures: Mapping[str, Sequence[float | None]],
    split: str = "official test",
) -> None:
    """Add a line: of each measure the value, and both ends of its interval."""
    row: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "commit": current_commit(),
        "data": data,
        "split": split,
        "configuration": configuration,
        "seed": seed,
    }
    for name, values in measures.items():
        for end, value in zip(("", "_low", "_high"), values, strict=True):
            row[name + end] = "" if value is None else f"{value:.4f}"
    rows: list[dict[str, Any]] = []
    if path.exists():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    columns = list(dict.fromkeys(name for each in [*rows, row] for name in each))
    written = path.with_name(path.name + ".part")
    with open(written, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
    os.replace(written, path)  # at once: no look is lost if this one is interrupted


def current_commit() -> str:
    """Return the short name of the commit that runs; "unknown" outside of a checkout."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
