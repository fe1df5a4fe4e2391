"""The benchmark of augmenting: it compares like with like, and runs in a small setting."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc
from benchmarks import augmentation
from nanocnn.data import Augment

ROOT = Path(__file__).parents[2]


def test_pillow_does_the_same() -> None:
    """Within the rounding to 8 bits, and inside: beyond the border Pillow has black."""
    i, j = np.mgrid[:40, :40] / 40
    image = np.stack([0.5 + 0.3 * np.sin(5 * i), j, i * j], axis=-1).astype(np.float32)
    images, policy = np.stack([image, image[::-1]]), Augment(rotate=20, zoom=0.1, flip="both")
    found = augmentation.in_a_loop(policy, images)()
    expected = policy(images, epoch=0, indices=[0, 1])
    inner = slice(10, 30)
    np.testing.assert_allclose(
        found[:, inner, inner], expected[:, inner, inner], rtol=0, atol=2 / 255
    )


def test_numpy_does_the_same_and_each_epoch_is_another() -> None:
    images = np.random.default_rng(0).random((2, 9, 8, 3), np.float32)
    policy, before = Augment(**augmentation.POLICIES["everything"]), nc.get_num_threads()
    ours = augmentation.augmenting(policy, images, 2, "numba")
    numpys = augmentation.augmenting(policy, images, 1, "vectorized")
    for _ in range(3):
        first = ours()
        np.testing.assert_allclose(first, numpys(), rtol=0, atol=3e-6)
    assert (first != ours()).any()
    numpys()
    assert nc.get_num_threads() == before


@pytest.mark.parametrize(("seconds", "told"), [(0.0064, "reached"), (0.0065, "short")])
def test_verdict(seconds: float, told: str) -> None:
    case = augmentation.Case(augmentation.TARGET, "nanocnn, 2 threads", lambda: None)
    row = augmentation.row_of(case, [seconds] * 3, batch=32)
    assert row["images a second"] == pytest.approx(32 / seconds)
    assert augmentation.line(row).endswith(f"must 5000: {told}")
    other = augmentation.row_of(case._replace(who="NumPy"), [seconds], batch=32)
    assert other["must"] is None


def test_a_small_run(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "benchmarks/augmentation.py", "--smoke"]
    command += ["--rounds", "1", "--threads", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = json.loads((tmp_path / "augmentation.json").read_text())["rows"]
    assert {row["what"] for row in rows} == {*augmentation.POLICIES, "mixup"}
    assert all(np.isfinite(row["images a second"]) for row in rows)
    _, table = done.stdout.split("\n\n")
    assert table.rstrip().split("\n")[1:] == [augmentation.line(row) for row in rows]
    with Image.open(tmp_path / "augmentation.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (pixels.min(axis=2) > 250).mean() > 0.5
    assert 0.001 < (np.ptp(pixels, axis=2) > 60).mean() < 0.6
