"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder with the real images, which the variable NANOCNN_DATA names.

    Without the variable the test is skipped; with it, a missing folder or file fails the test.
    """
    folder = os.environ.get("NANOCNN_DATA")
    if not folder:
        pytest.skip("NANOCNN_DATA is not set: it names the folder with the real images")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"NANOCNN_DATA names {folder!r}, which is not a folder")
    return path


@pytest.fixture
def dirty_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill every array that the kernels ask for with NaN, as a recycled block may be.

    What a kernel forgets to write, or adds to without setting it first, then shows.
    """
    from nanocnn.kernels import memory  # here, so that tests without kernels do not load Numba

    clean = memory.empty

    def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        array = clean(shape, dtype)
        array.fill(np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max)
        return array

    monkeypatch.setattr(memory, "empty", empty)
