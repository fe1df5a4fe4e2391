"""A folder as a hospital exports it, of synthetic patients: CT slices, names in every header.

    labels.csv                      path,label
    case000/slice1.dcm ...          Hounsfield units with rescale slope and intercept

Slices 1 and 2 of a patient are neighbours, and so are 3 and 4: of one pair both show a nodule, of
the other none. Three faults are planted, each of a kind that real folders have.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc

CLASSES = ("normal", "nodule")
LOWEST_HU, WIDTH_HU = -1100.0, 1400.0  # of the phantoms' grey values 0 and 1: see `lung_ct`
FIELD_OF_VIEW_MM = 300.0
INTERCEPT = -1024  # HU = stored * 1 + INTERCEPT
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
FAMILY = ("Kowalczyk", "Andersen", "Okonkwo", "Fernandes", "Tanaka", "Lindqvist", "Moreau")
GIVEN = ("Marguerite", "Theodore", "Ngozi", "Benedikt", "Shizuka", "Rosalind")


class Export(NamedTuple):
    """What was written; files by their path below the folder."""

    table: Path
    patients: int
    files: int
    planted: dict[str, list[str]]  # by the kind of fault


def write_folder(folder: Path, patients: int, size: int, seed: int) -> Export:
    """Write four slices of each patient, a table of labels, and three faults.

    Raises
    ------
    nanocnn.data.DataError
        If pydicom is not installed, or there are too few patients for the faults.
    """
    check_pydicom()
    if patients < 4:
        raise nc.data.DataError(f"{patients} patients; needed are 4 or more, 10 to split them well")
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run, perhaps with other faults
    drawn = nc.data.phantoms.lung_ct(2 * patients, seed, size)
    rows = []
    for k in range(2 * patients):
        number, label = k // 2, CLASSES[drawn.labels[k]]
        for i, image in enumerate(with_neighbour(drawn.images[k], seed, k)):
            name = f"case{number:03d}/slice{2 * (k % 2) + i + 1}.dcm"
            write_slice(folder / name, image, number, z_mm=20.0 * (k % 2) + 2.5 * i, seed=seed)
            rows.append((name, label))
    planted = plant_faults(folder, rows, drawn.images[2], seed)
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("path", "label"), *rows])
    return Export(folder / "labels.csv", patients, len(rows), planted)


def check_pydicom() -> None:
    """Raise DataError if there is no pydicom."""
    try:
        import pydicom  # noqa: F401
    except ImportError:
        raise nc.data.DataError(
            'DICOM files need pydicom, which is not installed: pip install "nanocnn[medical]"'
        ) from None


def write_new_scan(path: Path, number: int, size: int, seed: int) -> None:
    """Write a slice of a patient who is in no folder."""
    drawn = nc.data.phantoms.lung_ct(1, seed, size, patients_from=number)
    write_slice(path, drawn.images[0], number, z_mm=0.0, seed=seed)


def with_neighbour(image: NDArray[Any], seed: int, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a slice and one that could lie 2.5 mm from it: a little deformed, with other noise."""
    change = nc.data.Augment(zoom=0.02, elastic=0.01, noise=0.015, seed=seed)
    return image, change(image[None, :, :, None], epoch=0, indices=[k])[0, :, :, 0]


def plant_faults(
    folder: Path, rows: list[tuple[str, str]], image: NDArray[Any], seed: int
) -> dict[str, list[str]]:
    """Add what people do by accident; `image` is the first slice of the patient with number 1."""
    label_of = dict(rows)
    # Exported twice: the same file under another name.
    first, again = "case000/slice1.dcm", "case000/slice1_copy.dcm"
    shutil.copy(folder / first, folder / again)
    # Filed under another patient, after a program for viewing had brightened it a little.
    own, foreign = "case001/slice1.dcm", "case002/slice5.dcm"
    write_slice(folder / foreign, np.clip(image * 1.03 + 0.01, 0, 1), 2, z_mm=50.0, seed=seed)
    # A transfer that broke off.
    broken = "case003/slice2.dcm"
    content = (folder / broken).read_bytes()
    (folder / broken).write_bytes(content[: len(content) // 2])
    rows += [(again, label_of[first]), (foreign, label_of[own])]
    return {"equal": [first, again], "near": [own, foreign], "unreadable": [broken]}


def write_slice(path: Path, image: NDArray[Any], number: int, *, z_mm: float, seed: int) -> None:
    """Write one CT slice with grey values in [0, 1], and with all that tells who was scanned."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    rng = np.random.default_rng([seed, number])  # one person, the same in all slices
    of_patient = [str(seed), str(number)]
    ds = Dataset()
    ds.PatientName = f"{FAMILY[number % len(FAMILY)]}^{GIVEN[number % len(GIVEN)]}"
    ds.PatientID = f"MRN-{rng.integers(10**6, 10**7)}"
    year, month, day = rng.integers((1930, 1, 1), (1990, 13, 29))
    ds.PatientBirthDate = f"{year}{month:02d}{day:02d}"
    ds.AccessionNumber = f"ACC{rng.integers(10**6, 10**7)}"
    ds.InstitutionName = "St Elsewhere Hospital"
    ds.ReferringPhysicianName = "Hargreaves^Philippa"
    ds.Modality, ds.BodyPartExamined = "CT", "CHEST"
    ds.StudyInstanceUID = generate_uid(entropy_srcs=[*of_patient, "study"])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=[*of_patient, "series"])
    ds.SOPClassUID = CT_IMAGE
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[*of_patient, path.name])
    ds.ImagePositionPatient = [-FIELD_OF_VIEW_MM / 2, -FIELD_OF_VIEW_MM / 2, z_mm]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [FIELD_OF_VIEW_MM / side for side in image.shape]
    ds.SliceThickness = 2.5
    # 12 bits as scanners store them: whole numbers from -1024 HU on.
    hu = np.clip(LOWEST_HU + WIDTH_HU * image, INTERCEPT, INTERCEPT + 4095)
    ds.Rows, ds.Columns = image.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, INTERCEPT, "HU"
    ds.WindowCenter, ds.WindowWidth = 40, 400  # the scanner's choice: soft tissue, lungs are black
    ds.PixelData = np.rint(hu - INTERCEPT).astype("<u2").tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(LITTLE_ENDIAN)
    ds.file_meta.MediaStorageSOPClassUID = UID(CT_IMAGE)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
