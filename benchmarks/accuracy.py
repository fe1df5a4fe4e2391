"""Train on four real data sets, three seeds each, and measure: the README's table of accuracies.

    python benchmarks/accuracy.py --data DIR [--tasks lidc chase] [--seeds 0 1 2]
    python benchmarks/accuracy.py --data DIR --test

DIR holds pneumoniamnist_28.npz, lidc_nodule_64.npz, chasedb1_480.npz and
msd_hippocampus_48x64x48.npz, or some of them. A line is a run: a data set and a seed. What was
trained stays in `--out`, a model and a JSON file a run; started again, the script goes on with what
is missing. Recipes are those of the examples, chosen on validation parts.

Without `--test` the numbers are those of the validation parts. With it the test parts are opened,
once all runs are trained: each look adds a line to benchmarks/test_readings.csv, and a run that was
measured on its test part is not measured on it again. For research and teaching; no medical device.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

if not __package__:  # started by its path
    sys.path.insert(0, str(Path(__file__).parents[1]))

import nanocnn as nc
from benchmarks import accuracy_picture, machine
from benchmarks.accuracy_tasks import TASKS, Task, Trained

from readings import READINGS, add_reading, current_commit  # isort: skip  (the examples' own)


class Run:
    """One task with one seed, and the two files in which it is kept."""

    def __init__(self, task: Task, seed: int, out: Path) -> None:
        self.task, self.seed = task, seed
        stem = task.file.partition("_")[0]
        self.weights = out / f"{stem}_{seed}.safetensors"
        self.file = out / f"{stem}_{seed}.json"
        self.found: dict[str, Any] = {}
        if self.file.exists() and self.weights.exists():
            self.found = json.loads(self.file.read_text())

    def train(self, path: Path, args: argparse.Namespace) -> None:
        """Train, and keep the model; the JSON file, written last, says that it is whole."""
        began, loads = time.perf_counter(), os.getloadavg()[0]
        trained = self.task.train(path, self.seed, args.limit, args.epochs)
        self.found = {
            "task": self.task.name,
            "seed": self.seed,
            "seconds_train": time.perf_counter() - began,
            "load_before": loads,
            "commit": current_commit(),
            "notes": trained.notes,
            **machine.describe(args.threads),
        }
        trained.model.save(self.weights)
        self.keep()

    def measure(self, path: Path, part: str, args: argparse.Namespace) -> None:
        """Measure on a part, unless that was done; a look at the test part is written down."""
        if part in self.found:
            return
        trained = Trained(nc.load(self.weights), self.found["notes"])
        found = self.task.evaluate(trained, self.task.read(path, part, args.limit))
        if part == "test":  # first: a look may stand there twice, but never not at all
            tried = [f" --{k} {v}" for k in ("limit", "epochs") if (v := getattr(args, k))]
            name = "accuracy.py" + "".join(tried)  # a quick try is not the recipe
            add_reading(Path(args.readings), self.task.name, name, self.seed, found)
        self.found[part] = found
        self.keep()

    def keep(self) -> None:
        """Write the JSON file at once."""
        written = self.file.with_suffix(".part")
        written.write_text(json.dumps(self.found, indent=2) + "\n")
        os.replace(written, self.file)

    def line(self, part: str) -> str:
        """Return the run as a line of the table."""
        measured = self.found[part]
        values = "   ".join(f"{name} {told(measured[name])}" for name in measured)
        return (
            f"{self.task.name:16} seed {self.seed}  {part:5} trained in "
            f"{self.found['seconds_train']:4.0f} s on {self.found['threads']} threads   {values}"
        )


def told(triple: list[float | None]) -> str:
    """Return a value with its interval."""
    value, low, high = (math.nan if v is None else v for v in triple)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def chosen(args: argparse.Namespace) -> list[Task]:
    """Return the tasks that were asked for; without a choice, those whose files are there."""
    folder = Path(args.data)
    if args.tasks is None:
        tasks = [task for task in TASKS if (folder / task.file).exists()]
    else:
        tasks = [t for t in TASKS if any(t.file.startswith(word.lower()) for word in args.tasks)]
    missing = [task.file for task in tasks if not (folder / task.file).exists()]
    if missing or not tasks:
        names = ", ".join(missing or [task.file for task in TASKS])
        raise nc.data.DataError(f"{args.data!r} holds no {names}; see --help for what is needed")
    return tasks


def summary(task: Task, runs: list[Run], part: str) -> Iterator[str]:
    """Yield the mean over the seeds beside the targets, and what others reached."""
    for measure, (must, aim) in task.targets.items():
        values = [run.found[part][measure][0] for run in runs]
        spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
        line = f"{task.name:16} mean of {len(values)} seeds: {measure} per {task.unit} "
        line += f"{np.mean(values):.3f}{spread}"
        if part != "test":  # targets and the numbers of others are for the test part alone
            yield line
            continue
        yield f"{line}; must {must:g}, aim {aim:g}"
        others = task.published.get(measure, {})
        yield " " * 17 + "; ".join(f"{name} {value:g}" for name, value in others.items())


def work(args: argparse.Namespace) -> None:
    """Train what is missing, measure, print, and write the picture."""
    out, folder = Path(args.out), Path(args.data)
    out.mkdir(parents=True, exist_ok=True)
    nc.set_num_threads(args.threads)
    print(machine.header(machine.describe(args.threads)), "\n")
    part = "test" if args.test else "val"
    runs = [Run(task, seed, out) for task in chosen(args) for seed in args.seeds]
    for run in runs:
        path = folder / run.task.file
        if not run.found:
            print(f"{run.task.name}, seed {run.seed}: training", file=sys.stderr, flush=True)
            run.train(path, args)
        run.measure(path, "val", args)
        if not args.test:
            print(run.line(part), flush=True)
        nc.release_memory()
    if args.test:  # all choices are made, all models are there
        for run in runs:
            run.measure(folder / run.task.file, "test", args)
            print(run.line(part), flush=True)
    print()
    groups = {task.name: (task, [run for run in runs if run.task is task]) for task in chosen(args)}
    for task, of_task in groups.values():
        print("\n".join(summary(task, of_task, part)))
    accuracy_picture.draw(
        [(task, {r.seed: r.found[part] for r in of_task}) for task, of_task in groups.values()],
        part,
        out / f"accuracy_{part}.png",
    )
    print(f"\nmodels, numbers and accuracy_{part}.png are in {out}")
    print("for research and teaching; no medical device")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", required=True)
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="how their files' names begin")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--test", action="store_true", help="look at the test parts: once")
    parser.add_argument("--threads", type=int, default=nc.get_num_threads())
    parser.add_argument("--epochs", type=int, help="for a quick try; default: each recipe's")
    parser.add_argument("--limit", type=int, help="images, nodules, volumes of a part, for a try")
    parser.add_argument("--readings", metavar="FILE", default=READINGS, help=argparse.SUPPRESS)
    parser.add_argument("--out", metavar="DIR", default="out/accuracy")
    args = parser.parse_args()
    try:
        work(args)
    except (nc.data.DataError, nc.Diverged, ValueError, TypeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
