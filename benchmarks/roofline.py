"""The compiled kernels on this machine's roofline, and their shares of the targets.

    python benchmarks/roofline.py                      about a minute
    python benchmarks/roofline.py --smoke --out DIR    tiny sizes, a few seconds

The roof is measured in the same run: the multiply-add peak and the bandwidth of a copy. Operations
and bytes of a kernel are counted by hand (see `calls.py`): each array once for being read and once
for being written, whatever a kernel stores in between; operations of a convolution are those of the
direct form, so Winograd's, which needs fewer, may stand above the roof. Times are medians over
rounds in which all kernels take turns, on inputs that exist and results whose memory is recycled.

"of roof" is the predicted time over the measured one; the predicted time is that of the operations
at the peak or of the bytes at the copy's bandwidth, whichever is longer. Three groups have a
target: direct convolution with 3x3 filters, 16 channels or more and at least 0.5 GFLOP; the path
that nanocnn chooses for 3x3 filters with stride 1 and 32 channels or more (both in shares of the
multiply-add peak); and kernels that wait for memory, on arrays of 64 MB (in shares of the
bandwidth). An update in place needs no fetch of what it overwrites, so it may be above a copy.
"""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

import nanocnn as nc
from benchmarks import calls, image_calls, join_calls, loss_calls, script
from benchmarks.cases import RUNGS, Case
from benchmarks.roofline_picture import draw

PASSES = ("forward", "backward_input", "backward_weight")
DIRECT = (  # height and width, C, F, stride
    (128, 16, 16, 1),
    (63, 32, 64, 1),
    (32, 64, 64, 1),
    (16, 128, 128, 1),
    (8, 512, 512, 1),
    (128, 16, 32, 2),
    (32, 64, 128, 2),
    (16, 128, 256, 2),
)
CHOSEN = (
    (64, 32, 32, 1),
    (63, 32, 64, 1),
    (32, 64, 64, 1),
    (16, 128, 128, 1),
    (8, 256, 256, 1),
    (4, 512, 512, 1),
)


class Target(NamedTuple):
    """What a group of kernels has to reach, in shares of a limit."""

    limit: str
    must: float
    aim: float


TARGETS = {
    "direct convolution": Target("multiply-add peak", 0.7, 0.85),
    "chosen path": Target("multiply-add peak", 1.2, 1.8),
    "memory-bound": Target("copy bandwidth", 0.6, 0.8),
}


class Placed(NamedTuple):
    """A case, the colour that it has in the picture, and the target that it is held to."""

    case: Case
    family: str
    group: str | None = None


def roofline_cases(smoke: bool = False) -> list[Placed]:
    """Return every compiled kernel at sizes that matter, or at tiny ones for a smoke test."""
    return [*_convolutions(smoke), *_products(smoke), *_passes_over_memory(smoke)]


def _conv(which: str, shape: tuple[int, ...], flops: float, **options: Any) -> Case:
    """Return a convolution on as many images as make so many operations."""
    size, c, f, stride = shape
    rest = {"size": size, "c": c, "f": f, "stride": stride, **options}
    one = calls.conv(f"conv2d_{which}", 1, **rest)
    return calls.conv(f"conv2d_{which}", math.ceil(flops / one.flops), **rest)


def _convolutions(smoke: bool) -> list[Placed]:
    flops = 1.0 if smoke else 1e9
    found = []
    for shape in DIRECT[4:6] if smoke else DIRECT:
        for which in PASSES:
            case = _conv(which, shape, flops, direct=True)
            found.append(Placed(case, "direct convolution", "direct convolution"))
    for shape in CHOSEN[-1:] if smoke else CHOSEN:
        found += [
            Placed(_conv(which, shape, flops), "chosen path", "chosen path") for which in PASSES
        ]
    return found


