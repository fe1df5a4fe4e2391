"""How nanocnn's time grows with batch, image, channels and threads, one at a time.

    python benchmarks/scaling.py                    the article's training step, one convolution
    python benchmarks/scaling.py --smoke --out DIR  a quick look

A straight line is fitted to the logarithms of the times: its slope is the exponent, 1 where twice
the batch takes twice the time. Beside it stands the exponent that one would expect, and that of the
predicted times: operations over the machine's measured peak or bytes over its measured bandwidth,
whichever is more. Operations are counted as in a direct convolution; Winograd's, with fewer of
them, may take less than predicted. The residual is the fit's largest error, as a factor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

import nanocnn as nc
from benchmarks import machine, script
from benchmarks.peer_libraries import nanocnn_
from benchmarks.scaled_article import ScaledArticle
from benchmarks.scaling_picture import draw
from benchmarks.workloads import Workload, make_data

SAMPLE_SECONDS = 0.2  # of each case in each round

Case = ScaledArticle | Workload


class Series(NamedTuple):
    """Cases in which one number grows and everything else stays."""

    what: str
    grows: str
    values: tuple[int, ...]
    cases: tuple[Case, ...]
    expected: str  # the exponent, and why
    threads: tuple[int, ...]


def all_series(threads: int, smoke: bool) -> list[Series]:
    """Return what is measured; `threads` is that of all but the last two."""
    step, article = "training step", ScaledArticle(32, 128, 32)
    single, conv = "3x3 convolution", Workload("", "conv", 16, size=64, channels=64, filters=64)
    factors: tuple[float, ...] = (0.25, 0.5, 1, 2)
    if smoke:
        article, factors = ScaledArticle(2, 32, 4), (1, 2)
        conv = conv._replace(batch=1, size=16, channels=16, filters=16)
    lines: tuple[tuple[str, str, Case, tuple[str, ...], str], ...] = (
        (step, "batch", article, ("batch",), "1"),
        (step, "image side", article, ("side",), "2"),
        (step, "filters", article, ("filters",), "1 to 2: the image's channels stay"),
        (single, "batch", conv, ("batch",), "1"),
        (single, "image side", conv, ("size",), "2"),
        (single, "channels in and out", conv, ("channels", "filters"), "2"),
    )
    found = []
    for what, grows, base, fields, expected in lines:
        values = tuple(int(f * getattr(base, fields[0])) for f in factors)
        changes: list[dict[str, Any]] = [dict.fromkeys(fields, value) for value in values]
        cases = tuple(base._replace(**change) for change in changes)
        found.append(Series(what, grows, values, cases, expected, (threads,) * len(values)))
    counts = tuple(2**k for k in range(threads.bit_length()))
    if len(counts) > 1:
        for what, case in ((step, article), (single, conv)):
            found.append(Series(what, "threads", counts, (case,) * len(counts), "-1", counts))
    return found


def task_of(case: Case, threads: int) -> Callable[[], None]:
    """Return a function that does the work once, on that many threads."""
    if isinstance(case, ScaledArticle):
        work = case.task()
    else:
        work = nanocnn_.make(case, make_data(case), "nanocnn").run

    def run() -> None:
        nc.set_num_threads(threads)
        work()

    return run


def seconds_of(runs: list[Callable[[], None]], rounds: int, sample: float) -> list[float]:
    """Return the median time of each; they take turns, for `sample` seconds or once at least."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, own in zip(runs, times, strict=True):
            run()  # warms
            end = time.perf_counter() + sample
            while True:
                started = time.perf_counter()
                run()
                own.append(time.perf_counter() - started)
                if time.perf_counter() >= end:
                    break
    return [float(np.median(own)) for own in times]


def fit(values: list[float], seconds: list[float]) -> tuple[float, float]:
    """Return the exponent of seconds ~ values**exponent, and the largest error as a factor."""
    x, y = np.log(values), np.log(seconds)
    slope, start = np.polyfit(x, y, 1)
    return float(slope), float(np.exp(np.abs(y - slope * x - start).max()))


def predicted(case: Case, threads: int, limits: dict[int, tuple[float, float]]) -> float:
    """Return the seconds that the machine needs at its measured limits."""
    peak, bandwidth = limits[threads]
    return max(case.flops() / peak, case.bytes() / bandwidth)


def measure(s: Series, limits: dict[int, tuple[float, float]], rounds: int) -> dict[str, Any]:
    """Return a row, ready for JSON."""
    pairs = list(zip(s.cases, s.threads, strict=True))
    measured = seconds_of([task_of(*pair) for pair in pairs], rounds, SAMPLE_SECONDS)
    told = [predicted(*pair, limits) for pair in pairs]
    nc.release_memory()
    values = [float(v) for v in s.values]
    exponent, residual = fit(values, measured)
    return {
        "what": s.what,
        "grows": s.grows,
        "values": list(s.values),
        "seconds": measured,
        "predicted": told,
        "exponent": exponent,
        "residual": residual,
        "predicted exponent": fit(values, told)[0],
        "expected": s.expected,
    }


def table(row: dict[str, Any]) -> str:
    """Return the lines of one series, in milliseconds."""
    lines = [f"{row['what']}, {row['grows']}"]
    for value, seconds, told in zip(row["values"], row["seconds"], row["predicted"], strict=True):
        lines.append(f"  {value:>8}{1e3 * seconds:12.2f}{1e3 * told:12.2f}")
    lines.append(
        f"  exponent {row['exponent']:.2f}, expected {row['expected']}; of the predicted times "
        f"{row['predicted exponent']:.2f}; residual {row['residual']:.2f}"
    )
    return "\n".join(lines)


def main() -> None:
    parser = script.options(__doc__, rounds=7)
    parser.add_argument("--smoke", action="store_true", help="two small cases for each line")
    given = parser.parse_args()
    about = machine.describe(given.threads)
    print(machine.header(about))
    series = all_series(given.threads, given.smoke)
    used = sorted({n for s in series for n in s.threads})
    limits = {n: (machine.peak_flops(n), machine.copy_bandwidth(n)) for n in used}
    for n, (peak, bandwidth) in limits.items():
        told = f"{peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s"
        print(f"measured limits, threads {n}: {told}")
    print(f"\n{'':10}{'ms':>12}{'predicted':>12}")
    rows = []
    for s in series:
        rows.append(measure(s, limits, 1 if given.smoke else given.rounds))
        print(table(rows[-1]), flush=True)
    script.save(given.out, "scaling", about, rows, draw)


if __name__ == "__main__":
    main()
