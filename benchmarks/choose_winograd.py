"""Measure direct and Winograd's convolution, and write the table by which nanocnn chooses.

    python benchmarks/choose_winograd.py             print the table, and what it would change
    python benchmarks/choose_winograd.py --write     and write nanocnn/kernels/winograd_table.py

Both run in turns, on as many images (at most 32) as make about 8 GFLOP. The errors of both are
measured against float64 and printed beside the times. The table is made on one machine and serves
all: its bits must be the same everywhere.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

from benchmarks import machine
from nanocnn import config, kernels, vectorized
from nanocnn.kernels import winograd

TABLE = Path(winograd.__file__).with_name("winograd_table.py")
CHANNELS = ((16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (128, 128), (256, 256), (512, 512))
SIZES = (4, 8, 16, 32, 64, 128)
PADDING = ((1, 1), (1, 1))
GEOMETRY = ((1, 1), PADDING, (1, 1), 1)
HEAD = '''"""Direct convolution's time over Winograd's: written by benchmarks/choose_winograd.py."""

# (channels in, channels out, height and width): forward, gradient for the input, for the filters
SPEEDUPS: dict[tuple[int, int, int], tuple[float, float, float]] = {
'''


def best_of(runs: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Return each function's best time; they take turns."""
    best = [float("inf")] * len(runs)
    for turn in range(rounds + 1):  # the first one warms
        for k, run in enumerate(runs):
            started = time.perf_counter()
            run()
            if turn:
                best[k] = min(best[k], time.perf_counter() - started)
    return best


def shapes() -> list[tuple[int, int, int, int]]:
    """Return (images, channels, filters, size), without those that no network has."""
    found = []
    for c, f in CHANNELS:
        for size in SIZES:
            if c * size > 8192 or (c == 16 and size == 4):
                continue
            one = 2.0 * size**2 * 9 * c * f
            found.append((int(max(1, min(32, 8e9 // one))), c, f, size))
    return found


def measure(n: int, c: int, f: int, size: int, rounds: int) -> tuple[list[float], list[float]]:
    """Return the three speed-ups, and the errors of both forward passes."""
    rng = np.random.default_rng(0)
    x, w, b, dy = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in ((n, size, size, c), (3, 3, c, f), (f,), (n, size, size, f))
    )
    pairs: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
        (
            lambda: kernels.conv2d_forward(x, w, b, *GEOMETRY),
            lambda: winograd.winograd_forward(x, w, b, PADDING),
        ),
        (
            lambda: kernels.conv2d_backward_input(dy, w, x.shape, *GEOMETRY),
            lambda: winograd.winograd_backward_input(dy, w, x.shape, PADDING),
        ),
        (
            lambda: kernels.conv2d_backward_weight(dy, x, w.shape, *GEOMETRY),
            lambda: winograd.winograd_backward_weight(dy, x, PADDING),
        ),
    ]
    with config.winograd(False):
        times = [best_of(list(pair), rounds) for pair in pairs]
        few = x[:1].astype(np.float64)
        wide = [few, w.astype(np.float64), b.astype(np.float64)]
        exact = vectorized.conv2d_forward(*wide, *GEOMETRY)
        errors = [np.abs(run()[:1] - exact).max() / np.abs(exact).max() for run in pairs[0]]
    return [direct / ours for direct, ours in times], [float(e) for e in errors]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=int, help="only the first shapes, for a quick look")
    given = parser.parse_args()
    print(machine.header(machine.describe(machine.nc.get_num_threads())))
    print("direct over Winograd: forward, dx, dw; error of direct, of Winograd, forward")
    lines = []
    for n, c, f, size in shapes()[: given.limit]:
        gains, errors = measure(n, c, f, size, given.rounds)
        told = "  ".join(f"{g:5.2f}" for g in gains)
        shape = f"N={n:<3} {c:>4} -> {f:<4} {size:>3}x{size:<3}"
        print(f"{shape}  {told}   {errors[0]:.1e} {errors[1]:.1e}", flush=True)
        lines.append(f"    ({c}, {f}, {size}): ({', '.join(f'{g:.2f}' for g in gains)}),\n")
    if given.write:
        TABLE.write_text(HEAD + "".join(lines) + "}\n", encoding="utf-8")
        print(f"written: {TABLE}")


if __name__ == "__main__":
    main()
