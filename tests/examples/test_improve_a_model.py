"""The list of improvements as a user runs it, and the rule by which steps are judged."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))  # as for a script in that folder

from model_steps import compare, images, training  # noqa: E402
from model_steps.compare import GAIN, WITHIN, WORSE  # noqa: E402
from model_steps.steps import STEPS, Settings  # noqa: E402

ROWS = 1 + len(STEPS)  # at least: what was worse is tried again


def run(*arguments):
    script = EXAMPLES / "improve_a_model.py"
    command = [sys.executable, "-W", "error", str(script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )


def read_runs(out):
    """Return the finished runs without the time that they took."""
    lines = (out / "runs.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def write_npz(path):
    """Noise with a bright square in class 1; in the MedMNIST format."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 24), ("val", 12), ("test", 12)):
        labels = np.arange(n) % 2
        pixels = rng.integers(0, 80, (n, 28, 28), np.uint8)
        pixels[labels == 1, 8:18, 8:18] += 120
        arrays |= {f"{part}_images": pixels, f"{part}_labels": labels.reshape(-1, 1)}
    np.savez(path, **arrays)
    return path


SMALL = ("--limit", 12, "--epochs", 1, "--seeds", 2)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("steps") / "out"
    done = run(*SMALL, "--out", out)
    assert done.returncode == 0, done.stderr
    return done, out, json.loads((out / "metrics.json").read_text())


def test_phantoms_without_arguments_but_small(small):
    done, out, found = small
    assert found["n_images"] == {"train": 12, "val": 12, "test": 12}
    assert "synthetic" in found["data"]
    names = [step["name"] for step in found["steps"]]
    assert names[:ROWS] == [compare.BASE, *(s.name for s in STEPS)]
    lines = (out / "table.txt").read_text().splitlines()
    assert len(lines) == 1 + len(names)
    assert len(read_runs(out)) == 2 * len(names)
    for line in lines:
        assert line in done.stdout
    for step, line in zip(found["steps"][1:], lines[2:], strict=True):
        assert f"{np.mean(step['values']):.3f}" in line
        assert line.endswith(step["verdict"])
    assert "looked at once" in done.stdout
    for measure in ("auc", "accuracy"):
        value, low, high = found[f"test_{measure}_base"]
        assert 0 <= low <= value <= high <= 1
    assert "100%" in done.stderr  # the progress bar


def test_picture_is_drawn(small):
    with Image.open(small[1] / "steps.png") as picture:
        assert picture.width > 800
        grey = np.asarray(picture.convert("L"))
    assert len(np.unique(grey)) > 50
    assert grey[:3].min() == 255


def test_weights_of_base_and_chosen_are_kept_and_no_others(small):
    _, out, found = small
    chosen = Settings(**found["chosen"])
    files = sorted((out / "weights").iterdir())
    assert len(files) == 2 * len({Settings(), chosen})
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert set(found["weights_sha256"]) <= set(digests)
    assert len(set(digests)) == len(files)
    assert nc.load(files[0]).input_shape == (64, 64, 1)


@pytest.mark.slow
def test_goes_on_after_an_interruption_to_the_same_end(small, tmp_path):
    _, out, found = small
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(out / "recipe.json", again)
    first = run(*SMALL, "--out", again, "--quiet")
    assert first.returncode == 0, first.stderr
    assert read_runs(again) == read_runs(out)

    lines = (again / "runs.jsonl").read_text().splitlines(keepends=True)
    (again / "runs.jsonl").write_text("".join(lines[:15]))
    (again / "metrics.json").unlink()
    done = run(*SMALL, "--out", again, "--quiet")
    assert done.returncode == 0, done.stderr
    assert "15 runs are finished" in done.stdout
    assert (again / "runs.jsonl").read_text().splitlines(keepends=True)[:15] == lines[:15]
    assert read_runs(again) == read_runs(out)
    last = json.loads((again / "metrics.json").read_text())
    for key in ("weights_sha256", "steps", "chosen", "test_auc_gain"):
        assert last[key] == found[key]


@pytest.mark.parametrize("change", [("--epochs", 2), ("--limit", 10), ("--measure", "accuracy")])
def test_a_folder_with_another_comparison_is_refused(small, change):
    out = small[1]
    before = (out / "runs.jsonl").read_bytes()
    done = run(*SMALL, *change, "--out", out, "--quiet")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "another comparison" in line
    assert (out / "runs.jsonl").read_bytes() == before


@pytest.mark.slow
def test_own_data_are_tested_only_when_asked_for_and_then_noted(tmp_path):
    path, out = write_npz(tmp_path / "squares.npz"), tmp_path / "out"
    table = tmp_path / "readings.csv"
    shutil.copy(EXAMPLES.parent / "benchmarks" / "test_readings.csv", table)
    before = table.read_text()
    options = ("--data", path, "--epochs", 1, "--seeds", 2, "--readings", table, "--quiet")

    done = run(*options, "--out", out)
    assert done.returncode == 0, done.stderr
    assert table.read_text() == before
    found = json.loads((out / "metrics.json").read_text())
    assert not [key for key in found if key.startswith("test_")]
    assert found["data"] == "squares.npz"

    done = run(*options, "--out", out, "--test")
    assert done.returncode == 0, done.stderr
    assert "runs are finished" in done.stdout
    found = json.loads((out / "metrics.json").read_text())
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    new = rows[len(before.splitlines()) - 1 :]
    assert [row["seed"] for row in new] == ["0", "1", "0", "1"]
    assert {row["data"] for row in new} == {"squares.npz"}
    mean = np.mean([float(row["auc"]) for row in new[:2]])
    assert found["test_auc_base"][0] == pytest.approx(mean, abs=1e-4)


