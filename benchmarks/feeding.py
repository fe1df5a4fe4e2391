"""How much slower the article's training step gets when its batches are augmented and loaded.

    python benchmarks/feeding.py                    about two minutes
    python benchmarks/feeding.py --smoke --out DIR  a few steps, a few seconds

The step by itself is what `fit` does with decoded arrays: pick a batch, learn from it. Against it
stands the same network fed by a `DataLoader`: without changes, with an affine map, a flip,
brightness and noise on no, one and two threads, and with the same from PNG files that are decoded
in every epoch. Each runs whole epochs, in turns, in another order every round; a slowdown is that
of a round against the arrays of the same round, its median over all rounds.

The prediction is made first, from the parts by themselves: a step keeps all cores busy, so whatever
else is done comes on top of it, on as many cores as there are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

import nanocnn as nc
from benchmarks import machine, script
from benchmarks.augmentation import POLICIES, TARGET
from benchmarks.peer_libraries.nanocnn_ import article
from benchmarks.workloads import LEARNING_RATE, article_workloads, make_data
from nanocnn.data import Augment, DataLoader, ImageDataset
from nanocnn.layers.keys import derive
from nanocnn.training.feeding import Feed, Held, Streamed
from nanocnn.training.loop import train_step

MUST = 0.15  # the slowdown stays below it
BLUE, GREY, LIGHT, RED = "#0072B2", "#666666", "#BBBBBB", "#C00000"
ARRAYS, PLAIN, FILES = "arrays, as they are", "loader, as they are", "PNG files, augmented"
AUGMENTED = "loader, augmented"


class Case(NamedTuple):
    """A way to feed the network.

    Attributes
    ----------
    what : str
    threads : int or None       of the loader
    feed : Feed
    extra : float               predicted seconds on top of a step
    """

    what: str
    threads: int | None
    feed: Feed
    extra: float


def images(n: int, folder: Path) -> tuple[np.ndarray, np.ndarray, ImageDataset]:
    """Return n synthetic slices, three times as channels, their labels, and as PNG files."""
    drawn = nc.data.phantoms.lung_ct(n, seed=0)
    grey = np.rint(255 * drawn.images).astype(np.uint8)
    for k, (image, label) in enumerate(zip(grey, drawn.labels, strict=True)):
        place = folder / str(label)
        place.mkdir(exist_ok=True)
        Image.fromarray(image).save(place / f"{k:05d}.png")
    x = np.repeat((grey / np.float32(255))[..., None], 3, axis=3)
    return x, drawn.labels, nc.data.open(folder, channels=3)


def cases(model: nc.Sequential, batch: int, steps: int, folder: Path) -> list[Case]:
    """Return all ways, the arrays by themselves first, each with what it should cost."""
    x, y, files = images(batch * steps, folder)
    policy = Augment(**POLICIES[TARGET])
    picked, indices, epochs = x[:batch], np.arange(batch), count()
    augmenting = alone(lambda: policy(picked, epoch=next(epochs), indices=indices))
    in_order = DataLoader(files, batch, shuffle=False, threads=0)
    # Decoding takes one core; the loader's threads do it on all of them.
    decoding = alone(in_order.peek) / nc.get_num_threads()
    picking = alone(lambda: x[indices])
    found = [Case(ARRAYS, None, Held(model, x, y, batch, shuffle=True), 0.0)]
    found.append(Case(PLAIN, 2, Streamed(model, DataLoader((x, y), batch)), 0.0))
    for threads in (0, 1, 2):
        loader = DataLoader((x, y), batch, augment=policy, threads=threads)
        found.append(Case(AUGMENTED, threads, Streamed(model, loader), augmenting))
    loader = DataLoader(files, batch, augment=policy)
    found.append(Case(FILES, 2, Streamed(model, loader), augmenting + decoding - picking))
    return found


def alone(run: Callable[[], Any]) -> float:
    """Return the median seconds of a call, the first not counted."""
    run()
    return float(np.median([script.clock(run) for _ in range(15)]))


def training(model: nc.Sequential, feed: Feed) -> Callable[[], float]:
    """Return a call that trains for one epoch, another each time, and returns the last loss."""
    objective, epochs = model.objective(), count()

    def run() -> float:
        epoch, loss = next(epochs), np.nan
        for batch, (x, target) in enumerate(feed.epoch(epoch)):
            key = derive(derive(0, epoch), batch)
            loss = train_step(model, objective, x, target, key, epoch, batch)["loss"]
        return loss

    return run


def row_of(case: Case, seconds: list[float], base: list[float], steps: int) -> dict[str, Any]:
    """Return everything about one case, ready for JSON; `base` are the seconds of the arrays."""
    slowdowns = np.array(seconds) / np.array(base) - 1
    low, median, high = (float(q) for q in np.quantile(slowdowns, (0.25, 0.5, 0.75)))
    step = script.told([second / steps for second in seconds])
    alone_step = float(np.median(base)) / steps
    return {
        "what": case.what,
        "loader threads": case.threads,
        "seconds a step": step,
        "slowdown": median,
        "quartiles": [low, high],
        "predicted slowdown": case.extra / alone_step,
        "must": MUST if (case.what, case.threads) == (AUGMENTED, 2) else None,
    }


HEAD = f"{'batches from':24}{'threads':>8}{'ms a step':>11}{'slowdown':>10}{'quartiles':>18}"
HEAD += f"{'predicted':>11}"


def line(row: dict[str, Any]) -> str:
    """Return one line of the table."""
    low, high = row["quartiles"]
    threads = "" if row["loader threads"] is None else row["loader threads"]
    verdict = ""
    if row["must"]:
        kept = "kept" if row["slowdown"] < row["must"] else "broken"
        verdict = f"   must stay below {row['must']:.0%}: {kept}"
    return (
        f"{row['what']:24}{threads:>8}{1e3 * row['seconds a step']['median']:>11.1f}"
        f"{row['slowdown']:>10.1%}{f'{low:.1%} to {high:.1%}':>18}"
        f"{row['predicted slowdown']:>11.1%}{verdict}"
    )


def draw(rows: list[dict[str, Any]], note: str, path: Path) -> None:
    """Write a bar for each slowdown, a circle for the prediction, a red stroke for the limit."""
    from matplotlib.figure import Figure

    rows = rows[1:]  # against the first
    fig = Figure(figsize=(8, 1.7 + 0.36 * len(rows)), dpi=120, facecolor="white")
    fig.set_layout_engine("constrained", rect=(0, 0.09, 1, 0.91))
    ax = fig.subplots()
    for place, row in enumerate(rows):
        ax.barh(place, 100 * row["slowdown"], height=0.65, color=BLUE if row["must"] else LIGHT)
        ax.plot([100 * q for q in row["quartiles"]], [place, place], color="black", linewidth=1)
        predicted = 100 * row["predicted slowdown"]
        ax.plot(predicted, place, "o", mfc="white", mec=GREY, markersize=6)
        end = max(100 * row["slowdown"], 100 * row["quartiles"][1], predicted)
        ax.text(end + 0.6, place, f"{row['slowdown']:.1%}", va="center", fontsize=8)
    ax.axvline(100 * MUST, color=RED, linewidth=1.5)
    ax.axvline(0, color="black", linewidth=0.8)
    names = [f"{row['what']}   (threads: {row['loader threads']})" for row in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=8)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.margins(x=0.12)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel(
        "slowdown of a training step in percent (black: quartiles; circle: predicted; red: must "
        "not be reached)",
        fontsize=8,
    )
    ax.set_title("Feeding the article's network", loc="left", fontsize=11)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    fig.text(0.01, 0.01, note, fontsize=6, color=GREY, va="bottom")
    fig.savefig(path)


def main() -> int:
    parser = script.options(__doc__, rounds=9)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10, help="in an epoch")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: to see that it works")
    given = parser.parse_args()
    batch, steps = (2, 2) if given.smoke else (given.batch, given.steps)
    nc.set_num_threads(given.threads)
    about = machine.describe(given.threads, ("pillow",)) | {"batch": batch, "steps": steps}
    print(machine.header(about))
    print(f"batches of {batch} images, 128 x 128 x 3, {steps} steps an epoch\n")
    model = article(make_data(article_workloads()[0]._replace(batch=1)))
    model.compile(nc.Adam(LEARNING_RATE), "softmax_cross_entropy", ["accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        found = cases(model, batch, steps, Path(folder))
        for what, extra in {case.what: case.extra for case in found[1:]}.items():
            print(f"predicted on top of a step: {1e3 * extra:5.2f} ms, {what}")
        runs = [training(model, case.feed) for case in found]
        turns = script.in_turns(runs, given.rounds, sample=0.0)
    rows = [
        row_of(case, seconds, turns[0], steps) for case, seconds in zip(found, turns, strict=True)
    ]
    print("\n" + HEAD + "\n" + "\n".join(map(line, rows)))
    script.save(given.out, "feeding", about, rows, draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
