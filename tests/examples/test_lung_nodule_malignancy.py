"""The nodule example as a user runs it, and the parts that its numbers rest on."""

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
from nanocnn.evaluation import auc

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))  # as for the script itself; `examples` is the tests' folder here
from nodule_study import cases, phantoms, recipe  # noqa: E402


def run(*arguments, threads="1"):
    command = [
        sys.executable, "-W", "error", str(EXAMPLES / "lung_nodule_malignancy.py"), "--quiet",
        *map(str, arguments),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLES.parent),
        "NANOCNN_NUM_THREADS": threads,
    }
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, env=environment, check=False
    )


def write_file(path, n_nodules=12, **changes):
    """Phantoms in the file format of the real data: 2 patients of each 3 nodules a part."""
    part = phantoms.draw(3 * n_nodules, seed=1)
    place = part.nodules // n_nodules
    arrays = {
        "images": np.round(255 * part.images[..., 0]).astype(np.uint8),
        "labels": part.labels.astype(np.uint8),
        "malignancy": part.ratings.astype(np.uint8),
        "nodule": part.nodules.astype(np.int16),
        "exam": (part.nodules // 3).astype(np.int16),
        "split": place.astype(np.uint8),
    }
    np.savez(path, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return path


def check_pictures(out, names):
    for name in names:
        with Image.open(out / name) as picture:
            assert picture.width > 400, name
            assert len(set(picture.convert("L").tobytes())) > 20, f"{name} is empty"


def test_phantoms_without_arguments_but_small(tmp_path):
    done = run("--limit", 12, "--epochs", 1, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["synthetic"] is True
    assert found["measured_on"] == "test"
    assert found["parts"]["test"] == {
        "slices": 36, "nodules": 12, "malignant": 6, "patients": 12,
    }  # fmt: skip
    for level in ("slice", "nodule"):
        network, area, difference = (
            found[f"{level}_{key}"] for key in ("auc", "area_auc", "auc_less_area")
        )
        assert difference[0] == pytest.approx(network[0] - area[0])
        assert difference[1] <= difference[0] <= difference[2]
        both = found[f"{level}_both_auc"]
        assert found[f"{level}_both_auc_less_area"][0] == pytest.approx(both[0] - area[0])
    assert found["diameter_area_r2"][0] > 0.8
    check_pictures(tmp_path, ("examples.png", "roc.png", "diameters.png"))
    assert nc.load(tmp_path / "model.safetensors").output_shape == (2,)
    assert nc.load(tmp_path / "diameter.safetensors").output_shape == (1,)
    for words in ("synthetic", "area alone", "interval a nodule", "no medical device"):
        assert words in done.stdout, words


@pytest.mark.slow
def test_same_seed_same_weights_on_any_number_of_threads(tmp_path):
    path, shas = write_file(tmp_path / "nodules.npz"), []
    for threads in ("1", "2"):
        out = tmp_path / threads
        done = run("--data", path, "--epochs", 1, "--seed", 3, "--out", out, threads=threads)
        assert done.returncode == 0, done.stderr
        shas.append(json.loads((out / "metrics.json").read_text())["weights_sha256"])
    assert shas[0] == shas[1]


def test_real_data_is_judged_on_validation_unless_the_test_part_is_asked_for(tmp_path):
    path, readings = write_file(tmp_path / "nodules.npz"), tmp_path / "readings.csv"
    options = ("--data", path, "--epochs", 1, "--readings", readings, "--out", tmp_path / "out")
    done = run(*options)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (found["measured_on"], found["synthetic"]) == ("val", False)
    assert set(found["parts"]) == {"train", "val"}
    assert not readings.exists()
    assert not (tmp_path / "out" / "diameters.png").exists()

    done = run(*options, "--test", "--seed", 7)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["measured_on"] == "test"
    with open(readings, newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert (line["data"], line["split"], line["seed"]) == ("nodules.npz", "official test", "7")
    assert line["configuration"] == "lung_nodule_malignancy.py"
    for column, name in {
        "auc": "nodule_both_auc",
        "auc_less_area": "nodule_both_auc_less_area",
        "network_auc": "nodule_auc",
        "slice_auc": "slice_auc",
    }.items():
        noted = [float(line[column + end]) for end in ("", "_low", "_high")]
        assert noted == pytest.approx(found[name], abs=1e-4)


def test_the_test_part_is_not_looked_at(tmp_path):
    """Damage in it goes unnoticed; with it asked for, it does not."""
    labels = np.tile(np.repeat([0, 1], 3), 18).astype(np.uint8)
    labels[-3:] = 7
    path = write_file(tmp_path / "nodules.npz", labels=labels)
    assert cases.read(path).test is None
    with pytest.raises(nc.data.DataError, match="test part"):
        cases.read(path, with_test=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"malignancy": None}, ["nodules.npz", "malignancy"]),
        ({"images": np.zeros((108, 64, 64), np.uint8)}, ["empty"]),
        ({"images": np.ones((108, 28, 28), np.uint8)}, ["28"]),
        ({"labels": np.zeros(108, np.uint8)}, ["benign"]),
        ({"malignancy": np.ones(108, np.uint8)}, ["disagree"]),
    ],
    ids=["no ratings", "empty images", "small images", "one class", "ratings disagree"],
)
def test_bad_data_gives_one_line_and_exit_code_2(tmp_path, changes, words):
    path = write_file(tmp_path / "nodules.npz", **changes)
    done = run("--data", path, "--epochs", 1, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_told(tmp_path, content):
    path = tmp_path / "nodules.npz"
    path.write_bytes(content)
    with pytest.raises(nc.data.DataError, match=r"nodules\.npz"):
        cases.read(path)


def test_augmentation_keeps_every_pixel_and_moves_them():
    images = recipe.crop(phantoms.draw(4, seed=0).images)
    augment = recipe.SizeKeeping(seed=5)
    first = augment(images, epoch=0, indices=np.arange(len(images)))
    for image, changed in zip(images, first, strict=True):
        np.testing.assert_array_equal(np.sort(image, axis=None), np.sort(changed, axis=None))
    assert (first != images).any()
    np.testing.assert_array_equal(  # what happens to an image does not depend on its batch
        first[5:7], augment(images[5:7], epoch=0, indices=[5, 6])
    )
    assert (first != augment(images, epoch=1, indices=np.arange(len(images)))).any()


def test_the_eight_symmetries_are_eight_and_change_no_mean_of_logits():
    images = phantoms.draw(2, seed=0).images
    views = {recipe.turn(images, *s).tobytes() for s in recipe.SYMMETRIES}
    assert len(views) == 8
    part = phantoms.draw(4, seed=2)
    model = nc.Sequential(
        [nc.Conv2D(4, 3, activation="relu"), nc.GlobalAveragePool2D(), nc.Dense(2)],
        input_shape=(recipe.CROP, recipe.CROP, 1),
    )
    turned = part._replace(images=np.rot90(part.images, axes=(1, 2)))
    np.testing.assert_allclose(
        recipe.logits(model, part), recipe.logits(model, turned), rtol=0, atol=1e-6
    )


def test_a_nodule_is_judged_in_its_largest_slice():
    images = np.zeros((5, 64, 64, 1), np.float32)
    for image, area in zip(images, (3, 9, 4, 7, 7), strict=True):
        image[0, :area] = 0.5
    numbers = np.array([8, 2, 8, 5, 5])
    part = cases.Part(images, numbers % 2, numbers, numbers, numbers)
    values = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    np.testing.assert_array_equal(recipe.per_nodule(values, part), [20, 40, 30])
    found = recipe.levels(values, part)["nodule"]
    np.testing.assert_array_equal(found.labels, [0, 1, 0])
    np.testing.assert_array_equal(found.areas, [9, 7, 4])


def test_phantoms_do_not_depend_on_their_number_and_overlap_in_both_signs():
    few, many = phantoms.draw(3, seed=4), phantoms.draw(60, seed=4)
    np.testing.assert_array_equal(few.images, many.images[:9])
    np.testing.assert_array_equal(phantoms.draw(2, seed=4, first=1).images, few.images[3:])
    assert 0.65 < auc(many.labels, many.areas()) < 0.95
    assert set(many.ratings.tolist()) == {1, 2, 4, 5}
    assert np.corrcoef(many.diameters, np.sqrt(many.areas()))[0, 1] > 0.9
