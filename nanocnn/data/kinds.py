"""What kind of file is it: a picture, DICOM, NIfTI, or none of these."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .images import SUFFIXES

Kind = Literal["picture", "dicom", "nifti"]

_DICOM_SUFFIXES = frozenset((".dcm", ".dicom", ".ima"))
_DICOM_MARK, _DICOM_MARK_AT = b"DICM", 128


def kind_of(path: Path) -> Kind | None:
    """Tell by the name, or by the mark inside: DICOM files often have names without a suffix."""
    suffix, name = path.suffix.lower(), path.name.lower()
    if suffix in SUFFIXES:
        return "picture"
    if name.endswith((".nii", ".nii.gz")):
        return "nifti"
    if suffix in _DICOM_SUFFIXES or _has_mark(path):
        return "dicom"
    return None


def stem_of(path: Path) -> str:
    """Return the file's name without its suffix; ".nii.gz" is one."""
    return path.name[:-7] if path.name.lower().endswith(".nii.gz") else path.stem


def _has_mark(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(_DICOM_MARK_AT + 4)[_DICOM_MARK_AT:] == _DICOM_MARK
    except OSError:
        return False
