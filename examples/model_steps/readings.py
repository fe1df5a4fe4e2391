"""The table of all readings of real test images: each adds a line, so that none is forgotten."""

from __future__ import annotations

import csv
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

READINGS = Path(__file__).parents[2] / "benchmarks" / "test_readings.csv"


def note_reading(path: Path, data: str, configuration: str, reading: dict[str, Any]) -> None:
    """Add a line; columns that the table has and this reading has not stay empty."""
    with path.open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    line: dict[str, Any] = {
        "date": date.today().isoformat(),
        "commit": _commit(),
        "data": data,
        "split": "test",
        "configuration": configuration,
        "seed": reading["seed"],
    }
    for name in ("accuracy", "auc"):
        value, low, high, _ = reading[name]
        line |= {name: f"{value:.4f}", f"{name}_low": f"{low:.4f}", f"{name}_high": f"{high:.4f}"}
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns, lineterminator="\n").writerow(line)


def _commit() -> str:
    """Return the short name of the commit, or nothing outside of a repository."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False
    )
    return done.stdout.strip()
