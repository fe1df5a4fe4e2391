"""Tell malignant from benign lung nodules, slice by slice and nodule by nodule.

    python examples/lung_nodule_malignancy.py                synthetic nodules, made on the spot
    python examples/lung_nodule_malignancy.py --data PATH    lidc_nodule_64.npz: CT slices of
                                                             nodules that radiologists rated

Large nodules are malignant more often. So the question is not how well the network does, but
whether it does better than the nodule's area alone: the paired interval of the difference answers
it. Of the synthetic nodules the diameter is known; a second head on the same network estimates it.

On real data the numbers are those of validation images. `--test` looks at the test part instead,
once all choices are made, and adds lines to benchmarks/test_readings.csv. In `--out`: the models,
examples.png, roc.png, diameters.png and metrics.json. For research and teaching; no medical device.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from nodule_study import cases, diameter, drawing, phantoms, recipe
from readings import READINGS, add_reading

import nanocnn as nc
from nanocnn.evaluation import Estimate

PHANTOMS = {"train": 400, "val": 100, "test": 200}  # nodules, of three slices each
PHANTOM_EPOCHS = 12
SYNTHETIC = "synthetic nodules (phantoms), not patients"
# What a line of the register holds of a look at the test part, by its columns there.
NOTED = {
    "accuracy": "nodule_accuracy",
    "auc": "nodule_both_auc",
    "auc_less_area": "nodule_both_auc_less_area",
    "network_auc": "nodule_auc",
    "network_auc_less_area": "nodule_auc_less_area",
    "area_auc": "nodule_area_auc",
    "slice_auc": "slice_auc",
}


def make_phantoms(seed: int) -> cases.Data:
    """Draw the synthetic data set; the parts share no nodule."""
    parts, first = [], 0
    for n in PHANTOMS.values():
        parts.append(phantoms.draw(n, seed, first))
        first += n
    return cases.Data(*parts)


def describe(part: cases.Part) -> dict[str, Any]:
    """Return what metrics.json says of a part."""
    labels = recipe.of_nodules(part.labels, part)
    return {
        "slices": len(part.labels),
        "nodules": len(labels),
        "malignant": int(labels.sum()),
        "patients": len(np.unique(part.patients)),
    }


def print_summary(found: dict[str, Estimate], what: str) -> None:
    """Print the numbers side by side, and what the difference allows to say."""
    print(f"\n{what}, with 95 % bootstrap intervals (patients drawn)\n")
    print(f"{'AUC':13} {'a slice':>26} {'a nodule':>26}")
    for name, key in (
        ("network", "auc"),
        ("area alone", "area_auc"),
        ("difference", "auc_less_area"),
        ("both together", "both_auc"),
        ("less area", "both_auc_less_area"),
    ):
        print(f"{name:13} {found[f'slice_{key}']!s:>26} {found[f'nodule_{key}']!s:>26}")
    difference = found["nodule_auc_less_area"]
    if math.isnan(difference.low):
        verdict = "too few nodules to say anything"
    elif difference.low > 0:
        verdict = "the network knows more than the area: the interval a nodule excludes 0"
    elif difference.high < 0:
        verdict = "the area alone does better: the interval a nodule excludes 0"
    else:
        verdict = "not shown that the network beats the area: the interval a nodule holds 0"
    print(f"\n{verdict}")
    if "diameter_network_mae_mm" in found:
        print("\ndiameter a slice     mean absolute error, mm          R squared")
        for name in ("network", "area"):
            mae, r2 = found[f"diameter_{name}_mae_mm"], found[f"diameter_{name}_r2"]
            print(f"{name:13} {mae!s:>26} {r2!s:>26}")


def run(args: argparse.Namespace) -> None:
    """Do the whole job."""
    for name in ("epochs", "limit"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be a whole number from 1, got {value}")
    began, out = time.perf_counter(), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    synthetic = args.data is None
    if synthetic:
        print(f"drawing {sum(PHANTOMS.values())} {SYNTHETIC}")
        data, note = make_phantoms(args.seed), SYNTHETIC
    else:
        data, note = cases.read(args.data, with_test=args.test), Path(args.data).name
    where = "test" if synthetic or args.test else "val"
    data = cases.Data(*(part and part.first_nodules(args.limit) for part in data))
    part = getattr(data, where)
    parts = {name: describe(getattr(data, name)) for name in dict.fromkeys(("train", "val", where))}
    for name, counts in parts.items():
        print(f"{name:6} {counts}")

    started = time.perf_counter()
    model = recipe.train(data, args.seed, args.epochs, verbose=not args.quiet)
    seconds_train = time.perf_counter() - started
    model.save(out / "model.safetensors")
    logits = recipe.logits(model, part)
    found = recipe.measure(logits, part)
    drawing.examples(part, logits, out / "examples.png", note)
    drawing.roc(part, logits, found, out / "roc.png", note)

    if part.diameters is not None:
        sized = diameter.train(model, data.train, args.seed)
        sized.save(out / "diameter.safetensors")
        estimated = diameter.estimates(sized, data.train, part)
        found |= diameter.measure(estimated, part)
        drawing.diameters(part.diameters, estimated, found, out / "diameters.png", note)

    what = f"{'synthetic' if synthetic else 'real'} nodules, {where} part"
    print_summary(found, what)
    report = {name: estimate_to_json(value) for name, value in found.items()} | {
        "data": SYNTHETIC if synthetic else note,
        "synthetic": synthetic,
        "measured_on": where,
        "parts": parts,
        "seconds_train": seconds_train,
        "seconds_total": time.perf_counter() - began,
        "weights_sha256": hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
        **{k: v for k, v in vars(args).items() if k in ("seed", "limit", "epochs")},
    }
    (out / "metrics.json").write_text(json.dumps(report, indent=2) + "\n")
    if args.test and not synthetic:
        noted = {column: found[name][:3] for column, name in NOTED.items()}
        add_reading(Path(args.readings), note, Path(__file__).name, args.seed, noted)
        print(f"\nthe test part was looked at: a line was added to {args.readings}")
    print(f"\nfor research and teaching; no medical device. Pictures and metrics.json are in {out}")


def estimate_to_json(value: Estimate) -> list[float | None]:
    """Return value and interval; JSON has no NaN."""
    return [v if math.isfinite(v) else None for v in value[:3]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="PATH", help=".npz file; default: phantoms")
    parser.add_argument("--test", action="store_true", help="look at the real data's test part")
    epochs = f"default: {PHANTOM_EPOCHS}, and {recipe.EPOCHS} with --data"
    parser.add_argument("--epochs", type=int, help=epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="use at most this many nodules of each part")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--readings", metavar="FILE", default=READINGS, help=argparse.SUPPRESS)
    parser.add_argument("--out", metavar="DIR", default="out/lung_nodules")
    args = parser.parse_args()
    if args.epochs is None:
        args.epochs = PHANTOM_EPOCHS if args.data is None else recipe.EPOCHS
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
