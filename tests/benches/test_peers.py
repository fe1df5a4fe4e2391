"""The comparison with peers: what is counted, what is compared, and a run without peers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import machine, peers
from benchmarks.peer_libraries import nanocnn_
from benchmarks.workloads import Workload, article_workloads, conv_grid, make_data
from nanocnn import reference

ROOT = Path(__file__).parents[2]


def test_operations_counted_by_hand() -> None:
    w = Workload("", "conv", 2, size=5, channels=3, filters=4, kernel=3, stride=2)
    assert w.out == 3  # (5 + 2 - 3) // 2 + 1
    assert w.flops() == 3 * 2 * 2 * (3 * 3) * (3 * 3 * 3 * 4)
    assert w.bytes() == 4 * 3 * (2 * 25 * 3 + 2 * 9 * 4 + 9 * 3 * 4)
    train, predict, single = article_workloads()
    assert train.flops() == pytest.approx(15.6e9, rel=0.02)
    # 126^2 * 27 * 32 + 61^2 * 288 * 64 + 57600 * 64 + 128 multiply-adds an image
    assert single.flops() == 2 * (13716864 + 68585472 + 3686400 + 128)
    assert predict.flops() == 32 * single.flops()


def test_the_grid_keeps_its_bounds() -> None:
    grid = conv_grid()
    assert 20 <= len(grid) <= 40
    assert len({w.name for w in grid}) == len(grid)
    assert {w.kernel for w in grid} == {1, 3}
    assert {w.stride for w in grid} == {1, 2}
    assert {3, 512} <= {w.channels for w in grid}
    assert {4, 256} <= {w.size for w in grid}
    for w in grid:
        assert 1 <= w.batch <= 32
        assert w.batch == 1 or w.flops() / 3 <= 4e9
        x, y = w.size**2 * w.channels, w.out**2 * w.filters
        assert w.batch == 1 or 4 * w.batch * (x + y) <= 200e6


def test_the_task_does_what_it_says() -> None:
    w = Workload("", "conv", 2, size=5, channels=3, filters=4, kernel=3, stride=2)
    d = make_data(w)
    found = nanocnn_.make(w, d, "nanocnn").outputs()
    geometry = ((2, 2), ((1, 1), (1, 1)), (1, 1), 1)
    right = {
        "y": reference.conv2d_forward(d["x"], d["w"], d["b"], *geometry),
        "dx": reference.conv2d_backward_input(d["dy"], d["w"], d["x"].shape, *geometry),
        "dw": reference.conv2d_backward_weight(d["dy"], d["x"], d["w"].shape, *geometry),
    }
    assert peers.compare(right, found) < 1e-5
    assert peers.compare(right, {**found, "dw": -found["dw"]}) > 1


def test_ratio_and_mean() -> None:
    def measured(name: str, seconds: float) -> peers.Measured:
        return peers.Measured(name, 0.0, [seconds] * 3)

    w = Workload("3x3", "conv", 1, size=8, channels=8, filters=8)
    found = [measured("nanocnn", 1.0), measured("torch", 4.0), measured("torch-channels-last", 2.0)]
    row = peers.row_of(w, found, (1e9, 1e9))
    assert row["ratio"] == 0.5
    assert row["fastest peer"] == "torch-channels-last"
    assert row["predicted"] == max(w.flops(), w.bytes()) / 1e9
    other = {**row, "workload": "1x1", "libraries": dict(row["libraries"])}
    other["libraries"]["nanocnn"] = {**row["libraries"]["nanocnn"], "median": 4.0}
    (told,) = peers.summary([row, other])
    assert "geometric mean 1.00 of 2, worst 2.00 (1x1)" in told  # sqrt(0.5 * 2)
    alone = peers.row_of(w, found[:1], (1e9, 1e9))
    assert alone["ratio"] is None
    assert peers.summary([alone]) == []


@pytest.mark.compiled
def test_the_limits_are_measured() -> None:
    about = machine.describe(1)
    assert about["threads"] == 1
    assert "numpy" in about["versions"]
    assert 1e8 < machine.peak_flops(1, repeats=1) < 1e13
    assert 1e7 < machine.copy_bandwidth(1, megabytes=4, repeats=1) < 1e13


def test_a_run_without_peers(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/peers.py", "--libraries", "nanocnn", "--rounds", "1"]
    command += [
        "--workloads",
        "article",
        "conv",
        "--limit",
        "4",
        "--threads",
        "1",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "measured limits:" in done.stdout
    found = json.loads((tmp_path / "peers.json").read_text())
    assert [row["kind"] for row in found["rows"]] == ["train", "predict", "predict", "conv"]
    for row in found["rows"]:
        (entry,) = row["libraries"].values()
        assert entry["median"] > 0
        assert entry["difference"] == 0
        assert row["ratio"] is None
    assert np.isfinite([row["predicted"] for row in found["rows"]]).all()
