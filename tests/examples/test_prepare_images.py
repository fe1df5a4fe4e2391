"""The path from DICOM files to a model, as a user walks it: in a process of its own."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

import nanocnn as nc
from tests.data.dicoms import REAL, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "prepare_images.py"
PICTURES = ("contact_sheet", "audit", "preparation", "augmentation", "batch")
KEY = "a key of sixteen or more bytes"


def run(*arguments, key=KEY, path=()):
    """Run the example; `path` comes before the installed packages."""
    command = [sys.executable, "-W", "error", str(EXAMPLE), "--quiet", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if k != "NANOCNN_KEY"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*path, EXAMPLE.parents[1])))
    if key is not None:
        environment["NANOCNN_KEY"] = key
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )


def one_line_error(done):
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Ten synthetic patients, at 64 x 64."""
    out = tmp_path_factory.mktemp("small")
    done = run("--patients", 10, "--size", 64, "--epochs", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out, json.loads((out / "metrics.json").read_text()), done.stdout


def test_pictures_are_drawn(small):
    out, _, _ = small
    for name in PICTURES:
        with Image.open(out / f"{name}.png") as picture:
            assert picture.width > 400, name
            grey = np.asarray(picture.convert("L"))
        assert len(np.unique(grey)) > 100, f"{name} is empty"
        assert grey[:3].min() == 255, f"{name} has no light background"
    assert {p.stem for p in out.glob("*.png")} == set(PICTURES)


def test_every_planted_fault_is_found_and_nothing_else_removed(small):
    out, found, text = small
    planted, removed = found["planted"], found["removed"]
    assert {kind: len(files) for kind, files in planted.items()} == {
        "equal": 2, "near": 2, "unreadable": 1,
    }  # fmt: skip
    first, again = planted["equal"]
    own, foreign = planted["near"]
    (broken,) = planted["unreadable"]
    assert removed == {
        again: f"equal to {first}",
        foreign: f"nearly equal to {own}",
        broken: "cannot be read",
    }
    assert found["n_images"] == 4 * 10 + 2 - 3
    assert len(found["problems"]) == 3
    assert found["problems_after"] == []
    report = json.loads((out / "audit.json").read_text())
    assert report["exact_duplicates"]["pairs"] == 1
    assert [bad["image"] for bad in report["unreadable"]] == [broken]
    assert all(f"removed {name}" in text for name in removed)


def test_no_patient_is_in_two_parts(small):
    out, found, _ = small
    parts = found["parts"]
    patients = [patient for part in parts.values() for patient in part["patients"]]
    assert len(patients) == len(set(patients)) == 10
    assert sum(part["images"] for part in parts.values()) == found["n_images"]
    assert all(n > 0 for part in parts.values() for n in part["classes"].values())
    # The two who share an image stay together.
    ids = [
        pydicom.dcmread(out / "dicom" / name, stop_before_pixels=True).PatientID
        for name in found["planted"]["near"]
    ]
    assert ids[0] != ids[1]
    pair = {nc.data.pseudonym(patient, KEY) for patient in ids}
    assert sum(pair <= set(part["patients"]) for part in parts.values()) == 1


def test_the_files_are_in_hounsfield_units(small):
    out, _, _ = small
    slice_ = pydicom.dcmread(out / "dicom" / "case000" / "slice1.dcm")
    hu = slice_.pixel_array * float(slice_.RescaleSlope) + float(slice_.RescaleIntercept)
    drawn = nc.data.phantoms.lung_ct(1, seed=0, size=192).images[0]
    np.testing.assert_allclose(hu, np.maximum(-1100 + 1400 * drawn, -1024), atol=0.51)
    opened = nc.data.open(out / "dicom" / "labels.csv", window="lung", key=KEY)
    np.testing.assert_allclose(opened[0][0][..., 0], np.clip((hu + 1350) / 1500, 0, 1), atol=1e-6)


def test_the_model_file_alone_predicts_as_before(small):
    out, found, _ = small
    model = nc.load(out / "model.safetensors")
    scan = out / "dicom_new" / "scan.dcm"
    assert model.preparation.window == "lung"
    assert model.preparation.size == (64, 64)
    assert model.preparation.to_config()["transforms"] == found["preparation"]["transforms"]
    expected = list(found["prediction"].values())
    np.testing.assert_allclose(model.predict(scan)[0], expected, rtol=1e-5)
    # By hand: opened, transformed step by step, as an array that is ready.
    image, _ = nc.data.open(scan, size=64, channels=1, window="lung")[0]
    for step in model.preparation.steps:
        image = step(image)
    np.testing.assert_allclose(model.predict(image[None])[0], expected, rtol=1e-5)
    other = nc.data.open(scan, size=64, channels=1, window="bone")[0][0]
    assert np.abs(model.predict(other[None])[0] - expected).max() > 1e-3


def test_mean_and_deviation_are_those_of_the_training_part_alone(small):
    out, found, _ = small
    dataset = nc.data.open(out / "dicom" / "labels.csv", size=64, window="lung", key=KEY)
    kept = [i for i in range(len(dataset)) if dataset.name(i) not in found["removed"]]
    clahe, zscore = nc.load(out / "model.safetensors").preparation.steps
    pixels = {}
    for part, about in found["parts"].items():
        chosen = [i for i in kept if dataset.groups[i] in about["patients"]]
        assert len(chosen) == about["images"]
        pixels[part] = clahe(dataset.subset(chosen).arrays()[0])
    assert zscore.mean[0] == pytest.approx(pixels["train"].mean(dtype=np.float64), rel=1e-5)
    assert zscore.std[0] == pytest.approx(pixels["train"].std(dtype=np.float64), rel=1e-5)
    assert zscore.mean[0] != pytest.approx(pixels["test"].mean(dtype=np.float64), rel=1e-4)


def test_metrics_hold_together(small):
    _, found, text = small
    low, high = sorted(found["drawn_of_each_class"].values())
    assert high - low <= 1
    assert low + high == found["parts"]["train"]["images"]
    assert found["images_per_second"] > 0
    assert sum(found["prediction"].values()) == pytest.approx(1, abs=1e-5)
    assert len(found["loss"]) == 1
    assert found["synthetic"]
    assert "not patients" in text


def test_no_identifying_value_in_any_result(small):
    """Another search than the example's own: in all bytes, for all values of two headers."""
    out, found, text = small
    words = {KEY}
    for scan in (out / "dicom" / "case000" / "slice1.dcm", out / "dicom_new" / "scan.dcm"):
        header = pydicom.dcmread(scan, stop_before_pixels=True)
        words |= {str(header.PatientID), header.PatientBirthDate, header.AccessionNumber}
        words |= {*str(header.PatientName).split("^"), header.InstitutionName}
        words |= {str(header.StudyInstanceUID), str(header.SOPInstanceUID)}
    assert len(words) == 1 + 2 * 8 - 1  # one hospital
    assert found["values_searched"] > 10 * 5
    results = [p for p in out.iterdir() if p.is_file()]
    assert len(results) == len(PICTURES) + 4
    for path in results:
        content = path.read_bytes()
        assert not [word for word in words if word.encode() in content], path.name
    assert not [word for word in words if word in text]


def test_a_folder_with_a_patients_name_fails_the_search(small, tmp_path):
    out, _, _ = small
    folder = tmp_path / "scans"
    shutil.copytree(out / "dicom", folder)
    name = str(pydicom.dcmread(folder / "case004" / "slice1.dcm").PatientName).split("^")[0]
    (folder / "case004").rename(folder / name)
    table = (folder / "labels.csv").read_text().replace("case004/", f"{name}/")
    (folder / "labels.csv").write_text(table)
    done = run(
        "--data", folder / "labels.csv", "--size", 64, "--epochs", 1, "--out", tmp_path / "o"
    )
    line = one_line_error(done)
    assert "PatientName in " in line
    assert name not in line


def write_real(folder):
    """Real files that pydicom carries, under names that tell nothing, a class per folder."""
    ct = [*(REAL / "dicomdirtests" / "77654033" / "CT2").iterdir()]
    ct += [REAL / f"{n}.dcm" for n in ("CT_small", "693_J2KI", "J2K_pixelrep_mismatch")]
    mr = [*(REAL / "dicomdirtests" / "98892003" / "MR1").iterdir()]
    mr += [REAL / f"{n}.dcm" for n in ("MR_small", "MR_small_RLE", "MR_truncated")]
    mr += [REAL / "examples_overlay.dcm"]
    for label, files in (("ct", ct), ("mr", mr)):
        (folder / label).mkdir(parents=True)
        for k, file in enumerate(sorted(files)):
            shutil.copy(file, folder / label / f"{k}.dcm")
    return folder


def test_real_files_with_a_class_per_folder(tmp_path):
    folder, out = write_real(tmp_path / "scans"), tmp_path / "out"
    done = run("--data", folder, "--window", "file", "--size", 32, "--epochs", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads((out / "metrics.json").read_text())
    assert list(found["prediction"]) == ["ct", "mr"]
    reasons = sorted(reason.split(" ")[0] for reason in found["removed"].values())
    assert reasons == ["cannot", "equal"]  # MR_truncated; MR_small, which is there twice
    assert found["n_images"] == len([*folder.rglob("*.dcm")]) - 2
    assert len({p for part in found["parts"].values() for p in part["patients"]}) == 7
    assert "planted" not in found
    assert nc.load(out / "model.safetensors").preparation.window is None


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path):
    scans, key = tmp_path / "scans", tmp_path / "mine" / "patients.key"
    for label in ("a", "b"):  # one image with two labels: an end as soon as there is a key
        write(scans / label / "1.dcm", np.arange(64, dtype=np.uint16).reshape(8, 8), Modality="CT")
    options = ("--data", scans, "--key-file", key, "--out", tmp_path / "out")
    assert "none of 2 images is left" in one_line_error(run(*options, key=None))
    made = key.read_text()
    assert len(made) == 64
    if os.name == "posix":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    one_line_error(run(*options, key=None))
    assert key.read_text() == made
    inside = ("--data", scans, "--key-file", scans / "key", "--out", tmp_path / "out")
    assert "key file lies in 'scans'" in one_line_error(run(*inside, key=None))
    assert not (scans / "key").exists()


@pytest.mark.parametrize("own", [False, True])
def test_pydicom_that_is_missing(tmp_path, own):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "pydicom.py").write_text("raise ImportError('hidden')\n")
    options = ["--out", tmp_path / "out"]
    if own:
        options += ["--data", write_real(tmp_path / "scans")]
    line = one_line_error(run(*options, path=[hidden]))
    assert 'pip install "nanocnn[medical]"' in line


