"""`dataset.audit()`: every planted flaw is found and named, and clean phantoms raise no alarm."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import nanocnn as nc
from nanocnn.data import DataError, ImageDataset, phantoms, stratified_split
from nanocnn.data.audit import AuditReport

N = 40
PICTURES = phantoms.lung_ct(N, seed=5, size=64)
PIXELS = np.round(PICTURES.images * 255).astype(np.uint8)
LABELS = PICTURES.labels
GROUPS = np.char.add("patient ", PICTURES.patients.astype(str))


def audit(
    pixels: NDArray[Any] = PIXELS, labels: Any = LABELS, groups: Any = GROUPS, **options: Any
) -> AuditReport:
    """Audit halves of the phantoms, of different patients."""
    dataset = ImageDataset(pixels, labels, groups=groups, split=["train"] * 20 + ["test"] * 20)
    return dataset.audit(verbose=False, **options)


def saved_again(image: NDArray[np.uint8], kind: str, **options: Any) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return np.asarray(Image.open(stream).convert("L"))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [phantoms.lung_ct, phantoms.brain_mri, phantoms.fundus])
def test_clean_phantoms_raise_no_alarm(make: Any, seed: int) -> None:
    drawn = make(120, seed=seed, size=64)
    groups = drawn.patients.astype(str)
    train, test = stratified_split(drawn.labels, (0.7, 0.3), seed, groups=groups)
    dataset = ImageDataset(drawn.images, drawn.labels, groups=groups)
    report = dataset.audit({"train": train, "test": test}, verbose=False)
    assert report.problems == []
    assert str(report).endswith("No problems found.")
    assert repr(report) == "AuditReport(120 images, 0 problems)"


def test_equal_images_across_parts_within_them_and_with_other_labels() -> None:
    pixels, labels = PIXELS.copy(), LABELS.copy()
    pixels[30], labels[30] = pixels[3], labels[3]
    pixels[31], labels[31] = pixels[4], 1 - labels[4]
    pixels[11], labels[11] = pixels[9], labels[9]
    report = audit(pixels, labels)
    pairs = report.exact.pairs
    assert sorted(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)) == [
        (3, 30),
        (4, 31),
        (9, 11),
    ]
    assert len(report.near) == 0
    across, differ, within = report.problems
    assert across.startswith("2 pairs of equal images in different parts: image 3 (train, class ")
    assert differ.startswith("1 pair of equal images with different labels: image 4 (train, class")
    assert within.startswith("1 image equal to another one of the same part: image 9 (train")


@pytest.mark.parametrize(
    "change",
    [
        lambda image: saved_again(image, "JPEG", quality=75),
        lambda image: saved_again(image, "WEBP", quality=80),
        lambda image: np.round(image * 0.8 + 20).astype(np.uint8),
        lambda image: np.round(255 * (image / 255) ** 1.2).astype(np.uint8),
        lambda image: np.clip(
            image + np.random.default_rng(0).normal(0, 5, image.shape), 0, 255
        ).astype(np.uint8),
        lambda image: np.asarray(
            Image.fromarray(image).resize((48, 48), Image.Resampling.BICUBIC).resize((64, 64))
        ),
    ],
    ids=["JPEG", "WebP", "brightness", "gamma", "noise", "resized"],
)
def test_near_duplicates_are_found_and_nothing_else(change: Any) -> None:
    pixels = PIXELS.copy()
    copies = {30: 3, 31: 4, 32: 5}
    for copy, original in copies.items():
        pixels[copy] = change(pixels[original])
    report = audit(pixels)
    near = report.near
    expected = {(original, copy) for copy, original in copies.items()}
    assert expected <= set(zip(near.pairs.i.tolist(), near.pairs.j.tolist(), strict=True))
    # A neighbouring slice of the copied patient may look like the copy too.
    assert {int(j) for j in near.pairs.j} == set(copies)
    assert near.across_parts.all()
    assert (near.pairs.correlation >= 0.99).all()
    assert (near.pairs.distance <= 10).all()
    assert any("near duplicates in different parts: " in line for line in report.problems)


def test_slices_of_one_patient_are_expected_in_one_part_but_not_in_two() -> None:
    pixels, labels = PIXELS.copy(), LABELS.copy()
    pixels[1], labels[1] = saved_again(pixels[0], "JPEG", quality=90), labels[0]
    assert GROUPS[0] == GROUPS[1]
    report = audit(pixels, labels)
    assert report.problems == []
    assert report.n_near_within_groups == 1
    split = {"train": np.r_[0, 2:20], "test": np.r_[1, 20:40]}
    divided, across = audit(pixels, labels, parts=split).problems
    assert divided.startswith("1 group with images in more than one part, so a model is tested on")
    assert f"{GROUPS[0]} (test, train)" in divided
    assert across.startswith("1 pair of near duplicates in different parts: image 0 (train")
    (within,) = audit(pixels, labels, groups=None).problems
    assert within.startswith("1 pair of near duplicates in one part: ")
    assert within.endswith("; of one patient? then give groups")


def test_images_in_no_part_are_no_leak() -> None:
    pixels = PIXELS.copy()
    pixels[30] = pixels[3]
    parts = {"train": np.arange(20), "test": np.r_[20:30, 31:40]}
    (line,) = audit(pixels, parts=parts).problems
    assert line.startswith("1 image equal to another one of the same part")


def test_a_class_that_follows_from_the_mean_or_the_size() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    noise = rng.integers(0, 200, (200, 16, 16))
    for offset, told in ((25, True), (0, False)):
        pixels = (noise + offset * labels[:, None, None]).astype(np.uint8)
        report = ImageDataset(pixels, labels).audit(verbose=False)
        (shortcut,) = report.shortcuts
        assert shortcut.feature == "mean intensity"
        assert shortcut.is_alarming == told
        assert len(report.problems) == told
    assert report.shortcuts[0].balanced_accuracy == pytest.approx(0.5, abs=0.15)


def test_chance_does_not_alarm_and_patients_count_once() -> None:
    """Ten slices each of 20 patients, every patient with a brightness of its own."""
    alarms = {True: 0, False: 0}
    for seed in range(100):
        rng = np.random.default_rng(seed)
        labels = np.repeat(rng.permutation(np.arange(20) % 2), 10)
        bright = np.repeat(rng.integers(0, 90, 20), 10)
        pixels = (bright[:, None, None] + rng.integers(0, 100, (200, 4, 4))).astype(np.uint8)
        for known in (True, False):
            groups = np.repeat(np.arange(20), 10).astype(str) if known else None
            found = ImageDataset(pixels, labels, groups=groups).audit(verbose=False).shortcuts
            alarms[known] += found[0].is_alarming
    assert alarms[True] <= 1
    assert alarms[False] > 20, "brightness tells the patient, and so the label"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return 40 PNG files in two classes, each from another scanner, with other sizes."""
    rng = np.random.default_rng(3)
    for i in range(40):
        side = 24 if i % 2 else 30
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8))
        path = tmp_path / "scans" / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize((side, side + 2), Image.Resampling.BICUBIC).save(path)
    return tmp_path / "scans"


