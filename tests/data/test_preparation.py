"""The recipe: what it opens, in which order it works, what is saved of it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

import nanocnn as nc
from nanocnn.data import DataError, ImageDataset, Preparation
from nanocnn.data.transforms import Compose, IntensityWindow

from .dicoms import write
from .feeding import OWN, Center, Corner, Power, with_masks, write_classes

KEY = "a key of sixteen or more bytes"


def full() -> Preparation:
    steps = Compose([Power(), Center(mean=0.25), Corner(side=7)])
    return Preparation(size=(8, 9), channels=3, window=(40.0, 80.0), axis="axial", transforms=steps)


@pytest.mark.parametrize(
    "how",
    [
        Preparation(),
        Preparation(size=16, window="lung", axis=1),
        Preparation(transforms=IntensityWindow(center=0.4, width=0.5)),
        Preparation(transforms=Power()),
        full(),
    ],
)
def test_it_comes_back_from_its_config(how: Preparation) -> None:
    config = json.loads(json.dumps(how.to_config()))
    again = Preparation.from_config(config, custom_objects=OWN)
    assert again == how
    assert repr(again) == repr(how)
    assert again.to_config() == how.to_config()
    assert pickle.loads(pickle.dumps(how)) == how


@pytest.mark.parametrize(
    "config",
    [
        None,
        [],
        {},
        {"size": 8},
        {**full().to_config(), "key": KEY},
        {**full().to_config(), "size": "8"},
        {**full().to_config(), "size": [0, 8]},
        {**full().to_config(), "size": [8, 8, 8]},
        {**full().to_config(), "channels": 2},
        {**full().to_config(), "channels": [3]},
        {**full().to_config(), "channels": {}},
        {**full().to_config(), "window": "liver"},
        {**full().to_config(), "window": [1]},
        {**full().to_config(), "window": {}},
        {**full().to_config(), "axis": "up"},
        {**full().to_config(), "axis": [0]},
        {**full().to_config(), "axis": {}},
        {**full().to_config(), "transforms": {"name": "os.system"}},
        {**full().to_config(), "transforms": "Power"},
    ],
)
def test_configs_that_are_none(config: Any) -> None:
    with pytest.raises(DataError) as told:
        Preparation.from_config(config, custom_objects=OWN)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size=0 is not a size"),
        ({"channels": 2}, "channels=2 is not possible"),
        ({"window": "liver"}, "window='liver' is unknown"),
        ({"axis": 3}, "axis=3 is no axis"),
        ({"transforms": [Power()]}, r"transforms is of the type list; .*Compose\(\[\.\.\.\]\)"),
        ({"transforms": "Power"}, "transforms is of the type str; give one of"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Preparation(**options)


def test_the_same_in_other_words() -> None:
    plain = Preparation(size=(8, 8), channels=1, window=(40.0, 80.0), axis=2)
    words: dict[str, Any] = {
        "size": [np.int64(8), 8], "channels": np.int64(1), "window": [np.float32(40), 80],
        "axis": "axial",
    }  # fmt: skip
    for how in (Preparation(**words), Preparation(**{**words, "size": 8, "axis": np.int64(2)})):
        assert how == plain
        assert json.loads(json.dumps(how.to_config())) == json.loads(json.dumps(plain.to_config()))
    assert Preparation(window="lung").window == "lung"


def test_steps_on_both_sides_of_augmentation() -> None:
    for steps, n in (
        ([], 0),
        ([Power()], 1),
        ([Center(mean=1.0)], 0),
        ([Power(), Corner(side=3), Center(mean=1.0), Power()], 2),
    ):
        how = Preparation(transforms=Compose(steps))
        assert how.steps_before_augmenting == tuple(steps[:n])
        assert how.steps_after_augmenting == tuple(steps[n:])
    assert Preparation().steps == ()
    assert Preparation(transforms=Power()).steps == (Power(),)


def test_fitting(tmp_path: Path) -> None:
    """On what a data set looks like after size, channels and the steps before."""
    how = Preparation(size=6, channels=1, transforms=Compose([Power(), Center()]))
    assert not how.is_fitted
    dataset = nc.data.open(write_classes(tmp_path))
    fitted = how.fit(dataset)
    x, _ = nc.data.open(tmp_path, size=6, channels=1).arrays()
    expected = float(np.mean([image.mean() for image in x**2]))
    assert fitted.steps == (Power(), Center(mean=expected))
    assert fitted.is_fitted
    assert not how.is_fitted
    assert how.fit(x) == fitted
    assert Preparation(size=3).fit(dataset) == Preparation(size=3)


def test_what_it_leaves_open() -> None:
    how = Preparation(size=8, transforms=Power())
    other = Preparation(size=9, channels=3, window="lung", axis=0, transforms=Corner(side=2))
    assert how.completed(other) == Preparation(
        size=8, channels=3, window="lung", axis=0, transforms=Power()
    )


def test_data_sets_know_how_they_were_opened(tmp_path: Path) -> None:
    write_classes(tmp_path)
    dataset = nc.data.open(tmp_path, size=8, channels=3)
    assert dataset.preparation == Preparation(size=8, channels=3)
    assert dataset.subset([0, 1]).preparation == dataset.preparation
    assert nc.data.open(tmp_path).preparation == Preparation()
    pixels = np.zeros((4, 5, 6), np.uint8)
    assert ImageDataset(pixels, [0, 1, 0, 1], size=7).preparation == Preparation(size=7)
    how = full().completed(Preparation())
    assert how.open(tmp_path).preparation is how


def test_opening_what_has_no_labels(tmp_path: Path) -> None:
    """A picture, a folder of pictures, a list in the order that was given."""
    rng = np.random.default_rng(0)
    names = ["b.png", "a.png", "c.PNG"]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (12, 14), np.uint8)).save(tmp_path / name)
    (tmp_path / "Thumbs.db").write_bytes(b"")
    paths = [tmp_path / name for name in names]
    how = Preparation(size=8, window="lung", axis="coronal")  # of no use here, and no error
    images = [nc.data.read_image(path, size=8) for path in paths]
    for path, image in zip(paths, images, strict=True):
        (found, label), *rest = how.open(path)
        assert (label, rest) == (0, [])
        np.testing.assert_array_equal(found, image)
    for given in (paths, [str(path) for path in paths], tuple(paths)):
        np.testing.assert_array_equal(how.open(given).arrays()[0], images)
    folder = how.open(str(tmp_path))
    assert folder.classes == ("unlabelled",)
    assert [folder.name(i) for i in range(3)] == ["a.png", "b.png", "c.PNG"]
    with pytest.raises(DataError, match="no files given; needed is one path or more"):
        how.open([])
    with pytest.raises(DataError, match=r"no such file: .*d\.png"):
        how.open(tmp_path / "d.png")
    missing = how.open([paths[0], tmp_path / "d.png"])
    with pytest.raises(DataError, match=r"image 'd.png' cannot be opened \(No such file"):
        missing.arrays()


def test_opening_class_folders_is_what_open_does(tmp_path: Path) -> None:
    write_classes(tmp_path)
    found = Preparation(size=8, channels=3).open(tmp_path)
    expected = nc.data.open(tmp_path, size=8, channels=3)
    assert found.classes == expected.classes
    for a, b in zip(found.arrays(), expected.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_dicom_files(tmp_path: Path) -> None:
    values = np.arange(12 * 14, dtype=np.uint16).reshape(12, 14) * 10
    path = tmp_path / "scan.dcm"
    write(path, values, PatientID="secret name", RescaleIntercept=-1024, RescaleSlope=1)
    how = Preparation(window=(-600.0, 1500.0))
    dataset = how.open(path, key=KEY)
    expected = np.clip((values - 1024.0 + 1350) / 1500, 0, 1)
    np.testing.assert_allclose(dataset[0][0][..., 0], expected, atol=1e-6)
    assert dataset.groups is not None
    assert dataset.groups[0] == nc.data.pseudonym("secret name", KEY)
    plain = nc.data.open(path)
    np.testing.assert_array_equal(how.reopen(plain)[0][0], dataset[0][0])
    text = json.dumps(dataset.preparation.to_config()) + repr(pickle.dumps(dataset.preparation))
    assert not any(word in text for word in (KEY, str(tmp_path), "scan", "secret", "patient"))


def test_slices_along_another_axis(tmp_path: Path) -> None:
    path = tmp_path / "v.nii"
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    nib.save(nib.Nifti1Image(values, np.eye(4)), path)  # type: ignore[no-untyped-call]
    dataset = nc.data.open(path, axis="coronal")
    assert len(dataset) == 5
    assert Preparation(axis=1).reopen(dataset)[0][0].shape == dataset[0][0].shape
    with pytest.raises(DataError, match=r"along axis 1, the preparation cuts along axis 2; open"):
        Preparation(axis="axial").reopen(dataset)
    windowed = Preparation(window=(60, 60)).reopen(dataset)
    np.testing.assert_array_equal(windowed[2][0], nc.data.open(path, axis=1, window=(60, 60))[2][0])


def test_reopening(tmp_path: Path) -> None:
    dataset = nc.data.open(write_classes(tmp_path), size=5)
    again = Preparation(size=8, channels=3).reopen(dataset.subset([3, 1]))
    expected = nc.data.open(tmp_path, size=8, channels=3).subset([3, 1])
    np.testing.assert_array_equal(again.arrays()[0], expected.arrays()[0])
    np.testing.assert_array_equal(again.labels, expected.labels)
    assert dataset[0][0].shape == (5, 5, 1)
    assert Preparation(size=5).reopen(dataset) is dataset
    image, mask = Preparation(size=6).reopen(with_masks())[0]
    assert (image.shape, mask.shape) == ((6, 6, 1), (6, 6))  # type: ignore[union-attr]
