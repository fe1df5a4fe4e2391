"""Segment a tumour, or another structure, with a U-Net, and measure it patient by patient.

    python examples/brain_tumour_segmentation.py               synthetic brain MRI with gliomas
    python examples/brain_tumour_segmentation.py --data PATH   a folder with images/ and masks/, or
                                                               imagesTr/ and labelsTr/ (NIfTI), or a
                                                               table of path and mask
    python examples/brain_tumour_segmentation.py --data msd_hippocampus_48x64x48.npz

The last one is real MRI, of the hippocampus. A HIPPOCAMPUS IS NO TUMOUR: healthy, always there, at
the same place and about as large in everybody; what is found out on it says nothing about tumours.
It stands here because its two parts are small, hard to tell from what lies around them, and drawn
by experts on real scans.

All choices are made on the validation part, and that is what is measured. The test part is opened
with `--test` alone; a look at a real one is written down in benchmarks/test_readings.csv.
In `--out`: model.safetensors, history.csv, cases.csv, curves.png, augmentation.png, scores.png,
cases.png and metrics.json. For research and teaching; no medical device.
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

from mri_slices import drawing
from mri_slices.measures import Measured, measure, numbers
from mri_slices.recipe import Recipe, recipe_for, train
from mri_slices.sources import Data, open_data
from readings import READINGS, add_reading

import nanocnn as nc


def run(args: argparse.Namespace) -> None:
    """Do the whole job."""
    for name in ("epochs", "limit", "size"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be a whole number from 1, got {value}")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    # 1. The data: three parts that share no patient.
    data = open_data(args.data, args.seed, args.limit, args.size, args.test)
    seconds_data = time.perf_counter() - STARTED
    print(f"data        {data.note}")
    for name, part in parts_of(data).items():
        print(f"  {name:9} {len(part)} slices of {len(set(part.groups))} cases")

    # 2. Train.
    recipe = recipe_for(data, args.epochs)
    print(f"U-Net       depth {recipe.depth}, width {recipe.width}, {recipe.epochs} epochs")
    began = time.perf_counter()
    model, history = train(data, args.seed, recipe, verbose=not args.quiet)
    seconds_train = time.perf_counter() - began
    model.save(out / "model.safetensors")
    history.to_csv(out / "history.csv")

    # 3. Measure, case by case.
    part = "test" if args.test else "val"
    found = measure(model, data, parts_of(data)[part])
    result = numbers(found.report)
    say(result, data, part)
    write_cases(found, out / "cases.csv")
    if args.test and args.data is not None:
        measures = {key: result[f"mean_{key}"] for key in ("dice", "hausdorff95")}
        add_reading(Path(args.readings), data.name, f"{Path(__file__).name} {data.kind}",
                    args.seed, measures)  # fmt: skip

    # 4. Look: at the course of the training, at all cases, and at the worst one above all.
    drawing.draw_all(history, data, found, recipe.augment, out)
    result |= describe(data, recipe, args)
    result |= {
        "measured_on": part,
        "parameters": sum(p.size for p in model.params.values()),
        "seconds_data": seconds_data,
        "seconds_train": seconds_train,
        "seconds_total": time.perf_counter() - STARTED,
        "weights_sha256": hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
    }
    (out / "metrics.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"\npictures, model and metrics.json are in {out}")


def parts_of(data: Data) -> dict[str, nc.data.ImageDataset]:
    """Return the parts that were opened, by name."""
    parts = {"train": data.train, "val": data.val, "test": data.test}
    return {name: part for name, part in parts.items() if part is not None}


def say(result: dict[str, Any], data: Data, part: str) -> None:
    """Print the means with their intervals; what they were measured on comes first."""
    where = "test part" if part == "test" else "validation part, on which choices were made"
    print(f"\nmeasured    {result['n_cases']} cases of the {where}")
    print("            mean over the cases (95 % interval)")
    for name, values in result.items():
        if not isinstance(values, list):
            continue
        unit = data.unit if "hausdorff" in name else ""
        label = name.replace("hausdorff95", "Hausdorff 95 %").replace("_", " ")
        text = "no case has it"
        if values[0] is not None:
            text = f"{values[0]:7.3f} ({values[1]:.3f} to {values[2]:.3f}) {unit}".rstrip()
        print(f"  {label:40} {text}")
    if result["n_missed"]:
        print(f"  {result['n_missed']} times a structure was missed, or found where there is none;")
        print("  the diagonal of the case counts as the distance then")
    print(f"These are {data.note}.")


def write_cases(found: Measured, path: Path) -> None:
    """Write a line for each case, the worst first; cases without any structure come last."""
    report = found.report
    ranked = report.ranked
    order = [*ranked, *sorted(set(range(len(report.cases))) - set(ranked))]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case", *(f"{measure} {name}" for measure in ("dice", "hausdorff95")
                                   for name in report.classes)])  # fmt: skip
        for i in order:
            values = (*report.dice[i], *report.hausdorff[i])
            writer.writerow([report.cases[i], *("" if v != v else f"{v:.4f}" for v in values)])


def describe(data: Data, recipe: Recipe, args: argparse.Namespace) -> dict[str, Any]:
    """Return what was trained on what."""
    return {
        "data": data.name,
        "note": data.note,
        "synthetic": data.kind == "phantoms",
        "is_tumour": {"phantoms": True, "hippocampus": False}.get(data.kind),  # else: who knows
        "classes": data.classes,
        "unit": data.unit,
        "n_slices": {name: len(part) for name, part in parts_of(data).items()},
        "width": recipe.width,
        "depth": recipe.depth,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "augment": repr(recipe.augment),
        "seed": args.seed,
        "limit": args.limit,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="PATH", help="default: phantoms")
    parser.add_argument("--epochs", type=int, help="default: that of the recipe")
    parser.add_argument("--size", type=int, default=96,
                        help="pixels a side, a multiple of 16; not for .npz files")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="use at most this many cases of each part")
    parser.add_argument("--test", action="store_true", help="measure on the test part: once")
    parser.add_argument("--readings", metavar="FILE", default=READINGS,
                        help="where a look at a real test part is written down")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--out", metavar="DIR", default="out/brain_tumour")
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
