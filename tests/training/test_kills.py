"""A process that is killed at any moment, and started again, ends with the same bits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from nanocnn.training import Checkpoint
from tests.training import killed

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems"),
    pytest.mark.compiled,  # in the processes that are started, so here as well: bits are compared
]


@cache
def straight() -> str:
    """Return the hash of a run that nobody interrupts, without checkpoints."""
    return killed.train(None)


def start(folder: Path, *place: str) -> subprocess.Popen[str]:
    """Start training, or go on; return the process when it has come to train."""
    code = [sys.executable, "-m", "tests.training.killed", str(folder), *place]
    process = subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a process; return what it said after "ready"."""
    assert process.stdout is not None
    told = process.stdout.read()
    process.stdout.close()
    process.wait(timeout=60)
    return told.strip()


def hidden(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


def newest(folder: Path) -> Path | None:
    return next(reversed(Checkpoint(folder).files()), None)


def wait_for_a_checkpoint(folder: Path, process: subprocess.Popen[str]) -> None:
    before = newest(folder)
    while newest(folder) == before and process.poll() is None:
        time.sleep(0.001)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments(kills: int, tmp_path: Path) -> None:
    moments, folder, runs, gone_on = random.Random(kills), tmp_path / "0", 0, 0
    done = 0
    while done < kills:
        gone_on += newest(folder) is not None
        process = start(folder)
        if done % 2:  # while kernels are loaded and a checkpoint is taken over, or not much later
            time.sleep(moments.uniform(0, 0.5))
        else:  # when it is well under way
            wait_for_a_checkpoint(folder, process)
            time.sleep(moments.uniform(0, 0.1))
        process.kill()
        told = end(process)
        if process.returncode == 0:  # it was faster, and another run begins
            assert told == straight()
            runs += 1
            folder = tmp_path / str(runs)
        else:
            assert process.returncode == -signal.SIGKILL
            done += 1
    assert gone_on >= kills // 2
    assert killed.train(str(folder)) == straight()
    assert hidden(folder) == []


@pytest.mark.parametrize("place", ["half written", "before the rename", "after the rename"])
def test_killed_in_the_midst_of_a_checkpoint(place: str, tmp_path: Path) -> None:
    process = start(tmp_path, place)
    assert process.stdout is not None
    assert process.stdout.readline() == "stopped\n"
    process.kill()
    end(process)
    found = [path.name for path in Checkpoint(tmp_path).files()]
    assert len(found) == (3 if place == "after the rename" else 2)  # of which 2 are to be kept
    left = hidden(tmp_path)
    assert len(left) == (0 if place == "after the rename" else 1)
    sizes = [(tmp_path / name).stat().st_size for name in (*left, found[-1])]
    assert (place == "half written") == (sizes[0] < 0.6 * sizes[-1])
    assert killed.train(str(tmp_path)) == straight()
    assert hidden(tmp_path) == []


def test_interrupted_from_the_keyboard(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_a_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGINT)
    end(process)
    assert process.returncode == -signal.SIGINT
    assert hidden(tmp_path) == []
    assert killed.train(str(tmp_path)) == straight()
