"""DICOM files for tests: small, written here, with any element set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

REAL = Path(os.path.dirname(pydicom.data.__file__)) / "test_files"
CT = "1.2.840.10008.5.1.4.1.1.2"


def dataset(pixels: np.ndarray, **elements: Any) -> Dataset:
    """Return a file's contents for (H, W), (F, H, W), (H, W, 3) or (F, H, W, 3) pixels."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = CT
    ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.SOPClassUID, ds.SOPInstanceUID = CT, ds.file_meta.MediaStorageSOPInstanceUID
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    frames = pixels.shape[:-3] if colour else pixels.shape[:-2]
    ds.Rows, ds.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    if frames:
        ds.NumberOfFrames = frames[0]
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    little = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    ds.PixelData = little + b"\0" * (len(little) % 2)
    ds["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for name, value in elements.items():
        setattr(ds, name, value)
    return ds


def write(path: Path, pixels: np.ndarray, **elements: Any) -> Path:
    """Write a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset(pixels, **elements).save_as(path, enforce_file_format=True)
    return path


def item(**elements: Any) -> Dataset:
    """Return an item of a sequence."""
    ds = Dataset()
    for name, value in elements.items():
        setattr(ds, name, value)
    return ds
