"""The table of accuracies on made-up files: what is trained once, when a test part is opened."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc
from benchmarks import accuracy, accuracy_picture
from benchmarks.accuracy_tasks import TASKS, Trained
from tests.examples.test_lung_nodule_malignancy import write_file as write_nodules

ROOT = Path(__file__).parents[2]


def run(folder, *options):
    command = [sys.executable, "-W", "error", ROOT / "benchmarks" / "accuracy.py"]
    command += ["--data", folder, "--out", folder / "out", "--readings", folder / "readings.csv"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*map(str, command), "--threads", "1", "--epochs", "1", *options],
        capture_output=True, text=True, timeout=600, env=environment, check=False,
    )  # fmt: skip


def rows(folder):
    with open(folder / "readings.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.compiled
def test_each_run_is_trained_once_and_looks_at_the_test_part_once(tmp_path):
    write_nodules(tmp_path / "lidc_nodule_64.npz")
    out = tmp_path / "out"

    done = run(tmp_path, "--seeds", "0", "1")
    assert done.returncode == 0, done.stderr
    assert sum("LIDC nodules     seed" in line for line in done.stdout.splitlines()) == 2
    assert "must" not in done.stdout
    assert not (tmp_path / "readings.csv").exists()
    kept = {seed: (out / f"lidc_{seed}.safetensors").read_bytes() for seed in (0, 1)}
    assert kept[0] != kept[1]
    for seed in kept:
        found = json.loads((out / f"lidc_{seed}.json").read_text())
        assert "test" not in found
        assert found["seconds_train"] > 0

    (out / "lidc_1.json").unlink()  # as after an interruption
    (out / "lidc_1.safetensors").write_bytes(b"half of it")
    done = run(tmp_path, "--seeds", "0", "1", "--test")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("training") == 1
    assert {seed: (out / f"lidc_{seed}.safetensors").read_bytes() for seed in (0, 1)} == kept
    assert "must 0.9, aim 0.93" in done.stdout
    for row in rows(tmp_path):
        test = json.loads((out / f"lidc_{row['seed']}.json").read_text())["test"]
        for measure in ("auc", "auc_less_area", "network_auc"):
            noted = [float(row[measure + end]) for end in ("", "_low", "_high")]
            assert noted == pytest.approx(test[measure], abs=1e-4)
    assert [row["seed"] for row in rows(tmp_path)] == ["0", "1"]
    assert {row["configuration"] for row in rows(tmp_path)} == {"accuracy.py --epochs 1"}

    done = run(tmp_path, "--seeds", "0", "1", "--test")
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path)) == 2
    assert not done.stderr
    with Image.open(out / "accuracy_test.png") as picture:
        assert len(set(picture.convert("L").tobytes())) > 20


def test_missing_files_are_named(tmp_path):
    done = run(tmp_path, "--tasks", "chase")
    assert done.returncode == 2
    assert "chasedb1_480.npz" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.data
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_an_untrained_network_is_measured_on_validation_images(task, data_dir):
    """Each task reads its own file, and measures what it names, in this order: value, low, high."""
    part = task.read(data_dir / task.file, "val", 6)
    image = {
        "PneumoniaMNIST": (28, 28, 1), "LIDC nodules": (40, 40, 1), "CHASE_DB1": (96, 96, 3),
    }.get(task.name, (64, 48, 3))  # fmt: skip
    classes = 3 if task.name == "MSD hippocampus" else 2
    if "dice" in task.targets:
        model = nc.models.unet(image, classes, depth=1, width=2)
    else:
        model = nc.models.resnet(image, classes, depth=8, stem="small", width=4)
    model.compile("adam", "softmax_cross_entropy")
    found = task.evaluate(Trained(model, {"threshold": 0.5}), part)
    assert set(task.targets) <= set(found)
    for name, (value, low, high) in found.items():
        assert low <= value <= high, name


def test_the_picture_shows_every_seed_and_every_other(tmp_path):
    drawn = []
    for values in ({0: 0.9}, {0: 0.9, 1: 0.95, 2: 0.97}):
        runs = {
            seed: dict.fromkeys(("auc", "accuracy"), (v, v - 0.02, v + 0.01))
            for seed, v in values.items()
        }
        accuracy_picture.draw([(TASKS[0], runs)], "test", tmp_path / "p.png")
        with Image.open(tmp_path / "p.png") as picture:
            drawn.append(np.asarray(picture.convert("RGB")))
    blue = [np.all(image == (0x00, 0x72, 0xB2), axis=-1).sum() for image in drawn]
    assert blue[1] > 2 * blue[0] > 0
    assert drawn[1].shape[0] > drawn[0].shape[0]


def test_told():
    assert accuracy.told([0.9, 0.85, None]) == "0.900 (0.850 to nan)"
