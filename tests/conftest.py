"""Fixtures for all tests, and what is different where Numba's JIT is switched off."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanocnn import _backend
from tests.sizes import JIT

# Without the JIT the kernels are loops in Python. Tests in these folders run them all the same;
# what stands above operations and layers (training, models, examples) needs any rung, and takes
# NumPy unless the test asks for another one.
RUN_THE_KERNELS = {
    *("kernels", "ops", "layers", "gradcheck", "mutants", "laws"),
    *("frozen", "reference", "vectorized"),
}


def pytest_configure() -> None:
    """Let a process that a test starts compile: the run is about the kernels in this process."""
    if not JIT:
        os.environ.pop("NUMBA_DISABLE_JIT", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of machine code where there is none."""
    if JIT:
        return
    left_out = [item for item in items if item.get_closest_marker("compiled")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Choose the rung that is used where a test names none, also in its fixtures and threads."""
    with pytest.MonkeyPatch.context() as patch:
        if not JIT and item.path.parent.name not in RUN_THE_KERNELS:
            default = ContextVar("nanocnn_backend", default="vectorized")
            patch.setattr(_backend, "_current", default)
        return (yield)


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
