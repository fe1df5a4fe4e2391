"""Who a patient is never leaves a file: canaries in every field that could tell."""

from __future__ import annotations

import hashlib
import hmac
import logging
import pickle
import subprocess
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary

import nanocnn.data as data
from nanocnn.data import DataError, pseudonym
from tests.data.dicoms import dataset, item

KEY = b"0123456789abcdefKEYCANARY"
TEXT = {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE", "CS"}
# What the image is made of is no one's name; the rest of the dictionary may be.
NEEDED = {"PhotometricInterpretation", "Modality", "VOILUTFunction", "SpecificCharacterSet"}


def identified(**elements: Any) -> Any:
    """Return a file with a canary in every text of patient, study, series, equipment and people."""
    ds = dataset(np.arange(30, dtype=np.uint16).reshape(5, 6), **elements)
    n = 0
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        if tag >> 16 not in (0x0008, 0x0010, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040) or retired:
            continue
        if vr not in TEXT or not keyword or keyword in NEEDED or keyword in elements:
            continue
        setattr(ds, keyword, f"CANARY{n}^NAME" if vr == "PN" else f"CANARY {n}")
        n += 1
    assert n > 300
    for keyword in ("PatientName", "PatientID", "AccessionNumber", "InstitutionName"):
        assert "CANARY" in str(getattr(ds, keyword)) or keyword in elements
    for keyword in ("PatientBirthDate", "StudyDate", "ContentDate"):
        setattr(ds, keyword, "19991231")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.77777771", "1.2.77777772"
    ds.OtherPatientIDsSequence = [item(PatientID="CANARY other")]
    ds.add_new(0x00110010, "LO", "CANARY private")
    ds.add_new(0x00111001, "LT", "CANARY private text")
    return ds


CANARIES = ("CANARY", "19991231", "7777777")


def assert_clean(text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    for canary in CANARIES:
        assert canary.encode() not in content
        assert canary.encode("utf-16-le") not in content
        assert canary.encode("utf-32-le") not in content  # as NumPy stores strings


def everything_said(path: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Open and read; return all that was printed, logged, warned of, raised or kept."""
    said = []
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        try:
            opened = data.open(path, key=KEY)
            said += [repr(opened), repr(vars(opened)), repr(opened.groups), repr(opened.classes)]
            assert_clean(pickle.dumps(opened))
            assert b"KEYCANARY" not in pickle.dumps(opened)
            opened.arrays()
        except DataError as error:
            said += ["".join(traceback.format_exception(error)), repr(error.__cause__)]
            said.append(repr(error.__context__))
    said += [str(w.message) for w in caught] + [r.getMessage() for r in caplog.records]
    return "\n".join(said)


def test_no_field_of_a_good_file_gets_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    identified().save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert b"CANARY" in (tmp_path / "a.dcm").read_bytes()
    said = everything_said(tmp_path / "a.dcm", caplog)
    assert "ImageDataset(1 images" in said
    assert_clean(said)
    assert_clean("".join(capfd.readouterr()))


@pytest.mark.parametrize("damage", ["cut", "flip", "frames", "window", "id"])
def test_no_field_of_a_damaged_file_gets_out(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Damage makes pydicom warn and raise with what it found; none of it is passed on."""
    path = tmp_path / "a.dcm"
    ds = identified()
    if damage == "window":
        ds.WindowCenter = ds.WindowWidth = "5"
    ds.save_as(path, enforce_file_format=True)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        content = bytearray(whole)
        if damage == "cut":
            del content[int(rng.integers(200, len(content))) :]
        elif damage == "flip":
            for at in rng.integers(132, len(content), 20):
                content[at] ^= 1 << int(rng.integers(8))
        elif damage == "id":  # invalid characters and a length that is not allowed
            content = bytearray(whole.replace(b"CANARY 1", b"CANARY\xff\xfe"))
        else:
            content = bytearray(whole.replace(b"IS", b"PN").replace(b"US", b"LO"))
        path.write_bytes(content)
        said = everything_said(path, caplog)
        assert said
        # A flipped byte may turn a letter of a canary into another: look for the rest as well.
        assert_clean(said)


def test_extensions_and_descriptions_of_nifti_stay_in_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    header = image.header
    header["descrip"] = header["intent_name"] = b"CANARY"
    header["db_name"] = header["aux_file"] = b"CANARY"
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"CANARY name"))
    nibabel.save(image, tmp_path / "a.nii")
    assert (tmp_path / "a.nii").read_bytes().count(b"CANARY") >= 5
    said = everything_said(tmp_path / "a.nii", caplog)
    assert "ImageDataset(4 images" in said
    assert_clean(said)


def test_other_columns_of_a_table_stay_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for k in range(2):
        dataset(np.full((2, 2), k, np.uint8)).save_as(
            tmp_path / f"{k}.dcm", enforce_file_format=True
        )
    rows = "path,label,patient,name,birth\n0.dcm,a,CANARY 1,CANARY^X,19991231\n"
    (tmp_path / "t.csv").write_text(rows + "1.dcm,b,CANARY 2,CANARY^Y,19991231\n")
    said = everything_said(tmp_path / "t.csv", caplog)
    assert "2 groups" in said
    assert_clean(said)


@given(patient=st.text(max_size=30), key=st.binary(min_size=16, max_size=80))
def test_a_pseudonym_is_the_hmac(patient: str, key: bytes) -> None:
    expected = hmac.new(key, patient.strip().encode(), hashlib.sha256).hexdigest()
    assert pseudonym(patient, key) == "patient-" + expected[:32]
    assert pseudonym(f" {patient}  ", key) == pseudonym(patient, key)
    assert pseudonym(patient, key) != pseudonym(patient, key + b"x")


def test_the_same_over_runs_with_a_key_only(tmp_path: Path) -> None:
    identified(PatientID="4711").save_as(tmp_path / "a.dcm", enforce_file_format=True)
    code = (
        "import sys, nanocnn.data as d\n"
        "print(*(d.open(sys.argv[1], key=k).groups[0] for k in ('0123456789abcdef', None)))"
    )
    lines = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code, str(tmp_path / "a.dcm")],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert lines[0][0] == lines[1][0] == pseudonym("4711", b"0123456789abcdef")
    assert lines[0][1] != lines[1][1]
    assert lines[0][1].startswith("temporary-")