def test_files(folder: Path) -> None:
    shutil.copy(folder / "a" / "00.png", folder / "b" / "copy.png")
    (folder / "a" / "02.png").write_bytes(b"no picture")
    Image.new("L", (30, 32)).save(folder / "a" / "04.png")
    Image.new("L", (30, 32)).save(folder / "a" / "06.png")
    report = nc.data.open(folder).audit(verbose=False)
    assert report.sizes == {"32x30x1": 20, "26x24x1": 20}
    text = str(report)
    assert str(folder.parent) not in text
    assert "(2)" not in text.splitlines()[0]
    differ, unreadable, constant, *shortcuts, equal = _sorted(report.problems)
    assert differ.startswith("1 pair of equal images with different labels: a/00.png (a) and b/co")
    assert unreadable.startswith("1 image cannot be read: a/02.png; the first: image 'a/02.png' is")
    assert equal.startswith("1 image equal to another one: a/00.png")
    assert constant == "2 images of one colour: a/04.png, a/06.png"
    assert [line.split(" alone")[0] for line in shortcuts] == ["the height", "the width"]
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["unreadable"][0]["image"] == "a/02.png"
    assert told["constant_images"] == ["a/04.png", "a/06.png"]
    assert told["problems"] == report.problems
    assert told["exact_duplicates"]["listed"][0]["names"] == ["a/00.png", "b/copy.png"]
    assert str(folder.parent) not in json.dumps(told)


def _sorted(problems: list[str]) -> list[str]:
    keys = ("different labels", "cannot be read", "of one colour", "the height", "the width", "")
    found = []
    for key in keys:
        match = next(line for line in problems if key in line and line not in found)
        found.append(match)
    assert len(found) == len(problems)
    return found


def test_every_file_is_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nanocnn.data import images

    read: list[str] = []
    decode = images.read_pixels

    def count(path: Any, name: str) -> Any:
        read.append(name)
        return decode(path, name)

    monkeypatch.setattr("nanocnn.data.readers.read_pixels", count)
    nc.data.open(folder).audit(verbose=False)
    assert len(read) == len(set(read)) == 40


def test_masks_and_broken_masks(tmp_path: Path) -> None:
    for i in range(4):
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir(exist_ok=True)
            pixels = PIXELS[2 * i] if kind == "images" else (PIXELS[2 * i] > 128).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"{i}.png")
    (tmp_path / "masks" / "2.png").write_bytes(b"no mask")
    report = nc.data.open(tmp_path).audit(verbose=False)
    (line,) = report.problems
    assert line.startswith("1 image cannot be read: images/2.png; the first: mask 'masks/2.png'")
    assert report.shortcuts == []
    share = np.mean([(PIXELS[2 * i] > 128).mean() for i in (0, 1, 3)])
    assert f"masks: {share:.1%} of the pixels are above 0; 0 masks are empty" in str(report)


def test_a_part_without_a_class() -> None:
    ill = np.flatnonzero(LABELS == 1)
    parts = {"train": np.r_[np.flatnonzero(LABELS == 0)[:9], ill[:9]], "test": ill[9:]}
    lines = audit(groups=None, parts=parts).problems
    assert "part 'test' has no image of 1 class: 0" in lines


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    ImageDataset(PIXELS, LABELS).audit()
    text = capsys.readouterr().err
    assert "reading images: 100%" in text
    assert "comparing images: 100%" in text
    audit()
    assert capsys.readouterr().err == ""


def test_unreadable_all_and_none() -> None:
    with pytest.raises(DataError, match="the data set is empty"):
        ImageDataset(PIXELS, LABELS)[:0].audit()
    report = ImageDataset(["gone/1.png", "gone/2.png"], [0, 1], root="gone").audit(verbose=False)
    assert report.problems[0].startswith("2 images cannot be read: 1.png, 2.png; the first: ")
    assert json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"a": [0, 40]}, "part 'a' needs indices from 0 to 39"),
        ({"a": [-1]}, "part 'a' needs indices"),
        ({"a": [0.5]}, "part 'a' needs indices"),
        ({"a": [0, 1], "b": [1, 2]}, "part 'b' has images that are in a part already"),
        ({"a": [1, 1]}, "part 'a' has images that are in a part already, or twice"),
    ],
)
def test_refused_parts(parts: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        ImageDataset(PIXELS, LABELS).audit(parts)
