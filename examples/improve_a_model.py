"""Ways to a better model, one after another on one data set: what does each of them bring?

    python examples/improve_a_model.py                 synthetic brain MRI, made on the spot
    python examples/improve_a_model.py --data PATH     a folder with one subfolder per class, or
                                                       an .npz file in the MedMNIST format

The article's list: augmentation, a falling learning rate, regularization, ResNet, DenseNet, other
losses. Each step adds one thing to those before it and is trained with three seeds; what is worse
on validation images than chance explains is taken back, and tried once more at the end. The order
matters: what brings nothing to the first network may be what the next one needs. The test images
are looked at once, at the end, with the network at the start and the best one; those of your own
data with `--test` alone.

A run that is interrupted goes on where it was. In `--out`: table.txt, steps.png, runs.jsonl,
weights/ and metrics.json. For research and teaching; no medical device.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from model_steps import compare, drawing, images, training
from model_steps.compare import Row
from model_steps.images import Data, Part
from model_steps.records import Records
from model_steps.steps import AUGMENT, COSINE_FROM, LEARNING_RATE, Settings
from readings import READINGS, add_reading
from tqdm import tqdm

import nanocnn as nc
from nanocnn.evaluation import bootstrap, metrics
from nanocnn.training.fingerprint import fingerprint

Reading = tuple[str, int, dict[str, Any]]  # which network, its seed, and what was measured
MEASURES = ("auc", "accuracy", "balanced_accuracy")


def describe(data: Data, args: argparse.Namespace) -> dict[str, Any]:
    """Return what must be the same for finished runs to count."""
    return {
        "train": fingerprint(data.train.images, data.train.labels),
        "val": fingerprint(data.val.images, data.val.labels),
        "classes": list(data.classes),
        "epochs": args.epochs,
        "batch_size": args.batch_size,
        "learning_rates": [LEARNING_RATE, COSINE_FROM],
        "augment": AUGMENT,
        "measure": args.measure,
        "seeds": [args.seed, args.seeds],
    }


def choose(data: Data, records: Records, args: argparse.Namespace) -> tuple[list[Row], Settings]:
    """Try the steps one after another; finished runs are not repeated."""
    seeds = range(args.seed, args.seed + args.seeds)
    bar = tqdm(total=0, unit="epoch", disable=args.quiet)

    def expect(ahead: int) -> None:
        bar.total = bar.n + ahead * len(seeds) * args.epochs

    def measure(name: str, tried: Settings, best: Settings) -> list[float]:
        values, finished = [], len(records.runs)
        for seed in seeds:
            run = records.find(tried, seed)
            if run is None:
                bar.set_description(f"{name}, seed {seed}")
                began = time.perf_counter()
                model = training.train(
                    tried, data.train, len(data.classes), seed, args.epochs, args.batch_size,
                    bar.update,
                )  # fmt: skip
                found = training.measure(model, data.val)
                seconds = time.perf_counter() - began
                records.add(model, tried, seed, name=name, seconds=seconds, **found)
                run = records.find(tried, seed)
                assert run is not None
            else:
                bar.update(args.epochs)
            values.append(run[args.measure])
        if len(records.runs) > finished:  # not while an interrupted comparison is caught up with
            records.keep_only(Settings(), best, tried)  # which may be the best from now on
        if not args.quiet:
            tqdm.write(f"{name:28}" + "".join(f"{v:8.3f}" for v in values), sys.stdout)
        return values

    with bar:
        rows, chosen = compare.climb(measure, expect)
    records.keep_only(Settings(), chosen)
    return rows, chosen


def look_at_test(
    part: Part, records: Records, chosen: Settings, seeds: range
) -> tuple[dict[str, Any], list[Reading]]:
    """Measure base and chosen settings on the test images, once.

    Return the numbers, and a reading of each network and seed.
    """
    found: dict[str, Any] = {}
    readings: list[Reading] = []
    stacks = []
    for settings in (Settings(), chosen):
        each = []
        for seed in seeds:
            model = nc.load(records.weights(settings, seed))
            assert isinstance(model, nc.Sequential)
            each.append(training.probabilities(model, part.images))
            told = bootstrap.summarize(part.labels, each[-1], groups=part.patients)
            measures = {name: told[name][:3] for name in ("accuracy", "auc")}
            readings.append((f"improve_a_model.py {named(settings)}", seed, measures))
        stacks.append(np.stack(each, axis=1))
    print("\ntest images, looked at once; the mean over the seeds, with a 95 % bootstrap interval")
    for name, metric in (("auc", metrics.auc), ("accuracy", metrics.accuracy)):

        def mean(y: Any, p: Any, metric: Any = metric) -> float:
            return float(np.mean([metric(y, p[:, k]) for k in range(p.shape[1])]))

        how: dict[str, Any] = {"groups": part.patients, "n_resamples": 1000}
        for which, stack in zip(("base", "chosen"), stacks, strict=True):
            found[f"test_{name}_{which}"] = bootstrap.estimate(mean, part.labels, stack, **how)
        found[f"test_{name}_gain"] = bootstrap.paired_difference(
            mean, part.labels, stacks[1], stacks[0], **how
        )
        for which in ("base", "chosen", "gain"):
            print(f"  {name:9} {which:7} {found[f'test_{name}_{which}']}")
    return {name: list(value[:3]) for name, value in found.items()}, readings


def named(settings: Settings) -> str:
    """Tell in what settings differ from the article's network as it stands."""
    base, now = dataclasses.asdict(Settings()), dataclasses.asdict(settings)
    told = ", ".join(f"{name}={now[name]}" for name in now if now[name] != base[name])
    return told or compare.BASE