def test_the_same_patient_in_a_table_and_in_dicom(tmp_path: Path) -> None:
    for k in range(2):
        ds = dataset(np.full((2, 2), k, np.uint8), PatientID=f"{k}")
        ds.save_as(tmp_path / f"{k}.dcm", enforce_file_format=True)
    (tmp_path / "t.csv").write_text("path,label,patient\n0.dcm,a,0\n1.dcm,b,1\n")
    by_table = data.open(tmp_path / "t.csv", key=KEY).groups
    (tmp_path / "t.csv").write_text("path,label\n0.dcm,a\n1.dcm,b\n")
    by_header = data.open(tmp_path / "t.csv", key=KEY).groups
    assert by_table is not None
    assert by_header is not None
    assert by_table.tolist() == by_header.tolist() == [pseudonym("0", KEY), pseudonym("1", KEY)]


def test_the_data_set_says_that_its_names_are_for_this_run(tmp_path: Path) -> None:
    identified().save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "1 groups with names for this run only" in repr(data.open(tmp_path / "a.dcm"))
    assert "this run" not in repr(data.open(tmp_path / "a.dcm", key=KEY))


@pytest.mark.parametrize("key", [b"KEYCANARY", "KEYCANARY", "", 7, [1] * 20])
def test_keys_that_are_refused_are_not_shown(key: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the key") as caught:
        data.open(tmp_path, key=key)
    assert "KEYCANARY" not in str(caught.value)
