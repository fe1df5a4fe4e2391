"""Folders of images: layouts that work, and one line for those that do not."""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nanocnn.data as data
from nanocnn.data import DataError


def put(root: Path, *names: str, size: tuple[int, int] = (4, 3), value: int = 9) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (size[1], size[0]), value).save(path)


def fails(root: Any, *parts: str) -> None:
    with pytest.raises(DataError) as caught:
        data.open(root).arrays()
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text


def test_one_subfolder_per_class(tmp_path: Path) -> None:
    put(tmp_path, "normal/b.png", "normal/a.PNG", "cancer/z.jpg", "cancer/patient 7/y.tif")
    dataset = data.open(tmp_path)
    assert dataset.classes == ("cancer", "normal")
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    assert dataset.labels.dtype == np.int64
    assert dataset.paths is not None
    assert [p.name for p in dataset.paths] == ["z.jpg", "y.tif", "a.PNG", "b.png"]
    assert dataset.split is None
    assert dataset.ignored == ()
    image, label = dataset[1]
    assert image.shape == (4, 3, 1)
    assert type(label) is int
    x, y = data.open(str(tmp_path), size=8, channels=3).arrays()
    assert x.shape == (4, 8, 8, 3)
    assert x.dtype == np.float32
    assert y.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "test"), ("train", "test")),
        (("test", "val", "train"), ("train", "val", "test")),
        (("Testing", "Training"), ("train", "test")),
        (("train", "valid"), ("train", "val")),
    ],
)
def test_train_and_test_folders(
    folders: tuple[str, ...], parts: tuple[str, ...], tmp_path: Path
) -> None:
    for k, folder in enumerate(folders):
        put(tmp_path, *(f"{folder}/{c}/{i}.png" for c in "ab" for i in range(k + 1)))
    dataset = data.open(tmp_path)
    assert dataset.parts == parts
    assert dataset.classes == ("a", "b")
    for k, folder in enumerate(folders):
        part = dataset.part(data.folders.PART_NAMES[folder.lower()])
        assert part.labels.tolist() == [0] * (k + 1) + [1] * (k + 1)
        assert part.paths is not None
        assert {p.relative_to(tmp_path).parts[0] for p in part.paths} == {folder}


def test_decoded_when_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png", "b/0.png")
    dataset = data.open(tmp_path)
    put(tmp_path, "a/0.png", size=(7, 7))
    assert dataset[0][0].shape == (7, 7, 1)


def test_junk_is_passed_over_without_a_word(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png", "b/0.png", ".hidden/0.png", "__MACOSX/a/0.png", "a/.ipynb/0.png")
    for junk in (".DS_Store", "a/Thumbs.db", "b/._0.png", "b/desktop.ini"):
        (tmp_path / junk).write_bytes(b"junk")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = data.open(tmp_path)
    assert dataset.classes == ("a", "b")
    assert len(dataset) == 2
    assert dataset.ignored == ()


def test_what_is_not_taken_is_told(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png", "b/0.png", "loose.png")
    (tmp_path / "labels.csv").write_text("x")
    (tmp_path / "a" / "notes.txt").write_text("x")
    with pytest.warns(UserWarning, match=r"3 entries .* were ignored: labels.csv, loose.png, a/n"):
        dataset = data.open(tmp_path)
    assert dataset.ignored == ("labels.csv", "loose.png", "a/notes.txt")
    assert "3 files ignored" in repr(dataset)


def test_linked_folders_inside_a_class_are_told(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png", "b/0.png")
    os.symlink(tmp_path, tmp_path / "a" / "circle")
    with pytest.warns(UserWarning, match="a/circle/"):
        assert len(data.open(tmp_path)) == 2


def test_another_folder_beside_the_parts_is_told(tmp_path: Path) -> None:
    put(tmp_path, "train/a/0.png", "train/b/0.png", "test/a/0.png", "test/b/0.png", "more/0.png")
    with pytest.warns(UserWarning, match="more/"):
        assert data.open(tmp_path).parts == ("train", "test")


def test_no_such_folder(tmp_path: Path) -> None:
    fails(tmp_path / "absent", "no such folder", "absent", "one subfolder per class")
    fails(tmp_path / "absent.npz", "no such file")
    put(tmp_path, "one.png")
    fails(tmp_path / "one.png", "is not a folder or a file of a known kind")


def test_folder_without_subfolders(tmp_path: Path) -> None:
    put(tmp_path, "0.png", "1.png")
    fails(tmp_path, "holds 2 images and no subfolders", "make a subfolder for each class")
    put(tmp_path / "x", "train/0.png", "test/0.png")
    fails(tmp_path / "x", "'train' has no subfolders")


def test_empty_class_folder(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png")
    (tmp_path / "b").mkdir()
    fails(tmp_path, "class folder 'b' has no images", "add images")
    (tmp_path / "b" / "0.pdf").write_bytes(b"x")
    fails(tmp_path, "class folder 'b' has 1 files that are not images (.pdf)")


def test_one_class_only(tmp_path: Path) -> None:
    put(tmp_path, "cancer/0.png")
    fails(tmp_path, "one class only, 'cancer'", "two or more", "add a subfolder")


def test_parts_with_other_classes(tmp_path: Path) -> None:
    put(tmp_path, "train/a/0.png", "train/b/0.png", "test/a/0.png", "test/c/0.png")
    fails(tmp_path, "'test' has the classes a, c", "training part has a, b")


def test_a_part_twice(tmp_path: Path) -> None:
    put(tmp_path, "train/a/0.png", "val/a/0.png", "valid/a/0.png")
    fails(tmp_path, "both the part 'val'")


def test_damaged_image_is_named_below_the_root(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png", "b/sub/1.jpg", size=(64, 64))
    path = tmp_path / "b" / "sub" / "1.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    fails(tmp_path, "'b/sub/1.jpg' is damaged or cut short")
    with pytest.raises(DataError) as caught:
        data.open(tmp_path)[1]
    assert str(tmp_path) not in str(caught.value)


def test_mixed_sizes(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png", size=(4, 5))
    put(tmp_path, "b/0.png", size=(6, 5))
    fails(tmp_path, "a/0.png is 4x5", "b/0.png is 6x5", "size=(height, width)")
    assert data.open(tmp_path, size=(6, 5)).arrays()[0].shape == (2, 6, 5, 1)


def test_mixed_channels(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png")
    (tmp_path / "b").mkdir()
    Image.new("RGB", (3, 4)).save(tmp_path / "b" / "0.png")
    fails(tmp_path, "1 channel ", "3 channels", "channels=1 or channels=3")
    assert data.open(tmp_path, channels=1).arrays()[0].shape == (2, 4, 3, 1)


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/0.png", "b/0.png")
    scandir = os.scandir

    def refuse(path: Any = ".") -> Any:
        if Path(path).name == "b":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    fails(tmp_path, "'b' cannot be read (Permission denied)")


def test_options_are_checked_at_once(tmp_path: Path) -> None:
    put(tmp_path, "a/0.png", "b/0.png")
    with pytest.raises(DataError, match="channels=2 is not possible"):
        data.open(tmp_path, channels=2)
    with pytest.raises(DataError, match="size=0 is not a size"):
        data.open(tmp_path, size=0)
