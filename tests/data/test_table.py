"""Tables of paths: columns, patients, parts, series, and rows that cannot be."""

from __future__ import annotations

import csv
import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import nanocnn.data as data
from nanocnn.data import DataError, pseudonym, table
from tests.data.dicoms import write

KEY = "sixteen bytes or more"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(4):
        for place in ("images", "masks"):
            (tmp_path / place).mkdir(exist_ok=True)
            Image.new("L", (3, 2), k).save(tmp_path / place / f"{k}.png")
    return tmp_path


def fails(path: Path, *parts: str, **options: Any) -> None:
    with pytest.raises(DataError) as caught:
        data.open(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path.parent) not in text
    for part in parts:
        assert part in text, text


def csv_file(folder: Path, *lines: str, name: str = "t.csv") -> Path:
    (folder / name).write_text("\n".join(lines))
    return folder / name


def test_all_columns(folder: Path) -> None:
    rows = ["path,label,patient,split,mask"]
    rows += [f"images/{k}.png,{'ba'[k % 2]},{k // 2},train,masks/{k}.png" for k in range(3)]
    dataset = data.open(csv_file(folder, *rows, "images/3.png,a,1,Testing,masks/3.png"), key=KEY)
    assert dataset.classes == ("a", "b")
    assert dataset.labels.tolist() == [1, 0, 1, 0]
    assert dataset.parts == ("train", "test")
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [pseudonym(p, KEY) for p in "0011"]
    for k in range(4):
        image, mask = dataset[k]
        assert np.rint(image.max() * 255) == k
        np.testing.assert_array_equal(mask, np.full((2, 3), k))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_dialects(delimiter: str, ends: str, folder: Path) -> None:
    lines = ["Label|PATH|group", "b|images/1.png|x", 'a|"images/0.png"|y', ""]
    text = ends.join(lines).replace("|", delimiter)
    (folder / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())  # as spreadsheets save it
    dataset = data.open(folder / "t.csv")
    assert dataset.labels.tolist() == [1, 0]
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["x", "y"]


def test_json(folder: Path) -> None:
    rows = [{"path": f"images/{k}.png", "label": 9 + k, "more": {"a": 1}} for k in range(3)]
    (folder / "t.json").write_text(json.dumps(rows))
    dataset = data.open(folder / "t.json")
    assert dataset.classes == ("9", "10", "11")
    assert dataset.labels.tolist() == [0, 1, 2]


names = st.text(string.ascii_letters + string.digits + " äß#'\"", min_size=1, max_size=8)


@given(labels=st.lists(names.map(str.strip).filter(bool), min_size=2, max_size=4, unique=True))
@settings(max_examples=30, deadline=None)
def test_csv_and_json_say_the_same(
    labels: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("table")
    rows = []
    for k, label in enumerate(labels):
        Image.new("L", (2, 2), k).save(folder / f"{k}.png")
        rows.append({"path": f"{k}.png", "label": label})
    with open(folder / "t.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["path", "label"])
        writer.writeheader()
        writer.writerows(rows)
    (folder / "t.json").write_text(json.dumps(rows))
    by_csv, by_json = data.open(folder / "t.csv"), data.open(folder / "t.json")
    assert by_csv.classes == by_json.classes
    assert [by_csv.classes[k] for k in by_csv.labels] == labels
    assert by_json.labels.tolist() == by_csv.labels.tolist()


def test_a_row_may_name_a_series_or_a_file_of_many(tmp_path: Path) -> None:
    for k in range(3):
        write(tmp_path / "ct" / f"{k}", np.full((2, 2), k, np.uint8), SeriesInstanceUID="1.2",
              InstanceNumber=9 - k, PatientID="p")  # fmt: skip
    write(tmp_path / "many.dcm", np.zeros((4, 2, 2), np.uint8), PatientID="q")
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    path = csv_file(tmp_path, "path,label", "many.dcm,no", "ct,yes", "a.png,no")
    dataset = data.open(path, key=KEY)
    assert dataset.labels.tolist() == [0] * 4 + [1] * 3 + [0]
    assert dataset.groups is not None
    ids = [pseudonym("q", KEY)] * 4 + [pseudonym("p", KEY)] * 3 + ["a.png"]
    assert dataset.groups.tolist() == ids
    found = [round(float(dataset[i][0].max() * 255)) for i in (4, 5, 6)]
    assert found == [2, 1, 0]


def test_rows_keep_their_order(tmp_path: Path) -> None:
    for k in range(3):
        write(tmp_path / f"{k}.dcm", np.full((2, 2), k, np.uint8), SeriesInstanceUID="1.2",
              InstanceNumber=k)  # fmt: skip
    path = csv_file(tmp_path, "path,label", "2.dcm,a", "0.dcm,a", "1.dcm,b")
    found = [round(float(image.max() * 255)) for image, _ in data.open(path)]
    assert found == [2, 0, 1]


def test_root(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    path = csv_file(elsewhere, "path,label", f"{folder}/images/0.png,a", "masks/../masks/1.png,b")
    fails(path, "row 1: the path leads out of the folder of the table; give root=")
    assert len(data.open(path, root=folder)) == 2
    with pytest.raises(DataError, match="root= is for tables"):
        data.open(folder, root=folder)


@pytest.mark.parametrize(
    "path", ["../x.png", "/etc/passwd", "images/../../x.png", "..", ".", "a\0b.png", "images/.."]
)
def test_paths_that_lead_elsewhere(path: str, folder: Path) -> None:
    (folder / "t.json").write_text(json.dumps([{"path": path, "label": "a"}] * 2))
    fails(folder / "t.json", "row 1: the path")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["path,label"], "has no rows"),
        ([""], "is no table"),
        (["image,label", "images/0.png,a"], "has the columns label; needed are path, and label"),
        (["path,split", "images/0.png,train"], "needed are path, and label or mask"),
        (["path,label,patient,group", "images/0.png,a,1,1"], "keep one of them"),
        (["path,label", "images/0.png,a", "images/1.png,"], "row 2: label is empty"),
        (["path,label", "images/0.png,a", "images/1.png"], "row 2: label is empty"),
        (["path,label", "images/0.png,a", "images/9.png,b"], "row 2: no such file: 'images/9.png'"),
        (["path,label", "images/0.png,a", "images/1.png,a"], "one label only, 'a'"),
        (["path,label,split", "images/0.png,a,train", "images/1.png,b,trian"], "split is 'trian'"),
        (["path,label", 'images/0.png,"a'], "is no table (Error)"),
    ],
)
def test_tables_that_are_refused(lines: list[str], says: str, folder: Path) -> None:
    fails(csv_file(folder, *lines), says, "t.csv")


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "7", '"path"', '[{"path": ["a"], "label": "b"}]', "[" * 100_000,
             '[{"path": {"a": 1}, "label": 1}]']
)  # fmt: skip
def test_json_that_is_none(text: str, folder: Path) -> None:
    (folder / "t.json").write_text(text)
    fails(folder / "t.json", "'t.json' is no table")


def test_other_bytes_and_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "t.csv").write_bytes(b"path,label\n\xff\xfe,a\n")
    fails(folder / "t.csv", "'t.csv' is no table (UnicodeDecodeError)")
    monkeypatch.setattr(table, "MAX_BYTES", 5)
    fails(folder / "t.csv", "more than 0 MB")


def test_options_for_nothing(folder: Path) -> None:
    path = csv_file(folder, "path,label", "images/0.png,a", "images/1.png,b")
    fails(path, "window= is for DICOM and NIfTI files", window="lung")
    fails(path, "axis= is for volumes", axis=1)