def run(args: argparse.Namespace) -> None:
    """Do the whole job."""
    for name, least in (("epochs", 1), ("batch_size", 1), ("limit", 1), ("seeds", 2), ("seed", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise ValueError(
                f"--{name.replace('_', '-')} must be a whole number from {least}, got {value}"
            )
    began, out = time.perf_counter(), Path(args.out)
    if args.data is None:
        print(f"drawing {sum(images.PHANTOMS.values())} {images.SYNTHETIC}")
        data = images.draw_phantoms(args.limit)
    else:
        data = images.read_data(args.data, args.size, args.limit)
    records = Records(out, describe(data, args))
    if records.runs:
        print(f"{len(records.runs)} runs are finished in {out}; going on")
    rows, chosen = choose(data, records, args)
    table = compare.table(rows, args.measure)
    print(f"\n{table}\n\nchosen: {named(chosen)}")
    (out / "table.txt").write_text(table + "\n", "utf-8")
    drawing.draw(rows, args.measure, out / "steps.png", data.note)
    seeds = range(args.seed, args.seed + args.seeds)
    found: dict[str, Any] = {
        "data": data.note or Path(args.data).name,
        "n_images": {name: len(getattr(data, name).labels) for name in ("train", "val", "test")},
        "classes": data.classes,
        "measure": args.measure,
        "steps": [
            {"name": r.name, "values": r.values, "before": r.before, "verdict": r.verdict}
            for r in rows
        ],
        "chosen": dataclasses.asdict(chosen),
        "weights_sha256": [
            hashlib.sha256(records.weights(chosen, seed).read_bytes()).hexdigest() for seed in seeds
        ],
        "seconds_train": sum(r["seconds"] for r in records.runs),
    }
    if args.data is None or args.test:
        numbers, readings = look_at_test(data.test, records, chosen, seeds)
        found |= numbers
        if args.data is not None:
            for told, seed, measures in readings:
                add_reading(Path(args.readings), Path(args.data).name, told, seed, measures)
    found["seconds_total"] = time.perf_counter() - began
    (out / "metrics.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(f"\ntable.txt, steps.png, weights and metrics.json are in {out}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="PATH", help="folder or .npz file; default: phantoms")
    parser.add_argument("--size", type=int, default=64, help="pixels a side, of files")
    parser.add_argument("--measure", choices=MEASURES, default=MEASURES[0], help="to choose by")
    parser.add_argument("--epochs", type=int, default=30, help="of each run")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--seeds", type=int, default=3, help="how many, 2 at least")
    parser.add_argument("--limit", type=int, help="use at most this many images of each part")
    parser.add_argument(
        "--test", action="store_true", help="look at the test images of --data, and note it"
    )
    parser.add_argument(
        "--readings", metavar="FILE", default=str(READINGS), help="where looks at test are noted"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--out", metavar="DIR", default="out/improve_a_model")
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
