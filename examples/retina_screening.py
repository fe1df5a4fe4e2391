"""Screening of the retina: grade diabetic retinopathy, and find the vessels.

    python examples/retina_screening.py                  synthetic photographs, made on the spot:
                                                         both tasks
    python examples/retina_screening.py --data FILE      real ones in the format of
                                                         chasedb1_480.npz: vessels alone

Grading: which of five grades a photograph shows, measured by Cohen's kappa with quadratic weights:
a miss by three grades is worse than three misses by one. Vessels: a U-Net learns on patches, cut
out anew in each epoch, and is measured on whole photographs, beside a second human observer where
there is one. Pixels outside the round field of view count nowhere.

Thresholds and recipes are chosen on validation photographs. Of real data the numbers printed are
theirs; `--test` looks at the test part instead, for once, and notes it in
benchmarks/test_readings.csv. In `--out`: for grading and vessels each a model, history and curves;
grades.png, predictions.png, vessels.png and metrics.json. For research and teaching; no medical
device.
"""

# ruff: noqa: E402
from __future__ import annotations

import time

STARTED = time.perf_counter()  # the imports count

import argparse
import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from readings import READINGS, add_reading
from retina import drawing, grades, vessels
from retina.photographs import Photographs, draw_phantoms, read_photographs

import nanocnn as nc
from nanocnn.evaluation import dice, plots

SYNTHETIC = "synthetic photographs (phantoms), not patients"
GRADING = {"train": 600, "val": 100, "test": 200}
VESSELS = {"train": 100, "val": 20, "test": 40}


def draw_parts(numbers: dict[str, int], seed: int, limit: int | None) -> list[Photographs]:
    """Draw training, validation and test photographs; the parts share no patient."""
    parts, patients = [], 0
    for n in numbers.values():
        parts.append(draw_phantoms(min(n, limit or n), seed, patients))
        patients += (n + 1) // 2
    return parts


def keep(
    name: str, model: nc.Sequential, history: dict[str, list[float]], out: Path, note: str
) -> dict[str, Any]:
    """Write model, history and curves; return what identifies the weights."""
    path = out / f"{name}.safetensors"
    model.save(path)
    with open(out / f"{name}_history.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["epoch", *history])
        table.writerows([k, *row] for k, row in enumerate(zip(*history.values(), strict=True), 1))
    plots.plot_history(history, out / f"{name}_curves.png", note=note)
    return {
        "parameters": sum(p.size for p in model.params.values()),
        "weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def grade(args: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Learn to grade phantoms, and measure it on other ones."""
    train, val, test = draw_parts(GRADING, args.seed, args.limit)
    recipe = grades.PHANTOMS
    recipe = recipe._replace(epochs=args.epochs or recipe.epochs)
    began = time.perf_counter()
    grader = grades.train(train, val, args.seed, recipe, verbose=not args.quiet)
    seconds = time.perf_counter() - began
    found = grades.evaluate(grader, test)
    found |= {"measured_on": "test", "data": SYNTHETIC, "n_train": len(train.images)}
    found |= {"seconds_train": seconds, "recipe": recipe._asdict()}
    found |= keep("grading", grader.model, grader.history, out, SYNTHETIC)
    plots.plot_confusion_matrix(
        found["confusion_matrix"], grades.GRADES, out / "grades.png", note=SYNTHETIC
    )
    plots.plot_predictions(
        test.images, test.grades, grader.probabilities(test), grades.GRADES,
        out / "predictions.png", note=SYNTHETIC,
    )  # fmt: skip
    print(f"\ngrading, {found['photographs']} test photographs of {SYNTHETIC}")
    for name in ("quadratic_kappa", "accuracy"):
        print(f"  {name.replace('_', ' '):24} {told(found, name)}")
    return found


def find_vessels(args: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Learn to find vessels, and measure it on phantoms, or on a part of a file."""
    part = "test" if args.test or args.data is None else "val"
    if args.data is None:
        train, val, measured = draw_parts(VESSELS, args.seed, args.limit)
        recipe, note = vessels.PHANTOMS, SYNTHETIC
    else:
        train, val = (read_photographs(args.data, name, args.limit) for name in ("train", "val"))
        measured = read_photographs(args.data, part, args.limit) if args.test else val
        recipe, note = vessels.CHASE, f"{Path(args.data).name}, {part} part"
    recipe = recipe._replace(epochs=args.epochs or recipe.epochs)
    began = time.perf_counter()
    segmenter = vessels.train(train, val, args.seed, recipe, verbose=not args.quiet)
    seconds = time.perf_counter() - began
    predicted = segmenter.vessels(measured)
    found = vessels.score(predicted, measured)
    if args.data is not None and args.test:
        measures = {k: (found[k], *found[f"{k}_interval"]) for k in vessels.MEASURES}
        name = f"{Path(__file__).name} U-Net, {recipe.epochs} epochs"
        add_reading(Path(args.readings), Path(args.data).name, name, args.seed, measures)
    found |= {"threshold": segmenter.threshold, "measured_on": part, "n_train": len(train.images)}
    found |= {"data": SYNTHETIC if args.data is None else Path(args.data).name}
    found |= {"seconds_train": seconds, "recipe": recipe._asdict()}
    found |= keep("vessels", segmenter.model, segmenter.history, out, note)
    each = vessels.measure(dice, predicted, measured)
    drawing.plot_vessels(measured, predicted, each, out / "vessels.png", note)
    print(f"\nvessels in the field of view, {len(predicted)} photographs: {note}")
    for name in vessels.MEASURES:
        print(f"  {name:24} {told(found, name)}")
    if measured.second is not None:
        print(f"  {'Dice, a second observer':24} {told(found, 'second_observer_dice')}")
    return found


def told(found: dict[str, Any], name: str) -> str:
    """Return a number with its interval."""
    low, high = found[f"{name}_interval"]
    return f"{found[name]:.3f} (95 % interval {low:.3f} to {high:.3f})"


def run(args: argparse.Namespace) -> None:
    """Do the whole job."""
    for name in ("epochs", "limit"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be a whole number from 1, got {value}")
    if args.test and args.data is None:
        raise ValueError("--test is for --data: phantoms are measured on test photographs anyway")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    if args.data is None:
        print(f"drawing {SYNTHETIC}")
        found["grading"] = grade(args, out)
        nc.release_memory()
    found["vessels"] = find_vessels(args, out)
    found |= {"seed": args.seed, "seconds_total": time.perf_counter() - STARTED}
    (out / "metrics.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"\nmodels, pictures and metrics.json are in {out}")
    print("for research and teaching; no medical device")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FILE", help="see above; default: phantoms")
    parser.add_argument("--epochs", type=int, help="of each task; default: see retina/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="use at most this many photographs of each part")
    parser.add_argument("--test", action="store_true", help="measure on the test part: once")
    parser.add_argument("--readings", metavar="FILE", default=READINGS,
                        help="where a look at a real test part is written down")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--out", metavar="DIR", default="out/retina_screening")
    args = parser.parse_args()
    try:
        run(args)
    except (nc.data.DataError, nc.Diverged, ValueError, TypeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
