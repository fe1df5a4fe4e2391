"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

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
