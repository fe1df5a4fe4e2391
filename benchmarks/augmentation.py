"""How many images a second are augmented from memory, 128x128 with three channels, in batches.

    python benchmarks/augmentation.py                    half a minute
    python benchmarks/augmentation.py --smoke --out DIR  tiny images, a few seconds

One policy is what the target means: an affine map and a flip, brightness and noise. Beside it stand
its two passes by themselves, each further ingredient, all of them together, and mixup. Each epoch
draws new random numbers, and drawing them, checks and new arrays are part of the time. The policies
take turns on one batch, in another order every round; then come the same on one thread, in plain
NumPy, and Pillow in a loop: `Image.transform` of 8-bit images with bilinear interpolation, for the
whole policy followed by NumPy's normal numbers, all of it on one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

import nanocnn as nc
from benchmarks import machine, script
from nanocnn.data import Augment, mixup
from nanocnn.data.augmentation.apply import matrices_of
from nanocnn.data.augmentation.draws import draw as draw_numbers

MUST = 5000  # images a second, of the policy that the target means, on two cores
BLUE, GREY, LIGHT, RED = "#0072B2", "#666666", "#BBBBBB", "#C00000"
AFFINE: dict[str, Any] = {"rotate": 10, "zoom": 0.1, "shift": 0.1, "shear": 5, "flip": "horizontal"}
VALUES: dict[str, Any] = {"brightness": 0.1, "noise": 0.05}
TARGET = "affine, flip, brightness, noise"
POLICIES: dict[str, dict[str, Any]] = {
    TARGET: {**AFFINE, **VALUES},
    "affine, flip": AFFINE,
    "brightness, noise": VALUES,
    "elastic": {"elastic": 0.03},
    "blur": {"blur": 1.0},
    "contrast": {"contrast": 0.2},
    "gamma": {"gamma": 0.3},
    "cutout": {"cutout": 0.25},
    "everything": {
        **AFFINE, **VALUES, "elastic": 0.03, "blur": 1.0, "contrast": 0.2, "gamma": 0.3,
        "cutout": 0.25,
    },
}  # fmt: skip


class Case(NamedTuple):
    """What is timed: a name, who does it, and a call that augments one batch."""

    what: str
    who: str
    run: Callable[[], Any]


def cases(batch: int, size: int, threads: int) -> list[Case]:
    """Return all cases, those of nanocnn first."""
    images = np.random.default_rng(0).random((batch, size, size, 3), np.float32)
    targets = np.eye(2, dtype=np.float32)[np.arange(batch) % 2]
    indices, ours = np.arange(batch), f"nanocnn, {threads} threads"

    def mixed(epochs: Any = count()) -> Any:  # noqa: B008 (each call goes on counting)
        return mixup(images, targets, alpha=0.2, seed=0, epoch=next(epochs), indices=indices)

    found = [
        Case(what, ours, augmenting(Augment(**options), images, threads, "numba"))
        for what, options in POLICIES.items()
    ]
    found.append(Case("mixup", ours, mixed))
    for what in (TARGET, "affine, flip"):
        policy = Augment(**POLICIES[what])
        found += [
            Case(what, "nanocnn, 1 thread", augmenting(policy, images, 1, "numba")),
            Case(what, "NumPy", augmenting(policy, images, threads, "vectorized")),
            Case(what, "Pillow in a loop", in_a_loop(policy, images)),
        ]
    return found


def augmenting(
    policy: Augment, images: np.ndarray, threads: int, backend: str
) -> Callable[[], np.ndarray]:
    """Return a call that augments a batch, as of another epoch each time."""
    epochs, indices = count(), np.arange(len(images))

    def run() -> np.ndarray:
        before = nc.get_num_threads()
        nc.set_num_threads(threads)
        try:
            with nc.backend(backend):
                return policy(images, epoch=next(epochs), indices=indices)
        finally:
            nc.set_num_threads(before)

    return run


def in_a_loop(policy: Augment, images: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a call that does the same with Pillow, and with NumPy what Pillow has not."""
    pictures = [Image.fromarray((255 * image).astype(np.uint8)) for image in images]
    height, width = images.shape[1:3]
    epochs, rng = count(), np.random.default_rng(0)

    def run() -> np.ndarray:
        drawn = draw_numbers(policy.seed, next(epochs), np.arange(len(images)))
        matrices = matrices_of(policy, drawn, (height, width))
        y = np.empty(images.shape, np.float32)
        for n, (picture, matrix) in enumerate(zip(pictures, matrices, strict=True)):
            moved = picture.transform(
                (width, height), Image.Transform.AFFINE, pillow_matrix(matrix),
                Image.Resampling.BILINEAR,
            )  # fmt: skip
            y[n] = moved
        y /= 255
        if policy.brightness or policy.noise:
            strengths = drawn.numbers["noise"].astype(np.float32) * np.float32(policy.noise)
            y += (policy.brightness * drawn.both_ways("brightness"))[:, None, None, None]
            y += strengths[:, None, None, None] * rng.standard_normal(y.shape, np.float32)
            np.clip(y, 0, 1, out=y)
        return y

    return run


