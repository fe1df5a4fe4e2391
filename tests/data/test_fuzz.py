"""Damaged and hostile files: a clear error that names the file, or an image; never anything else.

In processes that go on from file to file, each allowed 1 GB and 5 seconds a file.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.damage import DAMAGES, hostile_files, opened_as, sound_files

SECONDS = 5
MEGABYTES = 1000
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits by /proc")


class Worker:
    """A process of `fuzz_worker`, and a thread that waits for its lines."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.data.fuzz_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.errors: list[str] = []
        for stream, put in (
            (self.process.stdout, self.lines.put),
            (self.process.stderr, self.note),
        ):
            threading.Thread(target=self.follow, args=(stream, put), daemon=True).start()
        try:
            assert self.lines.get(timeout=60) == "ready\n"
        except BaseException:
            self.end()
            raise

    def follow(self, stream: Any, put: Any) -> None:
        for line in stream:
            put(line)

    def note(self, line: str) -> None:
        self.errors = [*self.errors[-20:], line]

    def look(self, path: Path) -> dict[str, Any]:
        """Return the answer for one file; raise queue.Empty where none comes in time."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.lines.get(timeout=SECONDS))
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.end()


def refusal(worker: Worker, path: Path) -> str | None:
    """Return the error for a file, None if it was taken; fail if it did anything else."""
    try:
        answer = worker.look(opened_as(path))
    except queue.Empty:
        state = worker.process.poll()
        pytest.fail(f"{path}: no answer in {SECONDS} s (exit {state}) {''.join(worker.errors)}")
    assert answer["kind"] is None, f"{path}: {answer['kind']}"
    assert answer["peak"] < MEGABYTES, f"{path}: {answer['peak']} MB"
    error: str | None = answer["error"]
    if error is not None:
        assert "\n" not in error
        assert path.name in error, f"{path}: {error}"
        assert str(path.parent) not in error
    return error


def test_sound_files_are_taken(worker: Worker, tmp_path: Path) -> None:
    for path in sound_files(tmp_path / "sound"):
        assert refusal(worker, path) is None


def test_hostile_files_are_refused(worker: Worker, tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    files = hostile_files(tmp_path / "hostile", canary)
    assert len(files) > 40
    for path in files:
        error = refusal(worker, path)
        # The decoder of run lengths stops where the frame is full, so this one does no harm.
        assert (error is None) == (path.name == "rle.dcm"), f"{path}: {error}"
    assert not canary.exists()


def damaged(folder: Path, n: int) -> Iterator[Path]:
    """Damage the sound files in turn, n times."""
    rng = np.random.default_rng(0)
    files = sound_files(folder)
    contents = [path.read_bytes() for path in files]
    for k in range(n):
        path, content = files[k % len(files)], contents[k % len(files)]
        path.write_bytes(DAMAGES[k // len(files) % len(DAMAGES)](content, rng))
        yield path
        path.write_bytes(content)


def check(worker: Worker, folder: Path, n: int) -> None:
    refused = sum(refusal(worker, path) is not None for path in damaged(folder, n))
    assert refused > n / 3


def test_some_damaged_files(worker: Worker, tmp_path: Path) -> None:
    check(worker, tmp_path / "few", 100)


@pytest.mark.slow
def test_two_thousand_damaged_files(worker: Worker, tmp_path: Path) -> None:
    check(worker, tmp_path / "many", 2000)
