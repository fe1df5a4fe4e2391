"""What the scripts of this folder do in one way: options, heading, turns, files."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nanocnn as nc
from benchmarks import machine

SAMPLE_SECONDS = 0.01  # a turn is repeated until it takes about this long
Draw = Callable[[list[dict[str, Any]], str, Path], None]


def options(doc: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all scripts have."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=nc.get_num_threads())
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--out", metavar="DIR", help="for a JSON file and a picture")
    return parser


def opening(
    threads: int, packages: tuple[str, ...] = (), smoke: bool = False
) -> tuple[dict[str, Any], tuple[float, float]]:
    """Measure the machine's limits, and print where and on what the rest is measured.

    Returns
    -------
    about : dict
        For the JSON file.
    limits : (float, float)
        Operations and bytes a second.
    """
    about = machine.describe(threads, packages)
    limits = measured_limits(threads, smoke)
    about |= {"peak GFLOP/s": limits[0] / 1e9, "copy GB/s": limits[1] / 1e9}
    print(machine.header(about))
    print(f"measured limits: {limits[0] / 1e9:.0f} GFLOP/s, {limits[1] / 1e9:.1f} GB/s\n")
    return about, limits


def measured_limits(threads: int, smoke: bool = False) -> tuple[float, float]:
    """Return operations and bytes a second at best; for a smoke test in passing."""
    if smoke:
        return machine.peak_flops(threads, 1), machine.copy_bandwidth(threads, 4, 1)
    return machine.peak_flops(threads), machine.copy_bandwidth(threads)


def save(
    out: str | None, name: str, about: dict[str, Any], rows: list[dict[str, Any]], draw: Draw
) -> None:
    """Write NAME.json and NAME.png into the folder, if one was given."""
    if not out:
        return
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"about": about, "rows": rows}, indent=2))
    draw(rows, machine.header(about), folder / f"{name}.png")


def clock(run: Callable[[], Any], times: int = 1) -> float:
    """Return the seconds of one call, the mean of some in a row."""
    started = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - started) / times


def in_turns(
    runs: Sequence[Callable[[], Any]], rounds: int, sample: float = SAMPLE_SECONDS
) -> list[list[float]]:
    """Let functions take turns, in another order every round, and return each one's seconds.

    There is one number for each round: the mean of as many calls as take `sample` seconds, after
    one call that is not timed and brings back what the others drove out of the caches.
    """
    warm = [(run(), clock(run))[1] for run in runs]  # the first call may compile
    times = [max(1, int(sample / max(1e-9, one))) for one in warm]
    seconds: list[list[float]] = [[] for _ in runs]
    for turn in range(rounds):
        for place in range(len(runs)):
            k = (place + turn) % len(runs)
            runs[k]()
            seconds[k].append(clock(runs[k], times[k]))
    return seconds


def told(seconds: Sequence[float]) -> dict[str, Any]:
    """Return median, quartiles and number of some times."""
    low, median, high = (float(q) for q in np.quantile(seconds, (0.25, 0.5, 0.75)))
    return {"median": median, "quartiles": [low, high], "samples": len(seconds)}
