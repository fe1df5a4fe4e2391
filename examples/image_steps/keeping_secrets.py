"""The key of the pseudonyms, and a search for names in all that was written.

nanocnn reads no field that tells who a patient is. This looks for itself: it reads these fields
from the DICOM headers, and searches for their values in every text that the program leaves behind.
It does find something where a folder or a file bears a patient's name. What is burned into the
pixels it cannot see: look at the contact sheet.
"""

from __future__ import annotations

import os
import re
import secrets
import struct
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

import nanocnn as nc

VARIABLE = "NANOCNN_KEY"
FIELDS = (
    *("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames"),
    *("PatientAddress", "PatientTelephoneNumbers", "AccessionNumber", "StudyID"),
    *("InstitutionName", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
)
SHORTEST = 4  # letters; shorter values, such as "M" or "12", stand in every text by chance


def find_key(file: Path, *never_in: Path) -> str:
    """Return the key from the environment, or else from a file of the user's own, made if needed.

    Raises
    ------
    nanocnn.data.DataError
        If the file lies among the data or the results: it would be passed on with them.
    """
    if key := os.environ.get(VARIABLE):
        return key
    for folder in never_in:
        if file.resolve().is_relative_to(folder.resolve()):
            raise nc.data.DataError(
                f"the key file lies in {folder.resolve().name!r} and would be passed on with it; "
                f"give --key-file elsewhere, or the key in the variable {VARIABLE}"
            )
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # for you alone
        with open(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
    return file.read_text(encoding="utf-8").strip()


def identifying_values(files: Iterable[Path]) -> dict[str, str]:
    """Return the values that must not get out, with the field that each comes from."""
    import pydicom

    found: dict[str, str] = {}
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[*FIELDS])
                values = {field: str(header.get(field) or "") for field in FIELDS}
        except Exception:  # no DICOM file, or one with a damaged header: nothing was read from it
            continue
        for field, value in values.items():
            parts = re.split(r"[\^ ]+", value) if field.endswith(("Name", "Names")) else []
            found |= {v: field for v in (value, *parts) if len(v) >= SHORTEST}
    return found


def texts_of(folder: Path) -> dict[str, str]:
    """Return the names of the results, and what can be read in them."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    texts = {"the names of the files": "\n".join(file.name for file in files)}
    for file in files:
        if file.suffix in (".json", ".txt"):
            texts[file.name] = file.read_text(encoding="utf-8")
        elif file.suffix == ".safetensors":  # a length, then JSON; the rest are the weights
            with open(file, "rb") as stream:
                (length,) = struct.unpack("<Q", stream.read(8))
                texts[file.name] = stream.read(length).decode()
        elif file.suffix == ".png":
            with Image.open(file) as picture:
                texts[file.name] = "\n".join(map(str, picture.info.values()))
    return texts


def search(values: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Return where a value stands as a word of its own, by its field: not the value itself."""
    found = {
        f"{field} in {where}"
        for where, text in texts.items()
        for value, field in values.items()
        if value in text and re.search(rf"(?<![A-Za-z0-9.]){re.escape(value)}(?![A-Za-z0-9])", text)
    }
    return sorted(found)
