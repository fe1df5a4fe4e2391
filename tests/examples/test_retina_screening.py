"""The screening of the retina as a user runs it, and its parts by themselves."""

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

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "retina_screening.py"


@pytest.fixture
def parts(monkeypatch):
    """The package beside the script, which is no part of nanocnn."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from retina import grades, patches, photographs, vessels

    return {"grades": grades, "patches": patches, "photographs": photographs, "vessels": vessels}


def run(*arguments):
    command = [sys.executable, "-W", "error", str(EXAMPLE), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, env=environment, check=False
    )


def check_picture(path):
    with Image.open(path) as picture:
        assert picture.width > 400, path
        assert len(set(picture.convert("L").tobytes())) > 20, f"{path} is empty"


def write_file(path, **changes):
    """Phantoms in the format of chasedb1_480.npz; the second observer sees all one pixel off."""
    drawn = nc.data.phantoms.fundus(8, 3, 64, difficulty=0)
    vessels = drawn.vessels
    arrays = {
        "images": np.rint(255 * drawn.images).astype(np.uint8),
        "vessels": np.packbits(vessels, axis=-1),
        "vessels2": np.packbits(np.roll(vessels, 1, axis=1), axis=-1),
        "fov": np.packbits(drawn.images.max(axis=-1) > 0, axis=-1),
        "patient": (drawn.patients % 100).astype(np.uint8),
        "split": np.array([0, 0, 0, 0, 1, 1, 2, 2], np.uint8),
    }
    np.savez(path, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return path


def test_phantoms_without_arguments_but_small(tmp_path):
    done = run("--limit", 16, "--epochs", 1, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "metrics.json").read_text())
    for task in ("grading", "vessels"):
        assert "synthetic" in found[task]["data"]
        assert found[task]["measured_on"] == "test"
        assert len(found[task]["weights_sha256"]) == 64
        check_picture(tmp_path / f"{task}_curves.png")
        assert len((tmp_path / f"{task}_history.csv").read_text().splitlines()) == 2
    assert np.sum(found["grading"]["confusion_matrix"]) == found["grading"]["photographs"] == 16
    assert -1 <= found["grading"]["quadratic_kappa"] <= 1
    assert "second_observer_dice" not in found["vessels"]
    for name in ("grades.png", "predictions.png", "vessels.png"):
        check_picture(tmp_path / name)
    assert nc.load(tmp_path / "vessels.safetensors").input_shape == (64, 64, 3)
    assert "no medical device" in done.stdout


@pytest.mark.slow
def test_a_file_is_measured_on_validation_and_on_test_only_when_told(tmp_path):
    file, readings = write_file(tmp_path / "photographs.npz"), tmp_path / "readings.csv"
    shas = []
    for arguments, part in (((), "val"), (("--test",), "test")):
        done = run(
            *("--data", file, "--epochs", 1, "--quiet", "--out", tmp_path / part),
            *("--readings", readings, *arguments),
        )
        assert done.returncode == 0, done.stderr
        found = json.loads((tmp_path / part / "metrics.json").read_text())
        assert "grading" not in found
        assert found["vessels"]["measured_on"] == part
        assert found["vessels"]["photographs"] == 2
        assert 0 < found["vessels"]["second_observer_dice"] < 1
        assert readings.exists() == bool(arguments)
        shas.append(found["vessels"]["weights_sha256"])
    assert shas[0] == shas[1], "the test part had a say in training"
    with open(readings, encoding="utf-8") as lines:
        (line,) = csv.DictReader(lines)
    assert float(line["dice"]) == pytest.approx(found["vessels"]["dice"], abs=1e-4)
    assert (line["data"], line["seed"]) == ("photographs.npz", "0")


def test_a_file_without_test_part_is_enough_for_validation(tmp_path, parts):
    file = write_file(tmp_path / "photographs.npz", split=np.array([0] * 6 + [1] * 2, np.uint8))
    read = parts["photographs"].read_photographs
    assert len(read(file, "train").images) == 6
    assert len(read(file, "train", limit=4).images) == 4
    with pytest.raises(nc.data.DataError, match="no photograph of the part 'test'"):
        read(file, "test")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"fov": None}, "fov"),
        ({"images": np.zeros((8, 64, 64), np.uint8)}, "(4, 64, 64)"),
        ({"vessels": np.zeros((8, 64, 7), np.uint8)}, "(4, 64, 56)"),
    ],
    ids=["no field of view", "grey images", "small masks"],
)
def test_a_bad_file_gives_one_line_and_exit_code_2(tmp_path, changes, word):
    file = write_file(tmp_path / "photographs.npz", **changes)
    done = run("--data", file, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert word in line


@pytest.mark.parametrize("arguments", [("--epochs", 0), ("--limit", -1), ("--test",)])
def test_a_bad_option_gives_one_line_and_exit_code_2(tmp_path, arguments):
    done = run(*arguments, "--out", tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert arguments[0] in line


def test_pixels_outside_the_field_change_nothing(parts):
    """Neither the contrast that the network sees inside, nor the measures."""
    photographs, vessels = parts["photographs"], parts["vessels"]
    drawn = photographs.draw_phantoms(2, seed=1, first_patient=0, size=64)
    outside = ~drawn.field
    images, marked = drawn.images.copy(), drawn.vessels.copy()
    images[outside], marked[outside] = 1.0, True
    other = drawn._replace(images=images, vessels=marked)
    before, after = (photographs.local_contrast(p.images, p.field) for p in (drawn, other))
    np.testing.assert_array_equal(before, after)
    assert (before[outside] == 0.5).all()
    guess = np.roll(drawn.vessels, 1, axis=2)
    for metric in vessels.MEASURES.values():
        expected = vessels.measure(metric, guess, drawn)
        assert (expected < 1).all()
        np.testing.assert_array_equal(vessels.measure(metric, guess | outside, other), expected)


def test_contrast_is_that_of_the_neighbourhood(parts):
    """A photograph that is half as bright, or brighter on one side, looks nearly the same."""
    photographs = parts["photographs"]
    drawn = photographs.draw_phantoms(1, seed=1, first_patient=0, size=64, difficulty=0)
    plain = photographs.local_contrast(drawn.images, drawn.field)
    light = np.linspace(0.5, 1, 64, dtype=np.float32)[:, None]
    lit = photographs.local_contrast(drawn.images * light, drawn.field)
    inside = drawn.field
    assert np.abs(plain - lit)[inside].mean() < 0.2 * np.abs(plain - 0.5)[inside].mean()
    green = plain[..., 1]
    assert green[inside & drawn.vessels].mean() < green[inside & ~drawn.vessels].mean() - 0.1


def test_patches_are_cut_where_their_masks_say(parts):
    """Without augmentation each patch is found in the padded photograph, mask and all."""
    patches = parts["patches"]
    rng = np.random.default_rng(0)
    images = rng.random((2, 20, 24, 1), np.float32)
    masks = rng.integers(0, 2, (2, 20, 24), np.uint8)
    masks[:, :, :6] = patches.IGNORE
    loader = patches.Patches(images, masks, 8, 30, 16, seed=0)
    batches = list(loader.epoch(0))
    assert [len(x) for x, _ in batches] == [16, 14]
    assert len(loader) == 2
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), constant_values=0.5)
    labels = np.pad(masks, ((0, 0), (4, 4), (4, 4)), constant_values=patches.IGNORE)
    windows = np.lib.stride_tricks.sliding_window_view(padded[..., 0], (8, 8), axis=(1, 2))
    for x, y in ((x, y) for batch in batches for x, y in zip(*batch, strict=True)):
        assert y[4, 4] != patches.IGNORE
        found = np.argwhere((windows == x[..., 0]).all(axis=(3, 4)))
        assert len(found) == 1
        n, i, j = found[0]
        np.testing.assert_array_equal(y, labels[n, i : i + 8, j : j + 8])


def test_patches_come_in_all_eight_positions_with_their_masks(parts):
    patches = parts["patches"]
    images = np.random.default_rng(0).random((1, 30, 30, 1), np.float32)
    masks = np.full((1, 30, 30), patches.IGNORE, np.uint8)
    masks[0, 12, 15] = 1  # all patches have the same middle, then
    loader = patches.Patches(images, masks, 16, 64, 64, 0, nc.data.Augment(flip="both"))
    found, labels = loader.peek()
    assert ((labels == 1).sum(axis=(1, 2)) == 1).all()
    assert (found[labels == 1] == images[0, 12, 15]).all()
    assert len(np.unique(found.reshape(64, -1), axis=0)) == 8


def test_patches_are_new_in_each_epoch_and_the_same_for_a_seed(parts):
    patches = parts["patches"]
    rng = np.random.default_rng(0)
    images, masks = rng.random((2, 40, 40, 3), np.float32), np.zeros((2, 40, 40), np.uint8)
    augment = nc.data.Augment(flip="both", brightness=0.1, seed=1)
    first, again, other = (
        patches.Patches(images, masks, 16, 6, 6, seed, augment) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(next(first.epoch(3))[0], next(again.epoch(3))[0])
    assert (next(first.epoch(3))[0] != next(first.epoch(4))[0]).any()
    assert (next(first.epoch(3))[0] != next(other.epoch(3))[0]).any()
    assert first.peek()[0].shape == (6, 16, 16, 3)


def test_weights_learnt_on_patches_fit_a_whole_photograph(parts):
    """What it says of a pixel is what it says of it in the middle of a patch, far from borders."""
    vessels, photographs = parts["vessels"], parts["photographs"]
    drawn = photographs.draw_phantoms(1, seed=0, first_patient=0, size=128)
    model = nc.models.unet((64, 64, 3), 2, depth=1, width=4, seed=0)
    head = next(name for name in reversed(model.params) if name.endswith(".w"))
    model.params[head][...] = np.random.default_rng(0).normal(size=model.params[head].shape)
    images, _ = vessels.prepare(drawn)
    patch = np.zeros((1, 64, 64), np.float32)
    whole = vessels.predict(model, drawn)
    for axes in vessels.MIRRORED:  # from an even place: pooling looks at the same pairs of pixels
        logits = model.predict(np.flip(images[:, 32:96, 32:96], axes))
        patch += np.flip(1 / (1 + np.exp(logits[..., 0] - logits[..., 1])), axes) / 4
    assert whole.shape == (1, 128, 128)
    assert np.ptp(whole) > 0.1
    np.testing.assert_allclose(whole[:, 48:80, 48:80], patch[:, 16:48, 16:48], atol=1e-5)
    assert model.input_shape == (64, 64, 3)


def test_the_threshold_is_the_best_on_the_photographs_given(parts):
    vessels, photographs = parts["vessels"], parts["photographs"]
    drawn = photographs.draw_phantoms(4, seed=0, first_patient=0, size=64)
    sure = np.where(drawn.vessels, 0.4, 0.3).astype(np.float32)
    assert 0.3 <= vessels.choose_threshold(sure, drawn) < 0.4
    exact = vessels.score(drawn.vessels, drawn)
    assert (exact["dice"], exact["dice_interval"]) == (1.0, [1.0, 1.0])


@pytest.mark.slow
def test_lesions_can_be_told_from_the_rest(parts):
    """The grader learns the extremes, nothing and many haemorrhages, in a few epochs."""
    grades, photographs = parts["grades"], parts["photographs"]

    def draw(n, first_patient):
        drawn = photographs.draw_phantoms(n, 0, first_patient, size=64, difficulty=0)
        chosen = np.isin(drawn.grades, (0, 3))
        return photographs.Photographs(*(None if a is None else a[chosen] for a in drawn))

    train, val = draw(300, 0), draw(60, 500)
    grader = grades.train(train, val, 0, grades.Recipe(width=8, epochs=8), verbose=False)
    assert grades.evaluate(grader, val)["quadratic_kappa"] > 0.5


@pytest.mark.data
def test_real_training_photographs(parts, data_dir):
    """What the example takes for granted, seen on the training part."""
    photographs = parts["photographs"]
    train = photographs.read_photographs(data_dir / "chasedb1_480.npz", "train")
    assert train.images.shape == (16, 480, 480, 3)
    assert len(np.unique(train.patients)) == 8
    score = parts["vessels"].score(train.second, train)
    assert score["second_observer_dice"] == score["dice"] == pytest.approx(0.779, abs=0.001)
    green = photographs.local_contrast(train.images, train.field)[..., 1]
    assert green[train.field & train.vessels].mean() < 0.4
    assert green[train.field & ~train.vessels].mean() > 0.5
