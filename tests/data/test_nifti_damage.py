"""NIfTI files that are damaged or made to fill the memory, and what may be missing."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn.data as data
from nanocnn.data import DataError, nifti_header
from tests.data.test_nifti import RNG, message, write


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_truncated(share: float, suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", RNG.integers(0, 99, (9, 9, 9)).astype(np.int16))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "replace or remove the file" in message(path)


def patched(path: Path, at: int, content: bytes) -> Path:
    """Overwrite bytes of a header."""
    whole = path.read_bytes()
    whole = gzip.decompress(whole) if path.suffix == ".gz" else whole
    whole = whole[:at] + content + whole[at + len(content) :]
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("at", "content"),
    [
        (42, np.array([32767] * 3, "<i2").tobytes()),  # 3.5e13 voxels
        (42, np.array([-5], "<i2").tobytes()),
        (40, np.array([0], "<i2").tobytes()),
        (40, np.array([77], "<i2").tobytes()),
        (70, np.array([1536], "<i2").tobytes()),  # a type of 16 bytes
        (70, np.array([32], "<i2").tobytes()),  # complex
        (108, np.array([3e38], "<f4").tobytes()),  # where the voxels begin
        (108, np.array([-900], "<f4").tobytes()),
        (108, np.array([np.nan], "<f4").tobytes()),
        (344, b"nope"),
        (344, b"ni1\0"),
        (280, np.zeros(12, "<f4").tobytes()),  # an affine that leaves out all axes
    ],
)
def test_headers_that_ask_for_too_much_or_for_nonsense(
    at: int, content: bytes, suffix: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a{suffix}", RNG.integers(0, 99, (9, 9, 9)).astype(np.int16))
    assert "replace or remove the file" in message(patched(path, at, content))


def test_a_packed_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.nii.gz", np.zeros((64, 64, 64), np.int16))
    monkeypatch.setattr(nifti_header, "MAX_UNPACKED", 2**18)
    assert "more than the limit of 0 MB; unpack it" in message(path)
    path = write(tmp_path / "b.nii", np.zeros((2, 2, 2, 3), np.int16))
    monkeypatch.setattr(nifti_header, "MAX_IMAGES", 5)
    assert "more than 5 slices" in message(path)


def test_nibabel_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.nii", np.zeros((2, 2, 2), np.int16))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(DataError, match=r'need nibabel, .*pip install "nanocnn\[medical\]"'):
        data.open(path)


@pytest.mark.parametrize("axis", [3, -1, "z", 1.5])
def test_refused_axes(axis: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no axis; give 0, 1, 2"):
        data.open(write(tmp_path / "a.nii", np.zeros((2, 2, 2), np.int16)), axis=axis)
