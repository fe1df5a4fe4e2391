"""DICOM files written here: every step from stored numbers to grey values, and damage."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

import nanocnn.data as data
from nanocnn.data import DataError
from nanocnn.data.windows import WINDOWS
from tests.data.dicoms import dataset, item, write

RNG = np.random.default_rng(0)
HU = np.array([[-2000, -1024, -600, 0], [40, 50, 400, 3071]], np.int16)


def grey(path: Path, **options: Any) -> np.ndarray:
    image = data.open(path, **options)[0][0]
    assert image.dtype == np.float32
    return image[:, :, 0]


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        data.open(path).arrays()
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    assert str(path.parent) not in text
    return text


@pytest.mark.parametrize("window", [*WINDOWS, (100, 300), (0.5, 1)])
def test_windows_in_hounsfield_units(window: Any, tmp_path: Path) -> None:
    stored = ((HU + 1024) * 2).clip(0).astype(np.uint16)
    path = write(
        tmp_path / "a.dcm", stored, Modality="CT", RescaleSlope=0.5, RescaleIntercept=-1024
    )
    center, width = WINDOWS[window] if isinstance(window, str) else window
    hounsfield = stored * 0.5 - 1024
    expected = np.clip((hounsfield - (center - width / 2)) / width, 0, 1)
    np.testing.assert_allclose(grey(path, window=window), expected, atol=1e-6)


def test_the_named_windows_are_the_published_ones() -> None:
    assert WINDOWS == {
        "lung": (-600, 1500),
        "brain": (40, 80),
        "bone": (400, 1800),
        "soft tissue": (50, 400),
    }


@given(
    center=st.integers(-900, 900),
    width=st.integers(2, 3000),
    slope=st.sampled_from([1, 2, 0.5]),
    intercept=st.sampled_from([0, -1024]),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID", None]),
)
@settings(max_examples=60, deadline=None)
def test_a_files_own_window_as_pydicom_applies_it(
    tmp_path_factory: pytest.TempPathFactory,
    center: int, width: int, slope: float, intercept: int, function: str | None,
) -> None:  # fmt: skip
    elements = {"WindowCenter": center, "WindowWidth": width, "RescaleSlope": slope}
    elements |= {"RescaleIntercept": intercept, "VOILUTFunction": function}
    path = tmp_path_factory.mktemp("window") / "a.dcm"
    write(path, HU, **{k: v for k, v in elements.items() if v is not None})
    ds = pydicom.dcmread(path)
    with np.errstate(over="ignore"):
        theirs = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
    low, high = (-32768 * slope + intercept), (32767 * slope + intercept)  # their output's range
    np.testing.assert_allclose(grey(path), (theirs - low) / (high - low), atol=2e-6)


def test_several_windows_the_first_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", HU, WindowCenter=[0, 500], WindowWidth=[100, 50],
                 VOILUTFunction="LINEAR_EXACT")  # fmt: skip
    np.testing.assert_array_equal(grey(path), grey(path, window=(0, 100)))


def test_a_window_without_width_does_not_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", HU, WindowCenter=0, WindowWidth=0, Modality="CT")
    np.testing.assert_array_equal(grey(path), grey(write(tmp_path / "b.dcm", HU, Modality="CT")))


def test_without_a_window(tmp_path: Path) -> None:
    ct = write(tmp_path / "ct.dcm", HU, Modality="CT")
    np.testing.assert_allclose(grey(ct), np.clip((HU + 1024) / 4095, 0, 1), atol=1e-6)
    signed = write(tmp_path / "signed.dcm", HU, Modality="MR", BitsStored=13, HighBit=12)
    np.testing.assert_allclose(grey(signed), (HU + 4096) / 8191, atol=1e-6)
    twelve = np.array([[0, 1000, 4095]], np.uint16)
    path = write(tmp_path / "u.dcm", twelve, Modality="DX", BitsStored=12, HighBit=11)
    np.testing.assert_allclose(grey(path), twelve / 4095, atol=1e-6)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    values = RNG.integers(0, 256, (5, 4), dtype=np.uint8)
    path = write(tmp_path / "a.dcm", values, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_allclose(grey(path), 1 - values / 255, atol=1e-6)
    np.testing.assert_allclose(
        grey(path, window=(128, 64)), 1 - np.clip((values - 96.0) / 64, 0, 1), atol=1e-6
    )


def test_32_bits_keep_their_last_bits(tmp_path: Path) -> None:
    values = np.array([[2**31, 2**31 + 1, 2**31 + 2]], np.uint32)
    image = grey(write(tmp_path / "a.dcm", values), window=(2**31 + 1, 2))
    assert image.tolist() == [[0, 0.5, 1]]


def test_tables_of_values_and_of_greys(tmp_path: Path) -> None:
    values = np.array([[0, 1, 2, 3]], np.uint8)
    table = item(LUTDescriptor=[4, 0, 8], LUTData=[0, 10, 200, 255])
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    voi = write(tmp_path / "voi.dcm", values, VOILUTSequence=[table])
    np.testing.assert_allclose(grey(voi), np.array([[0, 10, 200, 255]]) / 255, atol=1e-6)
    asked = grey(voi, window=(1.5, 3))
    np.testing.assert_allclose(asked, values / 3, atol=1e-6)  # of what was measured
    line = write(
        *(tmp_path / "line.dcm", values), VOILUTSequence=[table], RescaleSlope=1, RescaleIntercept=1
    )
    np.testing.assert_allclose(grey(line), np.array([[10, 200, 255, 255]]) / 255, atol=1e-6)
    modality = write(tmp_path / "modality.dcm", values, ModalityLUTSequence=[table])
    np.testing.assert_allclose(grey(modality), np.array([[0, 10, 200, 255]]) / 255, atol=1e-6)
    np.testing.assert_allclose(grey(modality, window=(10, 20)), [[0, 0.5, 1, 1]], atol=1e-6)


def test_colours(tmp_path: Path) -> None:
    for kind, full in ((np.uint8, 255), (np.uint16, 65535)):
        values = RNG.integers(0, full + 1, (4, 5, 3), dtype=kind)
        image = data.open(write(tmp_path / "a.dcm", values))[0][0]
        np.testing.assert_array_equal(image, values / np.float32(full))
    twelve = np.array([[[0, 2048, 4095]]], np.uint16)
    path = write(tmp_path / "b.dcm", twelve, BitsStored=12, HighBit=11)
    np.testing.assert_allclose(data.open(path)[0][0], twelve / 4095, atol=1e-6)


def test_frames_with_groups_of_their_own(tmp_path: Path) -> None:
    values = RNG.integers(0, 1000, (3, 4, 5), dtype=np.uint16)
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.25])],
        PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-10)],
    )
    own = [
        item(FrameVOILUTSequence=[item(WindowCenter=100 * k, WindowWidth=50 + k)]) for k in range(3)
    ]
    path = write(
        *(tmp_path / "a.dcm", values),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=own,
    )
    dataset = data.open(path)
    assert len(dataset) == 3
    assert dataset.spacing is not None
    assert dataset.spacing.tolist() == [[0.5, 0.25]] * 3
    for k in range(3):
        low = 100 * k - 0.5 - (49 + k) / 2
        expected = np.clip((values[k] * 2.0 - 10 - low) / (49 + k), 0, 1)
        np.testing.assert_allclose(dataset[k][0][:, :, 0], expected, atol=1e-6)


def test_a_frame_of_many_is_read_alone_and_named(tmp_path: Path) -> None:
    values = RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8)
    path = write(tmp_path / "a.dcm", values)
    dataset = data.open(path)
    for k in (5, 0, 3):
        np.testing.assert_allclose(dataset[k][0][:, :, 0], values[k] / 255, atol=1e-6)
    path.write_bytes(path.read_bytes()[:-25])
    with pytest.raises(DataError, match=r"'a.dcm, frame 6' is damaged or cut short"):
        dataset[5]
    np.testing.assert_allclose(dataset[0][0][:, :, 0], values[0] / 255, atol=1e-6)


def test_spacing(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.dcm", HU, PixelSpacing=[0.7, 0.6], ImagerPixelSpacing=[9, 9])
    write(tmp_path / "s" / "b.dcm", HU, ImagerPixelSpacing=[0.2, 0.1])
    write(tmp_path / "s" / "c.dcm", HU)
    write(tmp_path / "s" / "d.dcm", HU, PixelSpacing=[0, 0])
    dataset = data.open(tmp_path / "s")
    assert dataset.spacing is not None
    expected = [[0.7, 0.6], [0.2, 0.1], [np.nan, np.nan], [np.nan, np.nan]]
    np.testing.assert_array_equal(dataset.spacing, expected)
    np.testing.assert_array_equal(dataset.subset([1, 0]).spacing, [[0.2, 0.1], [0.7, 0.6]])


def test_series_are_sorted_by_position(tmp_path: Path) -> None:
    """Files are named against their order; the normal of the sagittal series points along x."""
    places = RNG.permutation(7)
    sagittal = [0, 1, 0, 0, 0, -1]
    for k, place in enumerate(places):
        for series, cosines, axis in (("1", [1, 0, 0, 0, 1, 0], 2), ("2", sagittal, 0)):
            position = [3.0, 4.0, 5.0]
            position[axis] = float(-place if series == "2" else place)
            write(
                *(tmp_path / "s" / f"{series}_{k}.dcm", np.full((2, 2), place, np.uint8)),
                **{"SeriesInstanceUID": f"1.2.{series}", "PatientID": "7", "InstanceNumber": k},
                **{"ImagePositionPatient": position, "ImageOrientationPatient": cosines},
            )
    dataset = data.open(tmp_path / "s")
    found = [round(float(image.max() * 255)) for image, _ in dataset]
    assert found == [*range(7), *range(7)]
    assert dataset.classes == ("unlabelled",)
    assert dataset.groups is not None
    assert len(set(dataset.groups)) == 1


def test_without_positions_the_instance_number_sorts(tmp_path: Path) -> None:
    for k in range(12):
        write(tmp_path / "s" / f"{k}.dcm", np.full((2, 2), k, np.uint8), InstanceNumber=12 - k,
              SeriesInstanceUID="1.2")  # fmt: skip
    found = [round(float(image.max() * 255)) for image, _ in data.open(tmp_path / "s")]
    assert found == [*range(11, -1, -1)]


def test_class_folders_with_names_that_have_no_suffix(tmp_path: Path) -> None:
    for c, name in enumerate(("benign", "malignant")):
        for k in range(2):
            write(tmp_path / name / "series" / f"IM{k}", np.full((3, 3), 10 * c + k, np.uint8),
                  PatientID=f"{c}", SeriesInstanceUID=f"1.{c}", InstanceNumber=9 - k)  # fmt: skip
    report = dataset(HU)
    for element in ("Rows", "Columns", "PixelData"):
        delattr(report, element)
    report.save_as(tmp_path / "benign" / "report.dcm", enforce_file_format=True)
    with pytest.warns(UserWarning, match=r"1 entries .* ignored: benign/report.dcm"):
        opened = data.open(tmp_path)
    assert opened.classes == ("benign", "malignant")
    assert opened.labels.tolist() == [0, 0, 1, 1]
    assert [round(float(x.max() * 255)) for x, _ in opened] == [1, 0, 11, 10]
    assert opened.ignored == ("benign/report.dcm",)
    assert opened.groups is not None
    assert opened.groups[0] == opened.groups[1] != opened.groups[2]
    again = pickle.loads(pickle.dumps(opened))
    np.testing.assert_array_equal(again[3][0], opened[3][0])


def test_a_folder_of_reports(tmp_path: Path) -> None:
    report = dataset(HU)
    del report.Rows, report.PixelData
    report.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "there is no image" in message(tmp_path / "a.dcm")
