"""nanocnn against PyTorch, TensorFlow, JAX and ONNX Runtime, on the same work in the same run.

    pip install -r benchmarks/requirements-peers.txt      (in an environment of its own)
    python benchmarks/peers.py                            whatever is installed
    python benchmarks/peers.py --workloads conv --out DIR the grid of single convolutions

Each library has a process of its own and the same number of threads. First the outputs are
compared, then the libraries take turns, in another order every round. A time is a median over the
rounds; "of the fastest" is nanocnn's time over that of the fastest peer, so less is better for
nanocnn. Beside each stands the time that the machine would need at its measured limits.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

from benchmarks import script
from benchmarks.peer_libraries import LIBRARIES
from benchmarks.peers_picture import draw
from benchmarks.workloads import (
    Workload,
    article_workloads,
    conv_grid,
    job_workload,
    make_data,
    network_workloads,
)

SETTLE_SECONDS = 0.05  # between two libraries: threads of the last one stop spinning
SAMPLE_SECONDS = 0.1  # a turn is repeated until it takes about this long
PACKAGES = ("torch", "tensorflow-cpu", "jax", "onnxruntime")
TOLERANCE = 2e-3  # of the largest value: float32, in other orders, over three training steps


class Measured(NamedTuple):
    """Times of one library on one workload, in seconds."""

    library: str
    difference: float  # of its outputs from nanocnn's, over the largest value
    seconds: list[float]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    def quantile(self, q: float) -> float:
        return float(np.quantile(self.seconds, q))


class Peer:
    """A worker process."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        command = [sys.executable, "-m", "benchmarks.peer_libraries.worker", name, str(threads)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parents[1],
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer, an error as {"error": text}."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return json.loads(answer) if answer else {"error": "the process ended"}

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


def installed(names: list[str]) -> list[str]:
    """Return those libraries whose package is here; nanocnn comes first."""
    return [n for n in names if importlib.util.find_spec(LIBRARIES[n][1]) is not None]


