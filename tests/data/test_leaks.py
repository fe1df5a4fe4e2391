"""`check_leaks` and fit's warning: every shared image and patient, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import nanocnn as nc
from nanocnn.data import DataError, DataLoader, ImageDataset, LeakWarning, check_leaks, pseudonym
from tests.models.examples import pictures, small

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 9, 7), np.uint8)
LABELS = np.arange(12) % 2


@given(
    kind=st.sampled_from(["uint8", "float32", "rgb", "grey"]),
    shared=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), max_size=5),
    sparse=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_finds_all_shared_arrays_and_no_others(
    kind: str, shared: list[tuple[int, int]], sparse: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = {"rgb": (9, 11, 3), "grey": (9, 11, 1)}.get(kind, (9, 11))
    first: Any
    second: Any
    first, second = (rng.random((n, *shape)) for n in (8, 6))
    if sparse:  # only pixels that the quick look does not see tell the images apart
        for images in (first, second):
            kept = images.reshape(len(images), -1)[:, 1].copy()
            images[:] = 0
            images.reshape(len(images), -1)[:, 1] = kept + 0.1
    if kind == "uint8":
        first, second = (np.round(a * 200).astype(np.uint8) for a in (first, second))
    elif kind == "float32":
        first, second = first.astype(np.float32), second.astype(np.float32)
    for i, j in shared:
        second[j] = first[i]
    expected = {
        (min(i for i in range(8) if (first[i] == second[j]).all()), j)
        for j in range(6)
        if (first == second[j]).reshape(8, -1).all(axis=1).any()
    }
    leaks = check_leaks(first, second)
    assert set(leaks.images) == expected
    assert bool(leaks) == bool(expected)
    assert check_leaks((first, np.zeros(8)), list(second)).images == leaks.images


def test_a_grey_axis_does_not_hide_a_leak() -> None:
    assert check_leaks(PIXELS[..., None], PIXELS[5:6]).images == ((5, 0),)
    assert check_leaks(PIXELS, PIXELS[5:6, :, :, None]).images == ((5, 0),)


def test_what_is_no_leak() -> None:
    black = np.zeros((3, 9, 7), np.uint8)
    assert not check_leaks(black, black), "images of one colour say nothing"
    assert not check_leaks(PIXELS[:5], PIXELS[5:])
    assert not check_leaks(PIXELS, PIXELS.astype(np.float32) / 255), "of another type"
    assert not check_leaks(PIXELS, PIXELS[:, :8])
    assert str(check_leaks(black, black)) == "nothing shared"


def test_data_sets_of_arrays_and_their_subsets() -> None:
    dataset = ImageDataset(PIXELS, LABELS, groups=[f"p{i // 2}" for i in range(12)])
    leaks = check_leaks(dataset.subset([4, 3, 2, 0]), dataset.subset([9, 2, 5, 3]))
    assert leaks.images == ((2, 1), (1, 3))
    assert leaks.names == ("image 2", "image 3")
    assert leaks.groups == ("p1", "p2")
    assert str(leaks) == "they share 2 images (image 2, image 3) and 2 groups (p1, p2)"
    loader = DataLoader(dataset.subset([4, 3, 2, 0]), 2)
    assert check_leaks(loader, dataset.subset([9, 2, 5, 3])) == leaks
    assert check_leaks(DataLoader((PIXELS, LABELS)), PIXELS[7:8]).images == ((7, 0),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of eight BMP files, which are all equally long."""
    for i in range(8):
        path = tmp_path / "ab"[i % 2] / f"{i}.bmp"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(PIXELS[i]).save(path)
    return tmp_path


def test_files(folder: Path) -> None:
    shutil.copy(folder / "a" / "0.bmp", folder / "b" / "copy.bmp")
    (folder / "b" / "link.bmp").symlink_to(folder / "a" / "2.bmp")
    dataset = nc.data.open(folder)
    where = {dataset.name(i): i for i in range(len(dataset))}
    train = dataset.subset([where[f"a/{i}.bmp"] for i in (0, 2, 4)])
    test = dataset.subset([where[f"b/{n}.bmp"] for n in ("1", "copy", "3", "link")])
    leaks = check_leaks(train, test)
    assert leaks.images == ((0, 1), (1, 3))
    assert leaks.names == ("b/copy.bmp", "b/link.bmp")
    assert check_leaks(test, train).images == ((1, 0), (3, 1))
    assert not check_leaks(train, test.subset([0, 2]))
    assert not check_leaks(train, train.arrays()[0]), "files are not decoded for it"