def _products(smoke: bool) -> list[Placed]:
    flops, images, side = (1.0, 1, 8) if smoke else (1e9, 32, 64)
    found = []
    for which in PASSES:
        one = _conv(which, (side // 2, 64, 256, 1), flops, kernel=1)
        found.append(Placed(one, "1x1 convolution"))
    for which in PASSES:
        deep = calls.conv(f"conv2d_{which}", images, side, 64, 64, groups=64)
        found.append(Placed(deep, "depthwise convolution"))
    for level in ((8, 3, 8), (8, 32, 32)) if smoke else ((128, 3, 32), (63, 32, 64)):
        found.append(Placed(calls.conv_pool(images, *level), "convolution and pooling"))
    for sizes in ((2, 8, 8),) if smoke else ((256, 2048, 1024), (32, 57600, 64)):
        found += [Placed(calls.dense(f"dense_{which}", *sizes), "dense") for which in PASSES]
    up = (1, 4, 8, 4) if smoke else (8, 64, 32, 16)
    for which in PASSES:
        found.append(
            Placed(calls.conv_transpose(f"conv_transpose2d_{which}", *up), "1x1 convolution")
        )
    return found


def _passes_over_memory(smoke: bool) -> list[Placed]:
    images = (1, 16, 16, 8) if smoke else (32, 128, 128, 32)  # 64 MB
    size = math.prod(images)
    target = "memory-bound"
    found = []
    for name in ("max_pool2d", "average_pool2d"):
        for window in (2, 3):
            for way in ("forward", "backward"):
                case = calls.pool(f"{name}_{way}", images, window)
                found.append(Placed(case, "pooling", target))
    halves = (images[0], images[1] // 2, images[2] // 2, images[3])
    for way in ("forward", "backward"):
        for interpolation in ("nearest", "bilinear"):
            case = calls.upsample(f"upsample2d_{way}", halves, interpolation)
            found.append(Placed(case, "pooling"))
    for name in ("relu", "sigmoid", "tanh", "gelu", "leaky_relu"):
        for way in ("forward", "backward"):
            case = calls.elementwise(f"{name}_{way}", images)
            found.append(Placed(case, "activation", target if name != "leaky_relu" else None))
    found.append(Placed(join_calls.join("add_forward", images), "activation"))
    for way in ("forward", "backward"):
        found.append(Placed(calls.elementwise(f"dropout_{way}", images), "dropout", target))
    for k in (16,) if smoke else (16, 1024):
        for way in ("forward", "backward"):
            case = calls.elementwise(f"softmax_{way}", (size // k, k))
            found.append(Placed(case, "softmax", target))
    labelled = loss_calls.pixels(*((2, 12, 4) if smoke else (32, 256, 4)))
    found.append(Placed(labelled, "loss of pixels"))
    n, h, w, c = images
    for which in calls.NORMS:
        shape = (n * h * w, c) if which.startswith("batch") else (n, h * w, c)
        found.append(Placed(calls.norm(which, shape), "normalization"))
        if which.startswith("group"):  # layer normalization
            found.append(Placed(calls.norm(which, (n * h * w, 1, c)), "normalization"))
    for name in ("adam_update", "sgd_update", "rmsprop_update"):
        case = calls.update(name, size)
        found.append(Placed(case, "optimizer", target if name != "rmsprop_update" else None))
    for way in ("forward", "backward"):
        found.append(Placed(calls.pool(f"global_average_pool2d_{way}", images), "pooling"))
    found.append(Placed(calls.bias_sums("conv2d_backward_bias", images), "sums for the bias"))
    rows = (images[0] * images[1], size // (images[0] * images[1]))
    found.append(Placed(calls.bias_sums("dense_backward_bias", rows), "sums for the bias"))
    found.append(Placed(calls.elementwise("fused_backward", images), "sums for the bias"))
    pictures = (4, 16, 16, 3) if smoke else (128, 128, 128, 3)
    for name in ("warp_images", "blur_images", "adjust_images"):
        found.append(Placed(image_calls.augmentation(name, pictures), "augmentation"))
    found.append(Placed(image_calls.normal_numbers(size), "augmentation"))
    return found


def row_of(placed: Placed, seconds: list[float], limits: tuple[float, float]) -> dict[str, Any]:
    """Return everything about one kernel, ready for JSON."""
    case, family, group = placed
    found = script.told(seconds)
    peak, bandwidth = limits
    flops, moved = (amount / found["median"] for amount in (case.flops, case.bytes))
    share = None
    if group:
        by_peak = TARGETS[group].limit == "multiply-add peak"
        share = flops / peak if by_peak else moved / bandwidth
    return {
        "kernel": case.title,
        "shape": case.shape,
        "family": family,
        "group": group,
        "seconds": found,
        "predicted": case.predicted(limits),
        "FLOP": case.flops,
        "bytes": case.bytes,
        "intensity": case.flops / case.bytes,
        "GFLOP/s": flops / 1e9,
        "GB/s": moved / 1e9,
        "of roof": case.predicted(limits) / found["median"],
        "share": share,
    }


HEAD = (
    f"{'kernel':34}{'shape':36}{'ms':>9}{'spread':>8}{'predicted':>11}{'GFLOP/s':>10}{'GB/s':>8}"
    f"{'of roof':>9}{'share':>8}"
)


def line(row: dict[str, Any]) -> str:
    """Return one line of the table."""
    low, high = row["seconds"]["quartiles"]
    median = row["seconds"]["median"]
    share = "" if row["share"] is None else f"{100 * row['share']:>6.0f} %"
    return (
        f"{row['kernel']:34}{row['shape']:36}"
        f"{1e3 * median:>9.2f}{100 * (high - low) / median:>6.0f} %"
        f"{1e3 * row['predicted']:>11.2f}{row['GFLOP/s']:>10.1f}{row['GB/s']:>8.1f}"
        f"{100 * row['of roof']:>7.0f} %{share}"
    )


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each group: its smallest and median share beside the target."""
    lines = []
    for group, target in TARGETS.items():
        members = [row for row in rows if row["group"] == group]
        if not members:
            continue
        worst = min(members, key=lambda row: row["share"])
        median = float(np.median([row["share"] for row in members]))
        lines += [
            f"{group}, share of the {target.limit}, {len(members)} cases",
            f"  smallest {verdict(worst['share'], target)}  ({worst['kernel']} {worst['shape']})",
            f"  median   {verdict(median, target)}",
        ]
    return lines


def verdict(share: float, target: Target) -> str:
    """Return the share, and whether it reaches what it must and what it should."""
    told = [
        f"{name} {100 * least:.0f} %: {'reached' if share >= least else 'short'}"
        for name, least in (("must", target.must), ("aim", target.aim))
    ]
    return f"{100 * share:.0f} %  {', '.join(told)}"


def main() -> int:
    parser = script.options(__doc__, rounds=9)
    parser.add_argument("--limit", type=int, help="only the first ones, for a quick look")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: to see that it works")
    given = parser.parse_args()
    nc.set_num_threads(given.threads)
    about, limits = script.opening(given.threads, smoke=given.smoke)
    placed = roofline_cases(given.smoke)[: given.limit]
    runs = [p.case.on(RUNGS["kernels"], p.case.make()) for p in placed]
    turns = script.in_turns(runs, given.rounds)
    again = script.measured_limits(given.threads, given.smoke)
    limits = max(limits[0], again[0]), max(limits[1], again[1])
    told = f"{again[0] / 1e9:.0f} GFLOP/s, {again[1] / 1e9:.1f} GB/s"
    print(f"measured again at the end: {told}; the larger ones count\n")
    about |= {"peak GFLOP/s": limits[0] / 1e9, "copy GB/s": limits[1] / 1e9}
    rows = [row_of(p, seconds, limits) for p, seconds in zip(placed, turns, strict=True)]
    print(HEAD + "\n" + "\n".join(map(line, rows)) + "\n")
    print("\n".join(summary(rows)))
    if given.smoke:
        print("a smoke test: these sizes are not those that the targets mean")
    script.save(given.out, "roofline", about, rows, partial(draw, limits=limits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
