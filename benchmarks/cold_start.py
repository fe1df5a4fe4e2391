"""What nanocnn costs before it does anything: import, first training step, space on the disk.

    python benchmarks/cold_start.py                    beside whatever peers are installed
    python benchmarks/cold_start.py --smoke --out DIR  a quick look, without peers

All times are of whole processes, from the start: imports until the process has ended, first steps
(the article's network, batch 32) until the step is done. The processes take turns. nanocnn's first
step is measured with an empty and with a filled kernel cache; its peers keep none. The size counts
all that a package requires, as it lies on this disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

from benchmarks import machine, script
from benchmarks.installed_size import installed_bytes
from benchmarks.peers import PACKAGES, installed
from benchmarks.start_picture import draw
from benchmarks.workloads import Workload, article_workloads, make_data

ROOT = Path(__file__).parents[1]
PEERS = ("torch", "tensorflow", "jax", "onnxruntime")
EMPTY, FILLED = "nanocnn, empty cache", "nanocnn, filled cache"
IMPORTS, STEPS, SIZES = "import, s", "first training step, s", "installed, MB"
TARGETS = {  # (must, aim)
    (IMPORTS, "nanocnn"): (0.4, 0.25),
    (STEPS, EMPTY): (25.0, 10.0),
    (STEPS, FILLED): (2.5, 1.2),
    (SIZES, "nanocnn"): (400.0, None),
}
Seconds = dict[str, list[float]]


def in_turns(runs: dict[str, Callable[[], float]], rounds: int) -> Seconds:
    """Return what each function returned each time; they take turns, in changing order."""
    names = list(runs)
    found: Seconds = {name: [] for name in runs}
    for turn in range(rounds):
        for k in range(len(names)):
            name = names[(turn + k) % len(names)]
            found[name].append(runs[name]())
    return found


def import_runs(names: list[str]) -> dict[str, Callable[[], float]]:
    """Return functions that start a process, and return the seconds until it has ended."""

    def run(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
        return time.perf_counter() - started

    codes = {"python alone": "pass", **{name: f"import {name}" for name in ("numpy", *names)}}
    return {name: lambda code=code: run(code) for name, code in codes.items()}  # type: ignore[misc]


def first_step(name: str, workload: Workload, data: Path, threads: int, cache: str) -> float:
    """Return the seconds from the start of a process until it has done the workload once."""
    command = [sys.executable, "-m", "benchmarks.peer_libraries.once", name, str(threads)]
    command += [json.dumps(list(workload)), str(data), "1"]
    environment = {**os.environ, "NANOCNN_CACHE_DIR": cache}
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        seconds = time.perf_counter() - started
    if not told:
        raise RuntimeError(f"{name}: the process ended without an answer")
    return seconds


def first_steps(names: list[str], workload: Workload, threads: int, rounds: int) -> Seconds:
    """Return the seconds of everybody's first step."""
    with tempfile.TemporaryDirectory() as folder:
        data, filled = Path(folder) / "data.npz", str(Path(folder) / "filled")
        np.savez(data, **make_data(workload))

        def once(name: str, cache: str | None = None) -> float:
            with tempfile.TemporaryDirectory(dir=folder) as empty:
                return first_step(name, workload, data, threads, cache or empty)

        once("nanocnn", filled)
        empty = in_turns({EMPTY: lambda: once("nanocnn")}, max(1, rounds // 3))
        runs: dict[str, Callable[[], float]] = {FILLED: lambda: once("nanocnn", filled)}
        runs |= {n: lambda n=n: once(n, filled) for n in names if n != "nanocnn"}  # type: ignore[misc]
        return empty | in_turns(runs, rounds)


def rows_of(what: str, values: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Return a row for each name, ready for JSON."""
    rows = []
    for name, found in values.items():
        low, median, high = (float(q) for q in np.quantile(found, (0.25, 0.5, 0.75)))
        must, aim = TARGETS.get((what, name), (None, None))
        rows.append(
            {"what": what, "name": name, "median": median, "quartiles": [low, high],
             "samples": len(found), "must": must, "aim": aim}
        )  # fmt: skip
    return rows


def line(row: dict[str, Any]) -> str:
    """Return one line of the table."""

    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.3g}" if value < 1 else f"{value:.4g}"

    spread = " to ".join(map(cell, row["quartiles"])) if row["samples"] > 1 else ""
    told = (cell(row["median"]), spread, cell(row["must"]), cell(row["aim"]))
    return f"{row['what']:24}{row['name']:24}" + "{:>10}{:>20}{:>8}{:>8}".format(*told)


def sizes_of(names: list[str]) -> dict[str, list[float]]:
    """Return megabytes on the disk, with all that is required."""
    source = ROOT / "nanocnn"
    found = {"nanocnn itself": [installed_bytes("nanocnn", source)[0] / 1e6]}
    for name in names:
        own = source if name == "nanocnn" else None
        found[name] = [installed_bytes(name, own)[1] / 1e6]
    return found


def main() -> None:
    parser = script.options(__doc__, rounds=9)
    parser.add_argument("--smoke", action="store_true", help="one round, inference, no peers")
    given = parser.parse_args()
    train, _, single = article_workloads()
    rounds, workload = (1, single) if given.smoke else (given.rounds, train)
    names = ["nanocnn"] if given.smoke else installed(["nanocnn", *PEERS])
    about = machine.describe(given.threads, () if given.smoke else PACKAGES)
    print(machine.header(about) + "\n")
    print(f"{'':48}{'median':>10}{'quartiles':>20}{'must':>8}{'aim':>8}")
    rows: list[dict[str, Any]] = []

    def show(what: str, values: Seconds) -> None:
        rows.extend(found := rows_of(what, values))
        print("\n".join(map(line, found)), flush=True)

    trainers = [name for name in names if name != "onnxruntime"]
    show(IMPORTS, in_turns(import_runs(["numba", *names]), rounds))
    show(STEPS, first_steps(trainers, workload, given.threads, rounds))
    show(SIZES, sizes_of(names))
    script.save(given.out, "cold_start", about, rows, draw)


if __name__ == "__main__":
    main()
