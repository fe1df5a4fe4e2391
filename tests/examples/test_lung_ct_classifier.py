"""The main job as a user runs it: a process of its own, on phantoms, folders and real images."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc

EXAMPLE = Path(__file__).parents[2] / "examples" / "lung_ct_classifier.py"
PICTURES = ("curves.png", "confusion_matrix.png", "predictions.png")


def run(*arguments, cwd=None):
    command = [sys.executable, "-W", "error", str(EXAMPLE), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=cwd, env=environment, check=False
    )


def write_folder(root, per_class=12, size=40):
    """Two classes of noise, one with a bright square: learnable in an instant."""
    rng = np.random.default_rng(0)
    for name in ("normal", "cancer"):
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            pixels = rng.integers(0, 80, (size, size), np.uint8)
            if name == "cancer":
                pixels[10:25, 10:25] += 150
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


def check_outputs(out):
    found = json.loads((out / "metrics.json").read_text())
    for name in PICTURES:
        with Image.open(out / name) as picture:
            assert picture.width > 400, name
            assert len(set(picture.convert("L").tobytes())) > 20, f"{name} is empty"
    model = nc.load(out / "model.safetensors")
    lines = (out / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy,val_loss,val_accuracy"
    assert len(lines) == 1 + found["epochs"]
    for key in ("seconds_data", "seconds_train", "seconds_total", "peak_rss_mb"):
        assert found[key] > 0
    assert found["seconds_total"] > found["seconds_train"]
    return found, model


def test_phantoms_without_arguments_but_small(tmp_path):
    done = run("--limit", 40, "--epochs", 2, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found, model = check_outputs(tmp_path)
    assert model.input_shape == (128, 128, 3)
    assert (found["n_train"], found["n_val"], found["n_test"], found["seed"]) == (40, 40, 40, 0)
    assert 0 <= found["test_accuracy"] <= 1
    assert 0 <= found["test_auc"] <= 1
    for name in ("logistic", "histogram", "feature"):
        assert 0 <= found[f"baseline_{name}_accuracy"] <= 1
    assert sum(n for _, n in found["accuracy_by_nodule_diameter_mm"].values()) == 20
    assert "synthetic" in done.stdout
    assert "Test accuracy:" in done.stdout
    for word in ("loss=", "accuracy=", "epoch 2/2", "<"):  # tqdm writes elapsed<left
        assert word in done.stderr, word


@pytest.mark.slow
def test_same_seed_same_weights(tmp_path):
    shas = []
    for threads, name in (("1", "a"), ("2", "b")):
        os.environ["NANOCNN_NUM_THREADS"] = threads
        try:
            done = run(
                "--limit", 12, "--epochs", 1, "--seed", 5, "--out", tmp_path / name, "--quiet"
            )
        finally:
            del os.environ["NANOCNN_NUM_THREADS"]
        assert done.returncode == 0, done.stderr
        shas.append(json.loads((tmp_path / name / "metrics.json").read_text())["weights_sha256"])
    assert shas[0] == shas[1]


@pytest.mark.parametrize("layout", ["classes", "train and test"])
def test_folder(tmp_path, layout):
    root = tmp_path / "scans"
    if layout == "classes":
        write_folder(root, per_class=20)
    else:
        write_folder(root / "train", per_class=14)
        write_folder(root / "test", per_class=3)
    done = run("--data", root, "--epochs", 3, "--out", tmp_path / "out", "--improved")
    assert done.returncode == 0, done.stderr
    found, _ = check_outputs(tmp_path / "out")
    assert found["classes"] == ["cancer", "normal"]
    assert found["n_test"] == 6
    assert "baseline_logistic_accuracy" not in found


@pytest.mark.data
def test_medmnist_format_on_real_training_images(tmp_path, data_dir):
    """Train, validation and test part are all cut from the official training part."""
    with np.load(data_dir / "pneumoniamnist_28.npz", allow_pickle=False) as file:
        images, labels = file["train_images"][:1200], file["train_labels"][:1200]
    cuts = {"train": slice(0, 800), "val": slice(800, 1000), "test": slice(1000, 1200)}
    arrays = {f"{part}_images": images[cut] for part, cut in cuts.items()}
    arrays |= {f"{part}_labels": labels[cut] for part, cut in cuts.items()}
    np.savez(tmp_path / "pneumonia.npz", **arrays)
    done = run("--data", tmp_path / "pneumonia.npz", "--epochs", 3, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found, model = check_outputs(tmp_path / "out")
    assert model.input_shape == (28, 28, 1)
    assert (found["n_train"], found["n_val"], found["n_test"]) == (800, 200, 200)
    assert found["test_auc"] > 0.9  # a held-out part of the same images: easy


def truncated_jpeg(root):
    write_folder(root, per_class=8)
    path = root / "cancer" / "broken.jpg"
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:200])
    return root, ["broken.jpg"]


def no_folder(root):
    return root, [str(root.name)]


def empty_class(root):
    write_folder(root)
    (root / "unsure").mkdir()
    return root, ["unsure"]


def one_class(root):
    write_folder(root)
    for path in (root / "cancer").iterdir():
        path.unlink()
    (root / "cancer").rmdir()
    return root, ["normal"]


def npz(root, **changes):
    root.mkdir()
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 20), ("val", 8), ("test", 8)):
        arrays[f"{part}_images"] = rng.integers(0, 255, (n, 28, 28), np.uint8)
        arrays[f"{part}_labels"] = np.arange(n).reshape(-1, 1) % 2
    np.savez(root / "images.npz", **{**arrays, **changes})
    return root / "images.npz"


def labels_out_of_range(root):
    return npz(root, train_labels=np.arange(20).reshape(-1, 1) % 2 - 1), ["-1"]


def nan_pixels(root):
    images = np.random.default_rng(0).random((20, 28, 28), np.float32)
    images[7, 3, 3] = np.nan
    parts = {f"{p}_images": np.zeros((8, 28, 28), np.float32) for p in ("val", "test")}
    return npz(root, train_images=images, **parts), ["NaN", "images.npz"]


def smaller_than_a_filter(root):
    parts = {"train": 20, "val": 8, "test": 8}
    tiny = {f"{p}_images": np.zeros((n, 4, 4), np.uint8) for p, n in parts.items()}
    return npz(root, **tiny), ["conv2d_2", "1x1", "3x3"]


def wrong_dtype(root):
    return npz(root, train_images=np.zeros((20, 28, 28), complex)), ["complex"]


@pytest.mark.parametrize(
    "make",
    [
        no_folder,
        empty_class,
        truncated_jpeg,
        one_class,
        labels_out_of_range,
        nan_pixels,
        smaller_than_a_filter,
        wrong_dtype,
    ],
    ids=lambda make: make.__name__,
)
def test_bad_data_gives_one_line_and_exit_code_2(tmp_path, make):
    path, words = make(tmp_path / "data")
    done = run("--data", path, "--epochs", 1, "--quiet", "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0], lines[0]


@pytest.mark.parametrize(
    ("option", "value"), [("--batch-size", 0), ("--epochs", 0), ("--limit", 0), ("--limit", -3)]
)
def test_bad_option_gives_one_line_and_exit_code_2(tmp_path, option, value):
    done = run(option, value, "--out", tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert option in line
    assert str(value) in line


def test_mixed_sizes_are_resized_by_the_example(tmp_path):
    """It resizes every file to 128 x 128, so only a user of the library meets that error."""
    root = write_folder(tmp_path / "scans")
    Image.fromarray(np.zeros((50, 60), np.uint8)).save(root / "normal" / "other.png")
    with pytest.raises(nc.data.DataError, match="50"):
        nc.data.open(root).arrays()
    done = run("--data", root, "--epochs", 1, "--quiet", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
