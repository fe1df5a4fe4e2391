"""What is read of a DICOM file's header: numbers about the pixels, and never who the patient is.

pydicom is told the elements to read; all others, names and birth dates among them, are passed over
before they become text. The patient's id is read here alone, and leaves as a pseudonym.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .errors import DataError
from .extras import require
from .privacy import pseudonym
from .quiet import warnings_as

MAX_FRAMES = 100_000
MAX_INFLATED = 256 * 2**20  # bytes of a file that is deflated as a whole
_DEFLATED = "1.2.840.10008.1.2.1.99"
_CHUNK = 2**20
_SHORTEST_FRAME = 8  # bytes of a compressed frame: the header of its item

PIXELS = (
    *("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated", "BitsStored"),
    *("PixelRepresentation", "PhotometricInterpretation", "Modality"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *("RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData"),
    *("GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData"),
    *("SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData"),
    "SegmentedBluePaletteColorLookupTableData",
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)
_PLACE = (
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing"),
)

Spacing = tuple[float, float]


class DicomSummary(NamedTuple):
    """What a data set needs to know of a file before its pixels are decoded."""

    frames: int  # 0: no image (a report, a plan, a structure set)
    group: str | None
    spacing: list[Spacing | None]  # one a frame
    series: str  # a pseudonym
    order: tuple[Any, ...]  # orientation, position, instance number: sorts the files of a series


def summarise(path: Path, key: bytes | None) -> DicomSummary | None:
    """Read the header; None if it cannot be read (reading the pixels then tells why)."""
    pydicom = require("pydicom", "DICOM files")
    try:
        with open(path, "rb") as stream, warnings_as("ignore"):
            check_deflated(stream, path.name)
            header = pydicom.dcmread(
                stream, stop_before_pixels=True, specific_tags=[*PIXELS, *_PLACE]
            )
            return _summarise(header, os.path.getsize(path), key)
    except Exception:  # of a dozen types; told, with the file's name, when its pixels are read
        return None


def _summarise(header: Any, file_size: int, key: bytes | None) -> DicomSummary:
    uid = str(header.get("StudyInstanceUID", "") or header.get("SeriesInstanceUID", "") or "")
    patient = str(header.get("PatientID", "") or "").strip() or uid
    frames = count_frames(header, file_size) if "Rows" in header and "Columns" in header else 0
    return DicomSummary(
        frames,
        pseudonym(patient, key) if patient else None,
        [frame_spacing(header, k) for k in range(frames)],
        pseudonym(str(header.get("SeriesInstanceUID", "")), key),
        _order(header),
    )


def check_deflated(stream: BinaryIO, name: str) -> bool:
    """Tell whether the file is deflated as a whole; raise if it would fill the memory.

    pydicom inflates such a file at once, whatever is asked of it.
    """
    from pydicom.filereader import read_file_meta_info

    meta = read_file_meta_info(stream.name)
    stream.seek(0)
    if meta.get("TransferSyntaxUID") != _DEFLATED:
        return False
    # After 128 bytes and "DICM" an element of 12 bytes holds the length of the meta information,
    # behind which the deflated stream begins.
    stream.seek(144 + int(meta.FileMetaInformationGroupLength))
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while data := inflate.unconsumed_tail or stream.read(_CHUNK):
        total += len(inflate.decompress(data, _CHUNK))
        if total > MAX_INFLATED:
            raise DataError(
                f"image {name!r} inflates to more than {MAX_INFLATED >> 20} MB; "
                "save it without deflation if you trust it"
            )
    stream.seek(0)
    return True


def count_frames(header: Any, file_size: int) -> int:
    """Return the number of frames.

    Raises
    ------
    ValueError
        If the file is too short for them: the number is wrong, or a trick to fill the memory.
    """
    frames = int(header.get("NumberOfFrames", 1) or 1)
    if not 1 <= frames <= min(MAX_FRAMES, max(1, file_size // _SHORTEST_FRAME)):
        raise ValueError(f"{frames} frames in {file_size} bytes")
    return frames


def in_groups(header: Any, frame: int, group: str, keyword: str) -> Any:
    """Return an element for one frame: from the frame's own group, the shared one, or the header.

    Enhanced multi-frame files keep what differs between frames in functional groups.
    """
    shared = header.get("SharedFunctionalGroupsSequence") or [None]
    own = header.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (own[frame] if frame < len(own) else None, shared[0]):
        sequence = groups.get(group) if groups is not None else None
        if sequence and sequence[0].get(keyword) is not None:
            return sequence[0].get(keyword)
    return header.get(keyword)


def frame_spacing(header: Any, frame: int) -> Spacing | None:
    """Return the distance of rows and of columns in mm, or None where it is not known."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = _numbers(in_groups(header, frame, "PixelMeasuresSequence", keyword), 2)
        if spacing and min(spacing) > 0:
            return spacing[0], spacing[1]
    return None


def _order(header: Any) -> tuple[Any, ...]:
    """Return the orientation, the position along its normal, the instance number."""
    position = _numbers(in_groups(header, 0, "PlanePositionSequence", "ImagePositionPatient"), 3)
    cosines = _numbers(
        in_groups(header, 0, "PlaneOrientationSequence", "ImageOrientationPatient"), 6
    )
    number = _numbers([header.get("InstanceNumber")], 1) or (0.0,)
    if not position or not cosines:
        return ((), 0.0, number[0])
    normal = np.cross(cosines[:3], cosines[3:])
    # Rounded, since the cosines of one series may differ in the last digit that was written.
    return (tuple(round(c, 2) for c in cosines), float(np.dot(position, normal)), number[0])


def _numbers(values: Any, n: int) -> tuple[float, ...]:
    """Return n finite numbers, or () if the element is absent, short or damaged."""
    if not isinstance(values, Iterable) or isinstance(values, str):
        return ()
    try:
        numbers = tuple(float(v) for v in values)
    except (TypeError, ValueError):
        return ()
    return numbers if len(numbers) == n and all(map(math.isfinite, numbers)) else ()
