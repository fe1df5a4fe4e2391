"""DICOM files that are damaged, compressed, or made to fill the memory; and what may be missing."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

import nanocnn.data as data
from nanocnn.data import DataError, dicom_header
from tests.data.dicoms import dataset, write
from tests.data.test_dicom import HU, RNG, grey, message


def deflate(ds: Any) -> Any:
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return ds


def test_deflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = RNG.integers(0, 256, (2, 64, 64), dtype=np.uint8)
    deflate(dataset(values)).save_as(tmp_path / "a.dcm", enforce_file_format=True)
    opened = data.open(tmp_path / "a.dcm")
    np.testing.assert_allclose(opened[1][0][:, :, 0], values[1] / 255, atol=1e-6)
    monkeypatch.setattr(dicom_header, "MAX_INFLATED", 4096)
    monkeypatch.setattr(dicom_header, "_CHUNK", 1000)
    with pytest.raises(DataError, match="inflates to more than"):
        opened[0]


def compressed(path: Path, stream: bytes, syntax: str, shape: tuple[int, int]) -> Path:
    ds = dataset(np.zeros(shape, np.uint8))
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    ds.save_as(path, enforce_file_format=True)
    return path


def jpeg_header(height: int, width: int) -> bytes:
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xd9"


def j2k_header(height: int, width: int) -> bytes:
    sizes = struct.pack(">HIIIIIIIIHBBB", 0, width, height, 0, 0, width, height, 0, 0, 1, 7, 1, 1)
    return b"\xff\x4f\xff\x51" + struct.pack(">H", 2 + len(sizes)) + sizes + b"\xff\xd9"


@pytest.mark.parametrize(
    ("stream", "syntax"),
    [
        (jpeg_header(60000, 60000), JPEGBaseline8Bit),
        (j2k_header(60000, 60000), JPEG2000Lossless),
        (b"\0" * 12 + b"jP  " + j2k_header(60000, 60000), JPEG2000Lossless),
    ],
)
def test_compressed_pixels_larger_than_the_header_says(
    stream: bytes, syntax: str, tmp_path: Path
) -> None:
    text = message(compressed(tmp_path / "a.dcm", stream, syntax, (4, 4)))
    assert "says 4x4 with 1 channels, but its compressed pixels are 60000x60000" in text


def test_too_many_pixels_or_frames(tmp_path: Path) -> None:
    small = np.zeros((4, 4), np.uint8)
    path = write(tmp_path / "a.dcm", small, Rows=60000, Columns=60000)
    assert "60000x60000 pixels, more than the limit" in message(path)
    path = write(tmp_path / "b.dcm", small, NumberOfFrames=2_000_000_000)
    assert "damaged" in message(path)
    path = write(tmp_path / "c.dcm", small, NumberOfFrames=3)
    assert "damaged" in message(path)


def test_a_decoder_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = compressed(tmp_path / "a.dcm", jpeg_header(4, 4), JPEGBaseline8Bit, (4, 4))
    monkeypatch.setattr(Decoder, "is_available", property(lambda self: False))
    text = message(path)
    assert "compressed as 'JPEG Baseline (Process 1)'" in text
    assert 'pip install "nanocnn[medical]"' in text


def test_pydicom_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", HU)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(DataError, match=r'need pydicom, .*pip install "nanocnn\[medical\]"'):
        data.open(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_truncated(share: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", RNG.integers(0, 9, (40, 40), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "replace or remove" in message(path) or "no image" in message(path)


def test_float_pixels_need_a_window(tmp_path: Path) -> None:
    ds = dataset(np.zeros((2, 2), np.uint32))
    del ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    ds.FloatPixelData = np.array([0, 0.5, 1, 2], np.float32).tobytes()
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "float pixels and no window" in message(tmp_path / "a.dcm")
    assert grey(tmp_path / "a.dcm", window=(1, 2)).tolist() == [[0, 0.25], [0.5, 1]]


@pytest.mark.parametrize("window", ["lungs", (1,), (1, 0), (1, -2), (float("nan"), 1), 7, (1, "x")])
def test_refused_windows(window: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"window=.* give"):
        data.open(write(tmp_path / "a.dcm", HU), window=window)
