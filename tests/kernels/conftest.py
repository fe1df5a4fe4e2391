"""Fixtures for the kernels: threads that are really used, a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nanocnn import config
from nanocnn.kernels import conv, dropout, elementwise, norm, optimizers, threads
from tests.sizes import JIT


@pytest.fixture
def many_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], list[int]]]:
    """Return a function that sets the number of threads; all work is shared out from then on.

    It returns a list to which every use of the pool is appended.
    """
    if not JIT:  # smaller work items for smaller arrays; into machine code the sizes are built in
        monkeypatch.setattr(conv, "PART_BYTES", 4 << 10)
        for module in (dropout, elementwise, norm, optimizers):
            monkeypatch.setattr(module, "BLOCK", 1 << 8)
    used: list[int] = []
    workers = threads._workers

    def counted(n: int) -> Any:
        used.append(n)
        return workers(n)

    before = threads.get_num_threads()
    monkeypatch.setattr(threads, "INLINE_SECONDS", 0.0)
    monkeypatch.setattr(threads, "_workers", counted)

    def use(n: int) -> list[int]:
        threads.set_num_threads(n)
        used.clear()
        return used

    yield use
    threads.set_num_threads(before)


@pytest.fixture
def fresh_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs code in a new interpreter, with other environment variables."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **variables}
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def direct() -> Iterator[None]:
    """Let every convolution be direct."""
    with config.winograd(False):
        yield