def empty(folder):
    folder.mkdir()
    return folder, "holds 0 images"


def unlabelled(folder):
    write(folder / "1.dcm", np.zeros((8, 8), np.uint16))
    return folder, "labelled"


def arrays(folder):
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 255, (8, 28, 28), np.uint8)
    parts = {f"{p}_images": images for p in ("train", "val", "test")}
    labels = {f"{p}_labels": np.arange(8).reshape(-1, 1) % 2 for p in ("train", "val", "test")}
    np.savez(folder / "images.npz", **parts, **labels)
    return folder / "images.npz", "images.npz"


@pytest.mark.parametrize("make", [empty, unlabelled, arrays], ids=lambda m: m.__name__)
def test_data_that_do_not_fit_give_one_line(tmp_path, make):
    path, words = make(tmp_path / "scans")
    line = one_line_error(run("--data", path, "--window", "file", "--out", tmp_path / "out"))
    assert words in line


@pytest.mark.parametrize("window", ["liver", "40,", "40,-80"])
def test_a_window_that_is_none_gives_one_line(tmp_path, window):
    options = ("--data", write_real(tmp_path / "scans"), "--out", tmp_path / "out")
    assert "window" in one_line_error(run(*options, f"--window={window}"))


def test_too_few_patients_give_one_line(tmp_path):
    assert "3 patients" in one_line_error(run("--patients", 3, "--out", tmp_path))


@pytest.mark.slow
def test_without_arguments(tmp_path):
    done = run("--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert set(found["removed"]) == {
        found["planted"]["equal"][1], found["planted"]["near"][1], *found["planted"]["unreadable"],
    }  # fmt: skip
    assert found["problems_after"] == []
    assert [part["images"] for part in found["parts"].values()] == [335, 72, 72]
