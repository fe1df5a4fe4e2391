"""The benchmark of feeding: it feeds what it says, and runs in a small setting."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc
from benchmarks import feeding
from nanocnn.training.feeding import Held
from tests.models.examples import pictures, small

ROOT = Path(__file__).parents[2]


def test_the_files_hold_the_images(tmp_path: Path) -> None:
    x, y, files = feeding.images(5, tmp_path)
    assert x.shape == (5, 128, 128, 3)
    order = np.argsort(y, kind="stable")
    found, labels = files.arrays()
    np.testing.assert_array_equal(found, x[order])
    np.testing.assert_array_equal(labels, y[order])


def test_the_arrays_are_trained_on_as_fit_does() -> None:
    x, y = pictures()
    models = [small(), small()]
    for model in models:
        model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    run = feeding.training(models[0], Held(models[0], x, y, 5, shuffle=True))
    for _ in range(2):
        assert np.isfinite(run())
    models[1].fit(x, y, batch_size=5, epochs=2, verbose=False)
    for key, p in models[0].params.items():
        np.testing.assert_array_equal(p, models[1].params[key])


@pytest.mark.parametrize(("factor", "told"), [(1.14, "kept"), (1.16, "broken")])
def test_verdict(factor: float, told: str) -> None:
    """Each round against the arrays of the same round."""
    base = [1.0, 3.0, 2.0]
    feed = Held(nc.Sequential([nc.Flatten()]), np.zeros((4, 2)), np.zeros(4), 2)
    case = feeding.Case(feeding.AUGMENTED, 2, feed, 0.05)
    row = feeding.row_of(case, [factor * b for b in base], base, steps=2)
    assert row["slowdown"] == pytest.approx(factor - 1)
    assert row["predicted slowdown"] == pytest.approx(0.05)
    assert row["seconds a step"]["median"] == pytest.approx(factor)
    assert feeding.line(row).endswith(f"must stay below 15%: {told}")
    other = feeding.row_of(case._replace(threads=1), base, base, steps=2)
    assert other["must"] is None


def test_a_small_run(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "benchmarks/feeding.py", "--smoke"]
    command += ["--rounds", "1", "--threads", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = json.loads((tmp_path / "feeding.json").read_text())["rows"]
    assert [row["loader threads"] for row in rows] == [None, 2, 0, 1, 2, 2]
    assert all(np.isfinite(row["slowdown"]) for row in rows)
    _, predictions, table = done.stdout.split("\n\n")
    assert predictions.count("predicted on top of a step:") == 3
    assert table.rstrip().split("\n")[1:] == [feeding.line(row) for row in rows]
    with Image.open(tmp_path / "feeding.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (pixels.min(axis=2) > 250).mean() > 0.5
    assert 0.001 < (np.ptp(pixels, axis=2) > 60).mean() < 0.6
