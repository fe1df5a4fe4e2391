"""Checkpoints on the disk: damaged ones, a full disk, and what a killed process leaves."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanocnn.training import Checkpoint
from tests.layers.examples import same
from tests.training.test_checkpoint import Stop, build, everything, train

resource = pytest.importorskip("resource")  # limits of a process, on POSIX systems


def newest(folder: Path) -> Path:
    return Checkpoint(folder).files()[-1]


def expected() -> Any:
    model = build()
    return everything(model, *train(model, None))


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = bytearray()
    elif how == "bit":
        data[-5] ^= 1
    elif how == "text":
        place = data.index(b"softmax_cross_entropy")
        data[place : place + 7] = b"SOFTMAX"
    elif how == "longer":
        data += b"\0"
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "empty", "bit", "text", "longer"])
def test_a_damaged_one_is_told_and_the_one_before_is_used(how: str, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(build(), tmp_path, 10)
    damage(newest(tmp_path), how)
    model = build()
    with pytest.warns(
        UserWarning, match=r"^checkpoint .*epoch_00002_.* is damaged and is not used"
    ):
        result = train(model, tmp_path)
    assert same(everything(model, *result), expected())


def test_every_bit_is_under_the_checksum(tmp_path: Path) -> None:
    train(build(), tmp_path, epochs=1)
    data = newest(tmp_path).read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, 7, 8, 9, *rng.integers(0, len(data), 200)]:
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        newest(tmp_path).write_bytes(changed)
        with pytest.warns(UserWarning, match="is damaged"):
            assert Checkpoint(tmp_path).read() is None
    newest(tmp_path).write_bytes(data)
    assert Checkpoint(tmp_path).read() is not None


def test_with_none_that_is_whole_the_run_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(build(), tmp_path, 10)
    for path in Checkpoint(tmp_path).files():
        damage(path, "bit")
    model = build()
    with pytest.warns(UserWarning, match="is damaged"):
        result = train(model, tmp_path, keep=1)
    assert same(everything(model, *result), expected())
    assert len(Checkpoint(tmp_path).files()) == 1


def test_a_damaged_one_is_not_kept_in_place_of_a_whole_one(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(build(), tmp_path, 10)
    damage(newest(tmp_path), "bit")  # of 2 epochs
    with pytest.warns(UserWarning, match="is damaged"), pytest.raises(Stop):
        train(build(), tmp_path, 2, unit="batch", keep=1)
    assert newest(tmp_path).name == "epoch_00001_batch_0000001.safetensors"


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(build(), tmp_path, 5)
    whole = newest(tmp_path)
    left = tmp_path / f".{whole.name.replace('1_b', '2_b')}.0123abcd"
    left.write_bytes(whole.read_bytes()[:1000])
    mine = tmp_path / ".epoch_notes"
    mine.write_text("mine")
    model = build()
    assert same(everything(model, *train(model, tmp_path)), expected())
    assert not left.exists()
    assert mine.exists()


@contextmanager
def limit_of_file_size(size: int) -> Iterator[None]:
    """Let the system refuse what is written to a file beyond a size."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_the_system_refuses_to_write(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(build(), tmp_path, 5)
    whole = newest(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with (
        limit_of_file_size(whole.stat().st_size // 2),
        pytest.raises(
            OSError,
            match=r"checkpoint not written \(.* bytes\); the last good one is epoch_00001_b",
        ) as error,
    ):
        train(build(), tmp_path)
    assert error.value.errno == errno.EFBIG
    assert error.value.filename == str(tmp_path / "epoch_00002_batch_0000000.safetensors")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    model = build()
    assert same(everything(model, *train(model, tmp_path)), expected())


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_full_disk(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stop):
        train(build(), tmp_path, 5)
    names = sorted(os.listdir(tmp_path))

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if where == "write":
            patch.setattr("nanocnn.files.open", half_written, raising=False)
        else:
            patch.setattr(os, where, full)
        with pytest.raises(
            OSError, match="No space left on device: checkpoint not written"
        ) as error:
            train(build(), tmp_path)
    assert error.value.errno == errno.ENOSPC
    assert sorted(os.listdir(tmp_path)) == names
    model = build()
    assert same(everything(model, *train(model, tmp_path)), expected())


def half_written(path: Path, mode: str) -> Any:
    """Return a file on a disk that gets full half-way."""
    file = open(path, mode, buffering=0)  # noqa: SIM115
    write = file.write

    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *error: object) -> None:
            file.close()

        def write(self, data: bytes) -> None:
            write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return Full()


def test_the_first_one_cannot_be_written(tmp_path: Path) -> None:
    with limit_of_file_size(100), pytest.raises(OSError, match="; there is none before it; see to"):
        train(build(), tmp_path)
    assert list(tmp_path.iterdir()) == []
