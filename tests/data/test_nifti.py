"""NIfTI files written here: orientation, scaling, types, masks, the cache, and damage."""

from __future__ import annotations

import itertools
import pickle
import threading
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanocnn.data as data
from nanocnn.data import DataError, nifti, nifti_header
from nanocnn.data.nifti import NiftiMask
from tests.data.niftis import shown

RNG = np.random.default_rng(0)
CODES = ["".join(c) for p in itertools.permutations(("RL", "AP", "SI"))
         for c in itertools.product(*p)]  # fmt: skip


def write(path: Path, voxels: np.ndarray, affine: Any = None, **header: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine)
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


def affine_of(codes: str) -> Any:
    """Return the matrix of an orientation such as "LPS", with voxels of 1 x 2 x 3 mm in RAS."""
    ornt = nibabel.orientations.axcodes2ornt(tuple(codes))
    affine = np.eye(4)
    affine[:3, :3] = 0
    for stored, (axis, sign) in enumerate(ornt):
        affine[int(axis), stored] = sign * (1 + axis)
    return affine


def message(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        data.open(path, **options).arrays()
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    assert str(path.parent) not in text
    return text


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("codes", CODES)
def test_every_orientation_shows_the_same(codes: str, suffix: str, tmp_path: Path) -> None:
    ras = RNG.integers(0, 1000, (3, 4, 5)).astype(np.int16)
    there = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"),
        nibabel.orientations.axcodes2ornt(tuple(codes)),
    )
    path = tmp_path / f"a{suffix}"
    write(path, nibabel.orientations.apply_orientation(ras, there), affine_of(codes))
    unit = (ras - ras.min()) / (ras.max() - ras.min())
    for axis in range(3):
        dataset = data.open(path, axis=axis)
        assert len(dataset) == ras.shape[axis]
        for i in range(ras.shape[axis]):
            expected = shown(unit.take(i, axis))
            np.testing.assert_allclose(dataset[i][0][:, :, 0], expected, atol=1e-6)
        assert dataset.spacing is not None
        across, up = (a for a in range(3) if a != axis)
        assert dataset.spacing[0].tolist() == [1 + up, 1 + across]


def test_where_the_patient_is(tmp_path: Path) -> None:
    """Right hand left, nose up, crown up, as in DICOM: three bright voxels tell."""
    voxels = np.zeros((5, 6, 7), np.uint8)
    voxels[4, 3, 3] = 200  # right
    voxels[2, 5, 3] = 150  # front
    voxels[2, 3, 6] = 100  # top
    path = write(tmp_path / "a.nii", voxels)

    def slices(axis: str) -> np.ndarray:
        return np.rint(data.open(path, axis=axis).arrays()[0][..., 0] * 255)

    axial, coronal, sagittal = slices("axial"), slices("coronal"), slices("sagittal")
    assert axial[3, 2, 0] == 200
    assert axial[3, 0, 2] == 150
    assert coronal[3, 0, 2] == 100
    assert coronal[3, 3, 0] == 200
    assert sagittal[2, 0, 2] == 100
    assert sagittal[2, 3, 0] == 150
    np.testing.assert_array_equal(
        slices("axial"), np.rint(data.open(path).arrays()[0][..., 0] * 255)
    )


