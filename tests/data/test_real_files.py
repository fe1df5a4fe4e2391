"""Real DICOM and NIfTI files: those that pydicom and nibabel carry, and the shared volumes."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.pixels.decoders import JPEGExtended12BitDecoder

import nanocnn.data as data
from nanocnn.data import DataError
from tests.data.dicoms import REAL
from tests.data.niftis import shown

DICOM = sorted(
    path
    for path in REAL.rglob("*")
    if path.suffix == ".dcm" or (path.stem.isdigit() and path.is_file())
)
NIFTI = Path(os.path.dirname(nibabel.__file__)) / "tests" / "data"


def header(path: Path) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, stop_before_pixels=True)


def pydicoms_pixels(path: Path) -> np.ndarray | None:
    """Return what pydicom makes of a file, (F, H, W) or (F, H, W, 3); None if it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ds = pydicom.dcmread(path)
            pixels = ds.pixel_array
            if ds.PhotometricInterpretation == "PALETTE COLOR":
                pixels = pydicom.pixels.processing.apply_color_lut(pixels, ds)
            if ds.SamplesPerPixel == 1 and "RescaleSlope" in ds:
                pixels = pixels * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
        except Exception:
            return None
        return pixels if int(ds.get("NumberOfFrames", 1)) > 1 else pixels[None]


@pytest.mark.parametrize("path", DICOM, ids=lambda path: path.relative_to(REAL).as_posix())
def test_dicom(path: Path) -> None:
    """Either pydicom's pixels or one line: of the same files, and without a warning."""
    expected = pydicoms_pixels(path)
    if expected is None:
        with pytest.raises(DataError) as caught:
            data.open(path).arrays()
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value)
        return
    low, high = float(expected.min()), float(expected.max())
    dataset = data.open(path, window=((low + high) / 2, max(high - low, 1)))
    assert len(dataset) == len(expected)
    colour = expected.shape[-1] == 3 and expected.ndim == 4
    for k in (0, len(expected) - 1):
        image = dataset[k][0]
        assert image.dtype == np.float32
        assert image.shape == (*expected.shape[1:3], 3 if colour else 1)
        if colour:
            full = np.iinfo(expected.dtype).max
            np.testing.assert_allclose(image, expected[k] / full, atol=1e-6)
            continue
        image = image[:, :, 0]
        if header(path).PhotometricInterpretation == "MONOCHROME1":
            image = 1 - image
        middle, width = (low + high) / 2, max(high - low, 1)
        unit = np.clip((expected[k] - middle) / width + 0.5, 0, 1)
        np.testing.assert_allclose(image, unit, atol=1e-5)


def test_how_many_dicom_files_there_are_to_read() -> None:
    readable = sum(pydicoms_pixels(path) is not None for path in DICOM)
    assert readable >= 88
    syntaxes = set()
    for path in DICOM:
        if pydicoms_pixels(path) is not None:
            syntaxes.add(header(path).file_meta.TransferSyntaxUID.name)
    assert len(syntaxes) >= 11, syntaxes  # uncompressed, deflated, RLE, JPEG, JPEG-LS, JPEG 2000


def test_jpeg_of_twelve_bits_needs_a_decoder_that_the_extra_does_not_bring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(JPEGExtended12BitDecoder._available, "pylibjpeg", raising=False)
    with pytest.raises(DataError, match=r"'JPEG Extended.*pylibjpeg-libjpeg, under the GPL"):
        data.open(REAL / "JPEG-lossy.dcm").arrays()


def test_the_same_image_in_seven_syntaxes() -> None:
    names = ("", "_RLE", "_bigendian", "_expb", "_implicit", "_jp2klossless", "_jpeg_ls_lossless")
    images = [data.open(REAL / f"MR_small{name}.dcm")[0][0] for name in names]
    for image in images[1:]:
        np.testing.assert_array_equal(image, images[0])
    assert 0.1 < images[0].std() < 0.5


def test_a_ct_in_hounsfield_units() -> None:
    """Air and soft tissue of a head: the values are where they must be."""
    image = data.open(REAL / "CT_small.dcm", window=(0, 2000))[0][0]
    hounsfield = image * 2000 - 1000
    stored = pydicom.dcmread(REAL / "CT_small.dcm").pixel_array
    np.testing.assert_allclose(
        hounsfield[:, :, 0], np.clip(stored - 1024.0, -1000, 1000), atol=0.01
    )
    spacing = data.open(REAL / "CT_small.dcm").spacing
    assert spacing is not None
    assert spacing.tolist() == [[0.661468, 0.661468]]


