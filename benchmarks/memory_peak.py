"""The most memory that training the article's network takes, beside PyTorch and others.

    python benchmarks/memory_peak.py                    beside whatever peers are installed
    python benchmarks/memory_peak.py --smoke --out DIR  a quick look, without peers

Ten training steps at batch 32, in a process of their own for each library: the highest memory of
the process less what it held after imports and data. Parameters, gradients, Adam's averages and
activations are in it, and whatever the library loads or makes only when it starts to work (for
nanocnn, half of Numba and the machine code, from a filled cache).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

from benchmarks import machine, script
from benchmarks.peer_libraries import LIBRARIES
from benchmarks.peers import PACKAGES, installed
from benchmarks.start_picture import draw
from benchmarks.workloads import Workload, article_workloads, make_data

ROOT = Path(__file__).parents[1]
MUST, AIM = 0.8, 0.5  # of PyTorch's, in the better of its layouts
KIND = "memory of training, MB"


def weigh(name: str, workload: Workload, data: Path, threads: int, steps: int) -> dict[str, float]:
    """Return megabytes: after imports and data, at the peak, and the difference."""
    command = [sys.executable, "-m", "benchmarks.peer_libraries.once", name, str(threads)]
    command += [json.dumps(list(workload)), str(data), str(steps)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1:]}")
    told = {key: value / 1e6 for key, value in json.loads(done.stdout).items()}
    return {**told, "training": told["peak"] - told["before"]}


def rows_of(found: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """Return a row for each library, ready for JSON."""
    rows: list[dict[str, Any]] = []
    for name, runs in found.items():
        low, median, high = np.quantile([run["training"] for run in runs], (0.25, 0.5, 0.75))
        rows.append(
            {"what": KIND, "name": name, "median": float(median),
             "quartiles": [float(low), float(high)], "samples": len(runs), "must": None,
             "aim": None, "before": float(np.median([run["before"] for run in runs])),
             "peak": float(np.median([run["peak"] for run in runs]))}
        )  # fmt: skip
    torch = [row["median"] for row in rows if row["name"].startswith("torch")]
    if torch:
        rows[0] |= {"must": MUST * min(torch), "aim": AIM * min(torch)}
        rows[0]["of PyTorch's"] = rows[0]["median"] / min(torch)
    return rows


def main() -> None:
    parser = script.options(__doc__, rounds=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--smoke", action="store_true", help="two steps of two images, no peers")
    given = parser.parse_args()
    workload, steps, rounds = article_workloads()[0], given.steps, given.rounds
    names = installed(["nanocnn", *(n for n in LIBRARIES if n not in ("nanocnn", "onnxruntime"))])
    if given.smoke:
        workload, steps, rounds, names = workload._replace(batch=2), 2, 1, ["nanocnn"]
    about = machine.describe(given.threads, () if given.smoke else PACKAGES)
    print(machine.header(about) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, **make_data(workload))
        weigh("nanocnn", workload, data, given.threads, 1)  # fills the kernel cache
        found = {
            name: [weigh(name, workload, data, given.threads, steps) for _ in range(rounds)]
            for name in names
        }
    rows = rows_of(found)
    print(f"{'megabytes':24}{'imports, data':>16}{'peak':>10}{'training':>10}")
    for row in rows:
        print(f"{row['name']:24}{row['before']:16.0f}{row['peak']:10.0f}{row['median']:10.0f}")
    if "of PyTorch's" in rows[0]:
        told = rows[0]["of PyTorch's"]
        print(f"\nnanocnn over PyTorch's better layout: {told:.2f} (must {MUST}, aim {AIM})")
    script.save(given.out, "memory_peak", about, rows, draw)


if __name__ == "__main__":
    main()