def test_folder_of_pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ill", "well"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for i in range(14):
            pixels = rng.integers(0, 80, (30 + i, 40), np.uint8)
            if name == "ill":
                pixels[10:25, 10:25] += 120
            Image.fromarray(pixels).save(tmp_path / "scans" / name / f"{i}.png")
    data = images.read_data(str(tmp_path / "scans"), 32, None)
    assert data.train.images.shape[1:] == (32, 32, 3) or data.train.images.shape[1:] == (32, 32, 1)
    assert sum(len(part.labels) for part in data[:3]) == 28
    assert all(0 < part.labels.mean() < 1 for part in data[:3])


@pytest.mark.parametrize(
    ("option", "value"), [("--seeds", 1), ("--epochs", 0), ("--limit", -1), ("--data", "/nowhere")]
)
def test_bad_option_gives_one_line_and_exit_code_2(tmp_path, option, value):
    done = run(option, value, "--out", tmp_path / "out")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert str(value) in line


def fake(scores):
    """Return a measure that looks up the mean and spreads three seeds by 0.01 about it."""
    calls = []

    def measure(name, settings, best):
        calls.append((name, settings, best))
        return [scores.get(name, 0.5) + d for d in (-0.01, 0.0, 0.01)]

    return measure, calls


def test_verdicts():
    spread = np.hypot(0.01, 0.01)
    scores = {s.name: 0.5 for s in STEPS}
    scores[STEPS[0].name] = 0.5 + 1.1 * spread
    scores[STEPS[1].name] = 0.5 + 0.2 * spread
    scores[STEPS[2].name] = 0.5 + 0.0 * spread
    measure, calls = fake(scores)
    rows, chosen = compare.climb(measure)
    assert [row.verdict for row in rows[:4]] == ["base", GAIN, WITHIN, WITHIN]
    assert rows[1].gain == pytest.approx(1.1 * spread)
    assert rows[1].spread == pytest.approx(spread)
    assert rows[3].before == rows[2].values
    assert chosen == STEPS[0].applied_to(Settings())
    assert calls[3] == (
        STEPS[2].name,
        Settings(augment=True, cosine=True, dropout=0.3),
        Settings(augment=True),
    )


def test_what_is_worse_is_taken_back_and_tried_again_at_the_end():
    """A falling rate and dropout: a harm to the first network, a help to the better one."""
    scores = {"falling learning rate": 0.4, "dropout 0.3": 0.4, "DenseNet": 0.3}
    scores |= dict.fromkeys(("ResNet-8", "class weights", "label smoothing 0.1"), 0.6)
    scores |= {"focal loss": 0.6, "falling learning rate, again": 0.7, "dropout 0.3, again": 0.8}
    measure, calls = fake(scores)
    rows, chosen = compare.climb(measure)
    verdicts = {row.name: row.verdict for row in rows}
    assert [name for name in verdicts if verdicts[name] == WORSE] == [
        "falling learning rate",
        "dropout 0.3",
        "DenseNet",
    ]
    assert [row.name for row in rows[ROWS:]] == [
        "falling learning rate, again",
        "dropout 0.3, again",
    ]
    assert chosen == Settings(
        augment=True, cosine=True, dropout=0.3, weight_decay=0.05, network="resnet",
        class_weights=True, focal=True,
    )  # fmt: skip
    assert len({settings for _, settings, _ in calls}) == len(calls)


def test_nothing_is_chosen_where_nothing_helps():
    measure, calls = fake({step.name: 0.499 for step in STEPS})
    rows, chosen = compare.climb(measure)
    assert chosen == Settings()
    assert {row.verdict for row in rows[1:]} == {WITHIN}
    assert len(calls) == ROWS


def test_steps_build_on_each_other():
    rising = {step.name: 0.5 + 0.03 * k for k, step in enumerate(STEPS, 1)}
    ahead = []
    rows, chosen = compare.climb(fake(rising)[0], ahead.append)
    assert {row.verdict for row in rows[1:]} == {GAIN}
    assert chosen == Settings(
        augment=True, cosine=True, dropout=0.3, weight_decay=0.05, network="densenet",
        class_weights=True, label_smoothing=0.0, focal=True,
    )  # fmt: skip
    assert ahead == [ROWS, *range(len(STEPS), 0, -1)]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_each_step_changes_the_training(step):
    """The same seed, with the step and without it: other weights, or another network."""
    rng = np.random.default_rng(0)
    part = images.Part(rng.random((12, 16, 16, 1), np.float32), np.arange(12) % 3 // 2, None)
    before = Settings(label_smoothing=0.1) if step.name == "focal loss" else Settings()
    one, other = (
        training.train(settings, part, 2, seed=0, epochs=2, batch_size=8)
        for settings in (before, step.applied_to(before))
    )
    a, b = one.params, other.params
    assert list(a) != list(b) or any(not np.array_equal(a[k], b[k]) for k in a)


def test_balanced_accuracy():
    p = np.eye(2)[[0, 0, 0, 1, 1, 0]]
    assert training.balanced_accuracy(np.array([0, 0, 0, 0, 1, 1]), p) == (3 / 4 + 1 / 2) / 2