@given(
    shape=st.tuples(*[st.integers(1, 6)] * 4),
    dtype=st.sampled_from(["i1", "u1", "i2", "u2", ">i2", "i4", "f4", "f8"]),
    slope=st.sampled_from([None, 2.0, -0.5]),
    packed=st.booleans(),
    axis=st.integers(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_values_as_nibabel_reads_them(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, ...], dtype: str, slope: float | None, packed: bool, axis: int,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("nifti") / ("a.nii.gz" if packed else "a.nii")
    image = nibabel.Nifti1Image(RNG.integers(0, 100, shape).astype(dtype), np.eye(4))
    image.header.set_data_dtype(dtype)
    if slope is not None:
        image.header.set_slope_inter(slope, -3)
    image.to_filename(path)
    values = nibabel.load(path).get_fdata()  # type: ignore[attr-defined]
    values = values.reshape(*values.shape, *(1,) * (4 - values.ndim))
    dataset = data.open(path, axis=axis, window=(20, 50))
    unit = np.clip((values - 20) / 50 + 0.5, 0, 1)
    assert len(dataset) == values.shape[axis] * values.shape[3]
    for i, (image, label) in enumerate(dataset):
        k, n = divmod(i, values.shape[axis])
        expected = shown(unit[..., k].take(n, axis))
        np.testing.assert_allclose(image[:, :, 0], expected, atol=1e-5)
        assert label == 0
    assert set(dataset.groups.tolist()) == {"a"}  # type: ignore[union-attr]


def test_range_types_and_nan(tmp_path: Path) -> None:
    bytes_ = RNG.integers(0, 256, (3, 4, 2), dtype=np.uint8)
    image = data.open(write(tmp_path / "u8.nii", bytes_))[1][0]
    np.testing.assert_array_equal(image[:, :, 0], shown(bytes_[:, :, 1]) / np.float32(255))
    floats = np.array([[[1, 2], [np.nan, 5]]], np.float32)
    x, _ = data.open(write(tmp_path / "nan.nii", floats)).arrays()
    np.testing.assert_allclose(x[0, :, 0, 0], [0, 0], atol=1e-6)
    np.testing.assert_allclose(x[1, :, 0, 0], [1, 0.25], atol=1e-6)
    same = data.open(write(tmp_path / "same.nii", np.full((2, 2, 2), 7, np.int16)))
    assert same.arrays()[0].max() == 0
    infinite = write(tmp_path / "inf.nii", np.array([[[1, np.inf]]], np.float32))
    assert "give window=(centre, width)" in message(infinite)
    assert data.open(infinite, window=(1, 2)).arrays()[0].ravel().tolist() == [0.5, 1]


def test_rgb(tmp_path: Path) -> None:
    colours = RNG.integers(0, 256, (3, 4, 2, 3), dtype=np.uint8)
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    for name in ("a.nii", "a.nii.gz"):
        write(tmp_path / name, colours.view(kind).reshape(3, 4, 2))
        image = data.open(tmp_path / name)[1][0]
        np.testing.assert_array_equal(image, shown(colours[:, :, 1]) / np.float32(255))


def test_one_image_in_two_dimensions(tmp_path: Path) -> None:
    plane = RNG.integers(0, 256, (5, 4), dtype=np.uint8)
    dataset = data.open(write(tmp_path / "a.nii", plane))
    assert len(dataset) == 1
    np.testing.assert_array_equal(dataset[0][0][:, :, 0], shown(plane) / np.float32(255))


def test_class_folders_and_pickles(tmp_path: Path) -> None:
    for name, suffix in (("sick", ".nii.gz"), ("well", ".nii")):
        for k in range(2):
            write(tmp_path / name / f"{k}{suffix}", RNG.integers(0, 9, (3, 4, 5)).astype(np.int16))
    dataset = data.open(tmp_path)
    assert dataset.labels.tolist() == [0] * 10 + [1] * 10
    assert dataset.groups is not None
    assert list(dict.fromkeys(dataset.groups.tolist())) == ["sick/0", "sick/1", "well/0", "well/1"]
    again = pickle.loads(pickle.dumps(dataset))
    for i in range(20):
        np.testing.assert_array_equal(again[i][0], dataset[i][0])


def test_a_packed_volume_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [
        write(tmp_path / f"{k}.nii.gz", RNG.integers(0, 99, (8, 8, 8)).astype(np.int16))
        for k in range(3)
    ]
    unpacked: list[Path] = []
    unpack = nifti_header._unpack

    def count(path: Path, *rest: Any) -> Any:
        unpacked.append(path)
        return unpack(path, *rest)

    monkeypatch.setattr(nifti_header, "_unpack", count)
    monkeypatch.setattr(nifti, "CACHED_BYTES", 2 * 8**3 * 2)  # room for two
    dataset = data.open(tmp_path)
    for i in range(24):
        dataset[i]
    assert unpacked == paths
    dataset[23], dataset[8]  # both are there still
    assert len(unpacked) == 3
    dataset[0]
    assert unpacked[3:] == [paths[0]]
    held = sum(v.nbytes for v in nifti._volumes.values())
    assert held <= nifti.CACHED_BYTES


def test_a_changed_file_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", np.zeros((2, 2, 2), np.uint8))
    dataset = data.open(path)
    assert dataset[0][0].max() == 0
    write(path, np.full((2, 2, 2), 255, np.uint8))
    assert dataset[0][0].min() == 1


def test_from_several_threads(tmp_path: Path) -> None:
    for k in range(4):
        write(tmp_path / f"{k}.nii.gz", RNG.integers(0, 99, (6, 7, 8)).astype(np.int16))
    dataset = data.open(tmp_path)
    expected = dataset.arrays()[0]
    found: list[Any] = [None] * len(dataset)

    def work(start: int) -> None:
        for i in range(start, len(dataset), 4):
            found[i] = dataset[i][0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.stack(found), expected)


@pytest.mark.parametrize(
    ("voxels", "says"),
    [
        (np.full((2, 2, 2), 0.5, np.float32), "no class numbers"),
        (np.full((2, 2, 2), -1, np.int16), "no class numbers"),
        (np.full((2, 2, 2), 256, np.int16), "no class numbers"),
        (np.full((2, 2, 2), np.nan, np.float32), "no class numbers"),
    ],
)
def test_masks_that_are_none(voxels: np.ndarray, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        NiftiMask(write(tmp_path / "m.nii", voxels), 2, 0).read("m.nii")


def test_whole_floats_are_class_numbers(tmp_path: Path) -> None:
    voxels = np.arange(8, dtype=np.float64).reshape(2, 2, 2)
    mask = NiftiMask(write(tmp_path / "m.nii", voxels), 2, 1).read("m.nii")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, shown(voxels[:, :, 1]))
