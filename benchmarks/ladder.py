"""Every exported function on every rung: the loops, NumPy and the kernels, side by side.

    python benchmarks/ladder.py                       everything, about two minutes
    python benchmarks/ladder.py --smoke --out DIR     tiny sizes, a few seconds

The rungs take turns on the same arrays, in another order every round. Beside each median stand its
spread (the quartiles' distance over the median), the time that the machine would need at its
measured limits, operations or bytes a second (whichever the machine is short of; counted by hand,
see `calls.py`), how many times as fast it is as the rung below, and its error: the largest
difference from float64, over the largest value. The loops run at the small size only; errors there
are against the loops in float64, at other sizes against NumPy in float64. "n/a": the rung does not
run at this size, or has no such function (losses of rows are NumPy's on the compiled rung as well).

"compile" is the first call less a later one, in a process of its own with an empty kernel cache;
the cache makes it a matter of once. NumPy's matrix products use as many threads as its BLAS
takes: set OPENBLAS_NUM_THREADS to compare at another number. Bytes are predicted at the speed of
memory, so arrays that stay in a cache can be faster than predicted.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# OpenBLAS keeps its threads spinning for 0.1 s after a product, and the kernels, whose turn it is
# then, were measured at half their speed. 2^20 ticks are 0.4 ms. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

import nanocnn as nc
from benchmarks import calls, image_calls, join_calls, loss_calls, script
from benchmarks.cases import RUNGS, Case, function_of, without_case
from benchmarks.ladder_picture import draw

SMALL, MEDIUM, LARGE = range(3)
WAYS = ("forward", "backward")
IMAGES = ((2, 12, 12, 4), (8, 64, 64, 8), (32, 64, 64, 32))
ROWS = ((64, 16), (4096, 16), (262144, 16))
PIXELS = ((2, 12, 4), (8, 128, 2), (8, 128, 4))  # N, height and width, K
SIZES = (1 << 12, 1 << 18, 1 << 22)
CONVS = ((2, 12, 4, 6), (4, 32, 16, 32), (8, 63, 32, 64))  # N, height and width, C, F
DENSE = ((8, 32, 16), (64, 512, 256), (256, 2048, 1024))  # N, D, F


def ladder_cases(smoke: bool = False) -> list[Case]:
    """Return all cases; those of one function follow each other from the smallest to the largest.

    The large convolution is there twice: as the kernels choose, and always direct.
    """
    found = []
    for level in (SMALL,) if smoke else (SMALL, MEDIUM, LARGE):
        for which in ("forward", "backward_input", "backward_weight", "backward_weight_and_bias"):
            found.append(calls.conv(f"conv2d_{which}", *CONVS[level], direct=True))
            if level == LARGE:
                found.append(calls.conv(f"conv2d_{which}", *CONVS[level]))
        found.append(calls.conv_pool(*CONVS[level], direct=True))
        if level == LARGE:
            found.append(calls.conv_pool(*CONVS[level]))
        found.append(calls.bias_sums("conv2d_backward_bias", IMAGES[level]))
        for which in ("forward", "backward_input", "backward_weight"):
            found.append(calls.dense(f"dense_{which}", *DENSE[level]))
        found.append(calls.bias_sums("dense_backward_bias", ROWS[level]))
        found.append(calls.elementwise("fused_backward", IMAGES[level]))
        for which in ("forward", "backward_input", "backward_weight"):
            found.append(calls.conv_transpose(f"conv_transpose2d_{which}", *CONVS[level]))
        for name, make in (("upsample2d", calls.upsample), ("zero_pad2d", calls.zero_pad)):
            found += [make(f"{name}_{way}", IMAGES[level]) for way in WAYS]
        for name in ("max_pool2d", "average_pool2d", "global_average_pool2d"):
            found += [calls.pool(f"{name}_{way}", IMAGES[level]) for way in WAYS]
        n, h, w, c = IMAGES[level]
        for which in calls.NORMS:
            shape = (n * h * w, c) if which.startswith("batch") else (n, h * w, c)
            found.append(calls.norm(which, shape))
        for name in ("relu", "leaky_relu", "sigmoid", "tanh", "gelu", "dropout"):
            found += [calls.elementwise(f"{name}_{way}", (SIZES[level],)) for way in WAYS]
        for name in ("add_forward", "concatenate_forward", "concatenate_backward"):
            found.append(join_calls.join(name, IMAGES[level]))
        found.append(calls.mask(SIZES[level]))
        found += [calls.elementwise(f"softmax_{way}", ROWS[level]) for way in WAYS]
        for name in ("warp_images", "blur_images", "adjust_images"):
            found.append(image_calls.augmentation(name, IMAGES[level]))
        found.append(image_calls.normal_numbers(SIZES[level]))
        found += [calls.flatten(f"flatten_{way}", IMAGES[level]) for way in WAYS]
        found += [calls.update(name, SIZES[level]) for name in calls.UPDATES]
        found += [loss_calls.loss(name, *ROWS[level]) for name in loss_calls.PER_SCORE]
        found.append(loss_calls.pixels(*PIXELS[level]))
    order = list(dict.fromkeys(case.function for case in found))
    return sorted(found, key=lambda case: order.index(case.function))


def largest_error(found: list[Any], right: list[Any]) -> float:
    """Return the largest difference of any result, over the largest value of that result."""
    errors = []
    for ours, exact in zip(found, right, strict=True):
        exact = np.asarray(exact, np.float64)
        off = np.abs(np.asarray(ours, np.float64) - exact).max()
        errors.append(float(off / (np.abs(exact).max() or 1.0)))
    return max(errors)


def compile_seconds(number: int, threads: int, smoke: bool) -> float:
    """Return the first call of a case less a later one, in a fresh process without a cache."""
    command = [sys.executable, "-m", "benchmarks.first_call", str(number)]
    command += ["--smoke"] if smoke else []
    with tempfile.TemporaryDirectory() as folder:
        variables = {"NANOCNN_CACHE_DIR": folder, "NANOCNN_NUM_THREADS": str(threads)}
        done = subprocess.run(
            command,
            env={**os.environ, **variables},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout)
    return float(found["first"] - found["later"])


def measure(
    case: Case, small: bool, rounds: int, limits: tuple[float, float]
) -> list[dict[str, Any]]:
    """Return a row for each rung; the loops run where the case is small."""
    args = case.make()
    able = {
        rung: module
        for rung, module in RUNGS.items()
        if function_of(module, case.function) and (small or rung != "loops")
    }
    right = case.outputs(RUNGS["loops" if small else "NumPy"], args, np.float64)
    errors = {
        rung: largest_error(case.outputs(module, args, np.float32), right)
        for rung, module in able.items()
    }
    runs = [case.on(module, args) for module in able.values()]
    turns = script.in_turns(runs, rounds)
    seconds = {rung: script.told(s) for rung, s in zip(able, turns, strict=True)}
    rows, below = [], None
    for rung in RUNGS:
        row: dict[str, Any] = {
            "function": case.function,
            "title": case.title,
            "shape": case.shape,
            "small": small,
            "rung": rung,
            "predicted": case.predicted(limits),
            "seconds": seconds.get(rung),
            "error": errors.get(rung),
            "speed-up": None,
            "compile": None,
        }
        row |= rates(case, row["seconds"], limits)
        if rung in able:
            if below:
                row["speed-up"] = seconds[below]["median"] / seconds[rung]["median"]
            below = rung
        rows.append(row)
    return rows


def rates(
    case: Case, seconds: dict[str, Any] | None, limits: tuple[float, float]
) -> dict[str, float | None]:
    """Return operations or bytes a second in 1e9, the one that the machine is short of."""
    found: dict[str, float | None] = {"GFLOP/s": None, "GB/s": None}
    if seconds and case.bytes:
        amount, unit = (case.bytes, "GB/s")
        if case.is_arithmetic(limits):
            amount, unit = (case.flops, "GFLOP/s")
        found[unit] = amount / seconds["median"] / 1e9
    return found


HEAD = (
    f"{'function':32}{'shape':30}{'rung':8}{'ms':>10}{'spread':>8}{'predicted':>11}"
    f"{'rate':>18}{'x below':>9}{'error':>9}{'compile s':>11}"
)


def line(row: dict[str, Any]) -> str:
    """Return one line of the table."""
    names = (row["title"], row["shape"]) if row["rung"] == "loops" else ("", "")
    start = f"{names[0]:32}{names[1]:30}{row['rung']:8}"
    seconds = row["seconds"]
    if seconds is None:
        return f"{start}{'n/a':>10}"
    low, high = seconds["quartiles"]
    unit = next((u for u in ("GFLOP/s", "GB/s") if row[u]), None)
    cells = [
        f"{digits(1e3 * seconds['median']):>10}",
        f"{100 * (high - low) / seconds['median']:>6.0f} %",
        f"{digits(1e3 * row['predicted']):>11}",
        f"{f'{digits(row[unit])} {unit:7}' if unit else 'n/a    ':>18}",
        f"{digits(row['speed-up']) if row['speed-up'] else 'n/a':>9}",
        f"{row['error']:>9.0e}" if row["error"] else f"{0:>9}",
        f"{row['compile']:>11.2f}" if row["compile"] is not None else "",
    ]
    return start + "".join(cells)


def digits(value: float) -> str:
    """Return a number to three digits."""
    behind = 2 - math.floor(math.log10(value)) if value else 0
    return f"{value:.{min(6, max(0, behind))}f}"


def main() -> int:
    parser = script.options(__doc__, rounds=5)
    parser.add_argument("--limit", type=int, help="only the first ones, for a quick look")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: to see that it works")
    given = parser.parse_args()
    if missing := without_case(ladder_cases()):
        print(f"exported, but without a case here: {', '.join(missing)}", file=sys.stderr)
        return 1
    nc.set_num_threads(given.threads)
    about, limits = script.opening(given.threads, smoke=given.smoke)
    print(HEAD)
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    compiled: set[str] = set()
    for number, case in enumerate(ladder_cases(given.smoke)[: given.limit]):
        small = case.function not in seen
        seen.add(case.function)
        found = measure(case, small, given.rounds, limits)
        kernel = found[-1]
        # Once for each function, and in a quick look once at all.
        if kernel["seconds"] and case.title not in compiled and not (given.smoke and compiled):
            compiled.add(case.title)
            kernel["compile"] = compile_seconds(number, given.threads, given.smoke)
        rows += found
        print("\n".join(line(row).rstrip() for row in found), flush=True)
    script.save(given.out, "ladder", about, rows, draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