def test_files_that_differ_in_one_byte_far_from_the_middle(tmp_path: Path) -> None:
    for k, name in enumerate(("x/1", "x/2", "y/1", "y/2")):
        pixels = np.zeros((200, 200), np.uint8)
        pixels[0, 0] = k
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"{name}.bmp")
    dataset = nc.data.open(tmp_path)
    assert not check_leaks(dataset[:2], dataset[2:])


def test_files_that_are_gone_are_no_leak(folder: Path) -> None:
    dataset = nc.data.open(folder)
    for path in dataset.paths or []:
        path.unlink()
    assert not check_leaks(dataset[:4], dataset[4:])
    assert len(check_leaks(dataset, dataset).images) == 8, "but one file is itself"


def test_names_that_were_made_up_count_within_one_source() -> None:
    a, b = (ImageDataset(PIXELS + k, LABELS, groups=["volume 1"] * 12) for k in (0, 1))
    assert check_leaks(a[:6], a[6:]).groups == ("volume 1",)
    assert not check_leaks(a, b)
    names = [pseudonym(str(i // 3), None) for i in range(12)]
    c, d = (ImageDataset(PIXELS + k, LABELS, groups=names) for k in (0, 1))
    assert len(check_leaks(c, d).groups) == 4


def test_volumes_of_nifti_files_go_by_their_file(tmp_path: Path) -> None:
    import nibabel

    names = ("one/a/scan.nii", "one/b/other.nii", "two/a/scan.nii", "two/b/x.nii")
    for k, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True)
        values = np.random.default_rng(k).integers(0, 99, (5, 6, 4)).astype(np.int16)
        image = nibabel.Nifti1Image(values, np.eye(4))  # type: ignore[no-untyped-call]
        nibabel.save(image, tmp_path / name)
    one, two = (nc.data.open(tmp_path / name) for name in ("one", "two"))
    assert one.groups is not None
    assert two.groups is not None
    assert set(one.groups.tolist()) & set(two.groups.tolist()) == {"a/scan"}
    assert not check_leaks(one, two)
    assert check_leaks(one[:2], one[2:]).groups == ("a/scan",)


@pytest.mark.parametrize("bad", [3, "scans", [np.zeros((2, 3)), np.zeros((4, 3))], None])
def test_refused(bad: Any) -> None:
    with pytest.raises(DataError, match="cannot be compared; give a data set"):
        check_leaks(PIXELS, bad)


def model() -> nc.Sequential:
    made = small()
    made.compile("sgd", "softmax_cross_entropy")
    return made


def test_fit_warns_in_one_line_at_the_call() -> None:
    x, y = pictures(12)
    with pytest.warns(LeakWarning) as told:
        model().fit(x, y, validation_data=[x[4:9], y[4:9]], verbose=False)
    assert len(told) == 1
    message = str(told[0].message)
    assert "they share 5 images (image 0, image 1, image 2, ...);" in message
    assert "\n" not in message
    assert told[0].filename == __file__


@pytest.mark.parametrize("load", [False, True])
def test_fit_warns_of_patients(load: bool) -> None:
    x, y = pictures(12)
    pixels = np.round(x * 255).astype(np.uint8)
    dataset = ImageDataset(pixels, y, groups=[f"patient {i // 4}" for i in range(12)])
    train, val = dataset[:6], dataset[6:]
    given = DataLoader(train, 4) if load else train
    with pytest.warns(LeakWarning, match=r"not apart: they share 1 group \(patient 1\); the"):
        model().fit(given, validation_data=val, verbose=False)


def test_fit_is_silent_where_all_is_well() -> None:
    x, y = pictures(12)
    dataset = ImageDataset(np.round(x * 255).astype(np.uint8), y, groups=["a"] * 8 + ["b"] * 4)
    model().fit(x[:8], y[:8], validation_data=(x[8:], y[8:]), verbose=False)
    model().fit(dataset[:8], validation_data=dataset[8:], verbose=False)
    model().fit(dataset[:8], validation_data=(x[8:], y[8:]), verbose=False)