def compare(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Return the largest difference of any output, over the largest value of that output."""
    return max(
        float(np.abs(theirs[key] - ours[key]).max() / np.abs(ours[key]).max()) for key in ours
    )


def measure(
    workload: Workload, peers: list[Peer], rounds: int, folder: Path, sample: float
) -> list[Measured]:
    """Let every library do the workload, and return the times of those that can."""
    data = folder / "data.npz"
    np.savez(data, **make_data(workload))
    able, differences, ours = [], [], None
    for peer in peers:
        out = folder / f"{peer.name}.npz"
        answer = peer.ask(do="make", workload=list(workload), data=str(data), out=str(out))
        if "error" in answer:
            print(f"  {peer.name}: {answer['error']}", file=sys.stderr)
        if not answer.get("made"):
            continue
        with np.load(out) as stored:
            found = {key: stored[key] for key in stored.files}
        ours = found if ours is None else ours
        difference = compare(ours, found)
        if not difference < TOLERANCE:
            print(f"  {peer.name}: outputs differ by {difference:.1e}, left out", file=sys.stderr)
            continue
        able.append(peer)
        differences.append(difference)
    first = int(
        workload.kind != "job"
    )  # a job takes minutes: three steps for its outputs warmed it
    times = {p.name: max(1, int(sample / max(1e-9, _warm(p)))) if first else 1 for p in able}
    seconds: dict[str, list[float]] = {peer.name: [] for peer in able}
    for turn in range(rounds):
        for peer in able[turn % len(able) :] + able[: turn % len(able)]:
            time.sleep(SETTLE_SECONDS)
            # The first one only warms.
            one = peer.ask(do="run", times=first + times[peer.name])["seconds"][first:]
            seconds[peer.name] += one
    return [Measured(p.name, d, seconds[p.name]) for p, d in zip(able, differences, strict=True)]


def _warm(peer: Peer) -> float:
    return float(peer.ask(do="run", times=2)["seconds"][-1])


def row_of(
    workload: Workload, found: list[Measured], limits: tuple[float, float]
) -> dict[str, Any]:
    """Return everything about one workload, ready for JSON."""
    ours, others = found[0], found[1:]
    fastest = min(others, key=lambda m: m.median, default=None)
    peak, bandwidth = limits
    return {
        "workload": workload.name,
        "kind": workload.kind,
        "predicted": max(workload.flops() / peak, workload.bytes() / bandwidth),
        "libraries": {
            m.library: {
                "median": m.median,
                "quartiles": [m.quantile(0.25), m.quantile(0.75)],
                "p95": m.quantile(0.95),
                "samples": len(m.seconds),
                "difference": m.difference,
            }
            for m in found
        },
        "fastest peer": fastest.library if fastest else None,
        "ratio": ours.median / fastest.median if fastest else None,
    }


def line(row: dict[str, Any], names: list[str]) -> str:
    """Return one line of the table, in milliseconds."""

    def cell(name: str) -> str:
        entry = row["libraries"].get(name)
        return f"{1e3 * entry['median']:.2f}" if entry else "-"

    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
    cells = [f"{1e3 * row['predicted']:.2f}", *map(cell, names), ratio]
    return f"{row['workload']:32}" + "".join(f"{c:>20}" for c in cells)


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines below the table: percentiles of inference, the mean over convolutions."""
    lines = []
    for row in rows:
        if row["kind"] == "predict":
            batch = int(row["workload"].rsplit(" ", 1)[1])
            told = ", ".join(
                f"{name} {1e3 * e['median'] / batch:.2f} / {1e3 * e['p95'] / batch:.2f}"
                for name, e in row["libraries"].items()
            )
            lines.append(f"{row['workload']}, ms a picture, 50th / 95th percentile: {told}")
    ratios = {r["workload"]: _over_torch(r) for r in rows if r["kind"] == "conv"}
    known = {name: ratio for name, ratio in ratios.items() if ratio}
    if known:
        mean = math.exp(sum(map(math.log, known.values())) / len(known))
        worst = max(known, key=lambda name: known[name])
        lines.append(
            f"single convolutions, nanocnn over the better PyTorch layout: geometric mean "
            f"{mean:.2f} of {len(known)}, worst {known[worst]:.2f} ({worst})"
        )
    return lines


def _over_torch(row: dict[str, Any]) -> float | None:
    libraries = row["libraries"]
    torch = [libraries[n]["median"] for n in libraries if n.startswith("torch")]
    return libraries["nanocnn"]["median"] / min(torch) if torch else None


def arguments() -> argparse.Namespace:
    parser = script.options(__doc__, rounds=9)
    parser.add_argument("--limit", type=int, help="only the first ones, for a quick look")
    parser.add_argument(
        "--workloads",
        nargs="+",
        choices=("article", "networks", "conv", "job"),
        default=["article", "networks", "conv"],
    )
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    return parser.parse_args()


def main() -> int:
    given = arguments()
    names = installed(["nanocnn", *(n for n in given.libraries if n != "nanocnn")])
    workloads: list[Workload] = []
    if "article" in given.workloads:
        workloads += article_workloads()
    if "networks" in given.workloads:
        workloads += network_workloads()
    if "conv" in given.workloads:
        workloads += conv_grid()
    if "job" in given.workloads:
        workloads.append(job_workload())
    workloads = workloads[: given.limit]
    about, limits = script.opening(given.threads, PACKAGES)
    head = ("predicted", *names, "of the fastest")
    print(f"{'milliseconds':32}" + "".join(f"{c:>20}" for c in head))
    peers, rows = [Peer(name, given.threads) for name in names], []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for w in workloads:
                rounds, sample = (1, 0.0) if w.kind == "job" else (given.rounds, SAMPLE_SECONDS)
                rows.append(row_of(w, measure(w, peers, rounds, Path(folder), sample), limits))
                print(line(rows[-1], names), flush=True)
    finally:
        for peer in peers:
            peer.close()
    print("\n" + "\n".join(summary(rows)))
    script.save(given.out, "peers", about, rows, draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
