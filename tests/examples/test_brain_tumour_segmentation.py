"""Segmenting as a user does it: a process of its own, on phantoms, pictures, NIfTI and volumes."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

import nanocnn as nc

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "brain_tumour_segmentation.py"
PICTURES = ("curves", "augmentation", "scores", "cases")


def run(*arguments, threads=None):
    command = [sys.executable, "-W", "error", str(EXAMPLE), "--quiet", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    if threads is not None:
        environment["NANOCNN_NUM_THREADS"] = str(threads)
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )


def one_line_error(done):
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


def check_outputs(done, out):
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for name in PICTURES:
        with Image.open(out / f"{name}.png") as picture:
            assert picture.width > 400, name
            grey = np.asarray(picture.convert("L"))
        assert len(np.unique(grey)) > 50, f"{name} is empty"
        assert grey[:3].min() == 255, f"{name} has no light background"
    found = json.loads((out / "metrics.json").read_text())
    lines = (out / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,dice,val_loss,val_dice"
    assert len(lines) == 1 + found["epochs"]
    for value, low, high in (found["mean_dice"], found["mean_hausdorff95"]):
        assert 0 <= low <= value <= high
    assert found["mean_dice"][2] <= 1
    with open(out / "cases.csv", newline="", encoding="utf-8") as file:
        cases = list(csv.DictReader(file))
    assert len(cases) == len({case["case"] for case in cases}) == found["n_cases"]
    assert found["seconds_total"] > found["seconds_train"] > 0
    return found, cases, nc.load(out / "model.safetensors")


def mean_of(cases, word):
    """The mean over cases of the mean over the structures that a case has."""
    rows = [[float(v) for k, v in case.items() if word in k and v] for case in cases]
    return np.mean([np.mean(row) for row in rows if row])


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms")
    done = run("--limit", 6, "--epochs", 2, "--size", 64, "--out", out)
    return done, out, *check_outputs(done, out)


def test_phantoms_without_arguments_but_small(phantoms):
    done, _, found, cases, model = phantoms
    assert model.input_shape == (64, 64, 3)
    assert model.output_shape == (64, 64, 3)
    assert found["classes"] == ["background", "oedema", "tumour core"]
    assert found["n_slices"] == {"train": 24, "val": 24}  # the test part was not drawn
    assert found["measured_on"] == "val"
    assert found["synthetic"]
    assert found["mean_dice"][0] == pytest.approx(mean_of(cases, "dice"), abs=1e-3)
    assert found["mean_hausdorff95"][0] == pytest.approx(mean_of(cases, "hausdorff"), abs=1e-3)
    assert "not patients" in done.stdout
    assert "validation part" in done.stdout


@pytest.mark.slow
def test_same_seed_same_weights_on_any_number_of_threads(phantoms, tmp_path):
    _, _, found, _, _ = phantoms
    done = run("--limit", 6, "--epochs", 2, "--size", 64, "--out", tmp_path, threads=1)
    again, _, _ = check_outputs(done, tmp_path)
    assert again["weights_sha256"] == found["weights_sha256"]


@pytest.mark.slow
def test_the_test_part_of_phantoms_is_other_patients_and_no_reading(phantoms, tmp_path):
    _, _, _, before, _ = phantoms
    register = tmp_path / "readings.csv"
    options = ("--limit", 6, "--epochs", 1, "--size", 64, "--test", "--readings", register)
    found, cases, _ = check_outputs(run(*options, "--out", tmp_path), tmp_path)
    assert found["measured_on"] == "test"
    assert not {case["case"] for case in cases} & {case["case"] for case in before}
    assert not register.exists()


def draw(rng, size):
    """A bright disc on noise, and its mask."""
    y, x = np.mgrid[:size, :size]
    cy, cx = rng.uniform(0.3, 0.7, 2) * size
    mask = ((y - cy) ** 2 + (x - cx) ** 2 < (size / 6) ** 2).astype(np.uint8)
    return rng.integers(0, 90, (size, size), np.uint8) + 150 * mask, mask


def write_pictures(root, n=14):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for i in range(n):
        image, mask = draw(rng, 40)
        Image.fromarray(image).save(root / "images" / f"p{i:02d}.png")
        Image.fromarray(255 * mask).save(root / "masks" / f"p{i:02d}.png")
    return root


def write_nifti(root, n=8):
    rng = np.random.default_rng(1)
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    for i in range(n):
        image, mask = draw(rng, 32)
        for folder, plane in (("imagesTr", image), ("labelsTr", mask)):
            volume = np.repeat(plane[:, :, None], 3, axis=2)
            nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), root / folder / f"head_{i}.nii.gz")
    return root


@pytest.mark.slow
def test_folders_of_images_and_masks(tmp_path):
    """Discs that are as bright as nothing else: learnt in a few epochs, each picture a case."""
    root = write_pictures(tmp_path / "scans", n=40)
    out = tmp_path / "out"
    done = run("--data", root, "--size", 32, "--epochs", 12, "--out", out)
    found, cases, model = check_outputs(done, out)
    assert sum(found["n_slices"].values()) + 6 == 40  # 15 % for testing
    assert {case["case"] for case in cases} < {f"p{i:02d}" for i in range(40)}
    assert found["mean_dice"][0] > 0.8
    assert not found["synthetic"]
    assert found["is_tumour"] is None  # who knows
    # The file alone prepares and segments a picture.
    probabilities = model.predict(root / "images" / "p00.png")
    assert probabilities.shape == (1, 32, 32, 2)


@pytest.mark.slow
def test_nifti_volumes_stay_together(tmp_path):
    root, out = write_nifti(tmp_path / "scans"), tmp_path / "out"
    done = run("--data", root, "--size", 32, "--epochs", 1, "--out", out)
    found, cases, _ = check_outputs(done, out)
    assert all(n % 3 == 0 for n in found["n_slices"].values())
    assert 3 * len(cases) == found["n_slices"]["val"]
    assert all(case["case"].startswith("head_") for case in cases)


def write_volumes(path, n=(4, 2, 2)):
    """Volumes in the layout of the hippocampus file, with two boxes in each."""
    rng = np.random.default_rng(2)
    total = sum(n)
    images = np.zeros((total, 16, 24, 16), np.uint8)
    labels = np.zeros_like(images)
    shape = np.tile(np.array([14, 20, 15], np.uint8), (total, 1))
    for i in range(total):
        images[i, :14, :20, :15] = rng.integers(40, 120, (14, 20, 15))
        labels[i, 4:9, 4:9, 5:10], labels[i, 4:9, 10:15, 5:10] = 1, 2
    images[labels > 0] += 90
    split = np.repeat(np.arange(3, dtype=np.uint8), n)
    ids = np.arange(total, dtype=np.int16) + 100
    np.savez(path, images=images, labels=labels, shape=shape, split=split, case_id=ids)
    return path


@pytest.mark.slow
def test_volumes_and_the_register_of_test_readings(tmp_path):
    path, register = write_volumes(tmp_path / "made_up.npz"), tmp_path / "readings.csv"
    register.write_text("date,commit,data,seed,accuracy\n2020-01-01,abc,others,7,0.9\n")
    options = ("--data", path, "--epochs", 1, "--seed", 3, "--out", tmp_path / "out")
    done = run(*options, "--readings", register)
    found, cases, _ = check_outputs(done, tmp_path / "out")
    assert [case["case"] for case in sorted(cases, key=lambda c: c["case"])] == ["104", "105"]
    assert found["is_tumour"] is False
    assert "a hippocampus is no tumour" in done.stdout
    assert "others" in register.read_text()
    assert "dice" not in register.read_text()

    done = run(*options, "--readings", register, "--test")
    found, cases, _ = check_outputs(done, tmp_path / "out")
    assert {case["case"] for case in cases} == {"106", "107"}
    with open(register, newline="", encoding="utf-8") as file:
        old, new = csv.DictReader(file)
    assert (old["data"], old["accuracy"], old["dice"]) == ("others", "0.9", "")
    assert (new["seed"], new["accuracy"]) == ("3", "")
    written = [float(new[f"dice{end}"]) for end in ("", "_low", "_high")]
    assert written == pytest.approx(found["mean_dice"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.data
def test_real_hippocampi_of_the_validation_part(tmp_path, data_dir):
    path = data_dir / "msd_hippocampus_48x64x48.npz"
    done = run("--data", path, "--limit", 3, "--epochs", 1, "--out", tmp_path)
    found, cases, _ = check_outputs(done, tmp_path)
    assert found["measured_on"] == "val"
    assert found["classes"][1:] == ["anterior hippocampus", "posterior hippocampus"]
    with np.load(path, allow_pickle=False) as file:
        held_out = {f"{i:03d}" for i in file["case_id"][file["split"] == 1].tolist()}
    assert {case["case"] for case in cases} <= held_out
    assert len(cases) == 3


def no_masks(root):
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()
    for folder in "ab":
        Image.fromarray(np.zeros((20, 20), np.uint8)).save(root / folder / "1.png")
    return ("--data", root), "without masks"


def too_few(root):
    return ("--data", write_pictures(root, n=2)), "2 images"


def size_that_cannot_be_halved(root):
    return ("--data", write_pictures(root), "--size", 40), "multiples of 16"


def nothing_there(root):
    return ("--data", root), "no such"


@pytest.mark.parametrize(
    "make",
    [no_masks, too_few, size_that_cannot_be_halved, nothing_there],
    ids=lambda make: make.__name__,
)
def test_data_that_do_not_fit_give_one_line(tmp_path, make):
    options, words = make(tmp_path / "scans")
    assert words in one_line_error(run(*options, "--epochs", 1, "--out", tmp_path / "out"))


@pytest.mark.parametrize("option", ["--epochs", "--limit", "--size"])
def test_a_number_below_1_gives_one_line(tmp_path, option):
    line = one_line_error(run(option, 0, "--out", tmp_path))
    assert option in line
    assert "0" in line


@pytest.mark.slow
def test_without_arguments(tmp_path):
    done = run("--out", tmp_path)
    found, _, _ = check_outputs(done, tmp_path)
    assert found["mean_dice"][0] > 0.6