def pillow_matrix(matrix: np.ndarray) -> tuple[float, ...]:
    """Return six numbers for Pillow: columns before rows, centres of pixels at halves."""
    (a, b, c), (d, e, f) = matrix
    half = 0.5
    return (e, d, f + half - half * (d + e), b, a, c + half - half * (a + b))


def row_of(case: Case, seconds: list[float], batch: int) -> dict[str, Any]:
    """Return everything about one case, ready for JSON."""
    told = script.told(seconds)
    rates = [batch / quartile for quartile in told["quartiles"][::-1]]
    is_target = case.what == TARGET and case.who == "nanocnn, 2 threads"
    return {
        "what": case.what,
        "who": case.who,
        "seconds": told,
        "images a second": batch / told["median"],
        "quartiles": rates,
        "must": MUST if is_target else None,
    }


HEAD = f"{'policy':34}{'who':22}{'images/s':>10}{'quartiles':>18}{'ms a batch':>12}"


def line(row: dict[str, Any]) -> str:
    """Return one line of the table."""
    low, high = row["quartiles"]
    verdict = ""
    if row["must"]:
        reached = "reached" if row["images a second"] >= row["must"] else "short"
        verdict = f"   must {row['must']}: {reached}"
    return (
        f"{row['what']:34}{row['who']:22}{row['images a second']:>10.0f}"
        f"{f'{low:.0f} to {high:.0f}':>18}{1e3 * row['seconds']['median']:>12.2f}{verdict}"
    )


def draw(rows: list[dict[str, Any]], note: str, path: Path) -> None:
    """Write a bar for each case: nanocnn on all threads in blue, the target as a stroke."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9, 1.4 + 0.29 * len(rows)), dpi=120, facecolor="white")
    fig.set_layout_engine("constrained", rect=(0, 0.07, 1, 0.93))
    ax = fig.subplots()
    end = 1.12 * max(row["quartiles"][1] for row in rows)
    for place, row in enumerate(rows):
        ours = row["who"] == rows[0]["who"]
        ax.barh(place, row["images a second"], height=0.7, color=BLUE if ours else LIGHT)
        ax.plot(row["quartiles"], [place, place], color="black", linewidth=1)
        if row["must"]:
            ax.plot([row["must"]] * 2, [place - 0.45, place + 0.45], color=RED, linewidth=2)
        ax.text(
            max(row["quartiles"][1], row["must"] or 0) + 0.01 * end, place,
            f"{row['images a second']:.0f}", va="center", fontsize=8,
        )  # fmt: skip
    names = [f"{row['what']}   ({row['who']})" for row in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=8)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, end)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel("images a second (black: quartiles; red: must be reached)", fontsize=8)
    ax.set_title("Augmenting from memory", loc="left", fontsize=11)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    fig.text(0.01, 0.01, note, fontsize=6, color=GREY, va="bottom")
    fig.savefig(path)


def main() -> int:
    parser = script.options(__doc__, rounds=15)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: to see that it works")
    given = parser.parse_args()
    batch, size, sample = given.batch, given.size, 0.1
    if given.smoke:
        batch, size, sample = 2, 16, 0.0
    about = machine.describe(given.threads, ("pillow",))
    about |= {"batch": batch, "size": size}
    print(machine.header(about))
    print(f"batches of {batch} images, {size} x {size} x 3\n")
    found = cases(batch, size, given.threads)
    turns = script.in_turns([case.run for case in found], given.rounds, sample)
    rows = [row_of(case, seconds, batch) for case, seconds in zip(found, turns, strict=True)]
    print(HEAD + "\n" + "\n".join(map(line, rows)))
    script.save(given.out, "augmentation", about, rows, draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