def test_the_real_series_of_pydicom_by_patient_folders(tmp_path: Path) -> None:
    """77654033 has CR and CT series of one patient, 98892003 MR series of another."""
    for patient in ("77654033", "98892003"):
        shutil.copytree(REAL / "dicomdirtests" / patient, tmp_path / patient)
    dataset = data.open(tmp_path, key=b"a key of this test")
    assert dataset.classes == ("77654033", "98892003")
    assert dataset.groups is not None
    assert len(set(dataset.groups.tolist())) == 2
    for k in (0, 1):
        assert len(set(dataset.groups[dataset.labels == k].tolist())) == 1
    assert dataset.paths is not None
    series: dict[str, list[pydicom.Dataset]] = {}
    for path in dataset.paths:
        series.setdefault(header(path).SeriesInstanceUID, []).append(header(path))
    sorted_by = set()
    for files in series.values():
        turns = [np.array(ds.get("ImageOrientationPatient", np.zeros(6)), float) for ds in files]
        if len(files) > 2 and turns[0].any() and np.allclose(turns, turns[0], atol=0.01):
            normal = np.cross(turns[0][:3], turns[0][3:])
            places = [float(np.dot(normal, ds.ImagePositionPatient)) for ds in files]
            assert places == sorted(places)
            sorted_by.add("position")
        elif len(files) > 2:  # a scout in three planes, and views around the head
            numbers = [int(ds.InstanceNumber) for ds in files]
            assert numbers == sorted(numbers)
            sorted_by.add("number")
    assert sorted_by == {"position", "number"}
    for image, _ in dataset:
        assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize(
    "name", ["anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "functional.nii",
             "reoriented_anat_moved.nii", "resampled_anat_moved.nii", "standard.nii.gz"]
)  # fmt: skip
def test_nifti(name: str) -> None:
    path = NIFTI / name
    canonical = nibabel.as_closest_canonical(nibabel.load(path))
    voxels = canonical.get_fdata()  # type: ignore[attr-defined]
    voxels = voxels.reshape(*voxels.shape[:3], -1)
    low, high = np.nanmin(voxels), np.nanmax(voxels)
    voxels = np.where(np.isnan(voxels), low, voxels)  # outside of the head, in one of the files
    for axis in range(3):
        dataset = data.open(path, axis=axis)
        n = voxels.shape[axis]
        assert len(dataset) == n * voxels.shape[3]
        for i in (0, n // 2, len(dataset) - 1):
            plane = voxels[..., i // n].take(i % n, axis)
            expected = shown((plane - low) / (high - low))
            np.testing.assert_allclose(dataset[i][0][:, :, 0], expected, atol=1e-6)


@pytest.mark.data
def test_real_volumes_through_nifti_and_back(data_dir: Path, tmp_path: Path) -> None:
    """The hippocampi as a Decathlon folder: images and masks come back slice by slice."""
    with np.load(data_dir / "msd_hippocampus_48x64x48.npz", allow_pickle=False) as archive:
        volumes, labels = archive["images"][:3], archive["labels"][:3]
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    affine = np.diag([-1.0, 1, 1, 1])  # stored from right to left
    for k in range(3):
        for folder, arrays in (("imagesTr", volumes), ("labelsTr", labels)):
            nibabel.save(
                nibabel.Nifti1Image(arrays[k], affine),
                tmp_path / folder / f"hippocampus_{k}.nii.gz",
            )
    dataset = data.open(tmp_path, axis="coronal")
    x, masks = dataset.arrays()
    assert x.shape == (3 * 64, 48, 48, 1)
    assert dataset.groups is not None
    assert len(set(dataset.groups)) == 3
    for k in range(3):
        for i in range(64):
            np.testing.assert_array_equal(masks[64 * k + i], shown(labels[k][::-1, i]))
    assert set(np.unique(masks)) == {0, 1, 2}
    np.testing.assert_allclose(x[30, :, :, 0], shown(volumes[0][::-1, 30]) / 255, atol=1e-6)


@pytest.mark.data
def test_real_fundus_photographs_with_masks_of_vessels(data_dir: Path, tmp_path: Path) -> None:
    from PIL import Image

    with np.load(data_dir / "chasedb1_480.npz", allow_pickle=False) as archive:
        photographs = archive["images"][:4]
        vessels = np.unpackbits(archive["vessels"][:4], axis=-1)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for k in range(4):
        Image.fromarray(photographs[k]).save(tmp_path / "images" / f"{k}.png")
        Image.fromarray(vessels[k] * np.uint8(255)).save(tmp_path / "masks" / f"{k}.png")
    x, masks = data.open(tmp_path).arrays()
    np.testing.assert_array_equal(x, photographs / np.float32(255))
    np.testing.assert_array_equal(masks, vessels[:, :480, :480])


@pytest.mark.data
def test_real_nodules_by_a_table(data_dir: Path, tmp_path: Path) -> None:
    from PIL import Image

    with np.load(data_dir / "lidc_nodule_64.npz", allow_pickle=False) as archive:
        chosen = np.concatenate([np.flatnonzero(archive["labels"] == k)[:20] for k in (0, 1)])
        images, labels, exams = (archive[k][chosen] for k in ("images", "labels", "exam"))
    rows = ["path,label,patient"]
    for k in range(40):
        Image.fromarray(images[k]).save(tmp_path / f"{k}.png")
        rows.append(f"{k}.png,{('benign', 'malignant')[int(labels[k])]},{exams[k]}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    dataset = data.open(tmp_path / "table.csv", key="sixteen bytes or more")
    assert dataset.classes == ("benign", "malignant")
    assert dataset.labels.tolist() == labels.tolist()
    np.testing.assert_array_equal(dataset.arrays()[0][..., 0], images / np.float32(255))
    assert dataset.groups is not None
    same = dataset.groups[:, None] == dataset.groups
    np.testing.assert_array_equal(same, exams[:, None] == exams)
