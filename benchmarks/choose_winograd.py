"""Measure direct and Winograd's convolution, and write the table by which nanocnn chooses.

    python benchmarks/choose_winograd.py             print the table, and what it would change
    python benchmarks/choose_winograd.py --write     and write nanocnn/kernels/winograd_table.py

Both run in turns, on as many images (at most 32) as make about 8 GFLOP. The errors of both, and of
PyTorch where it is installed, are measured against float64 on one image and printed beside the
times. The table is made on one machine and serves all: its bits must be the same everywhere.
"""

from __future__ import annotations

import argparse
import importlib.util
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


Pair = tuple[Callable[[], Any], Callable[[], Any]]


def passes(x: Any, w: Any, b: Any, dy: Any) -> list[Pair]:
    """Return forward, dx and dw, each by direct and by Winograd's convolution."""
    return [
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


def by_torch(x: Any, w: Any, b: Any, dy: Any) -> list[Any]:
    """Return y, dx and dw of PyTorch; nothing where it is not installed."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    image, filters, bias, upstream = (
        torch.from_numpy(np.ascontiguousarray(a))
        for a in (x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1), b, dy.transpose(0, 3, 1, 2))
    )
    image.requires_grad_(), filters.requires_grad_()
    y = torch.nn.functional.conv2d(image, filters, bias, padding=1)
    dx, dw = torch.autograd.grad(y, (image, filters), upstream)
    back = (0, 2, 3, 1)
    return [
        y.detach().numpy().transpose(back),
        dx.numpy().transpose(back),
        dw.numpy().transpose(2, 3, 1, 0),
    ]


def errors_of(x: Any, w: Any, b: Any, dy: Any) -> list[list[float]]:
    """Return the errors over the largest value, of forward, dx, dw: direct, Winograd, PyTorch."""
    wide = [a.astype(np.float64) for a in (x, w, b, dy)]
    exact = (
        vectorized.conv2d_forward(*wide[:3], *GEOMETRY),
        vectorized.conv2d_backward_input(wide[3], wide[1], x.shape, *GEOMETRY),
        vectorized.conv2d_backward_weight(wide[3], wide[0], w.shape, *GEOMETRY),
    )
    found = [[run() for run in pair] for pair in passes(x, w, b, dy)]
    for results, other in zip(found, by_torch(x, w, b, dy), strict=False):
        results.append(other)
    return [
        [float(np.abs(a - true).max() / np.abs(true).max()) for a in results]
        for results, true in zip(found, exact, strict=True)
    ]


def measure(
    n: int, c: int, f: int, size: int, rounds: int
) -> tuple[list[float], list[list[float]]]:
    """Return the three speed-ups, and the errors of `errors_of`."""
    rng = np.random.default_rng(0)
    x, w, b, dy = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in ((n, size, size, c), (3, 3, c, f), (f,), (n, size, size, f))
    )
    with config.winograd(False):
        times = [best_of(list(pair), rounds) for pair in passes(x, w, b, dy)]
        return [direct / ours for direct, ours in times], errors_of(x[:1], w, b, dy[:1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=int, help="only the first shapes, for a quick look")
    given = parser.parse_args()
    print(machine.header(machine.describe(machine.nc.get_num_threads())))
    print("direct over Winograd: forward, dx, dw; for each the errors of direct, Winograd, PyTorch")
    lines = []
    for n, c, f, size in shapes()[: given.limit]:
        gains, errors = measure(n, c, f, size, given.rounds)
        told = "  ".join(f"{g:5.2f}" for g in gains)
        shape = f"N={n:<3} {c:>4} -> {f:<4} {size:>3}x{size:<3}"
        noise = "   ".join(" ".join(f"{e:.0e}" for e in each) for each in errors)
        print(f"{shape}  {told}   {noise}", flush=True)
        lines.append(f"    ({c}, {f}, {size}): ({', '.join(f'{g:.2f}' for g in gains)}),\n")
    if given.write:
        TABLE.write_text(HEAD + "".join(lines) + "}\n", encoding="utf-8")
        print(f"written: {TABLE}")


if __name__ == "__main__":
    main()
